"""Everything that can be done has one public name, and the page of names is what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuebot.decide import _DECIDERS
from cuebot.decide.changes import changeable
from cuebot.decide.shows import DELETABLE
from cuebot.domain import commands as c
from cuebot.domain.actions import ACTIONS, actions_of, arguments_of, target_of
from cuebot.domain.actions_page import page
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.states import HostState, LockState
from cuebot.domain.units import CoreUnits

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "actions.md"
CLASSES = sorted(_DECIDERS, key=lambda kind: kind.__name__)
FIELDS = [(kind, name) for kind, rules in changeable(DEFAULT_BOUNDS).items() for name in rules]


def command(kind: type[c.Command]) -> Any:
    """A command of a class, whatever is in it."""
    given: dict[type[c.Command], dict[str, Any]] = {
        c.Change: {"kind": "job", "id": "j", "changes": {"priority": 1}},
        c.Delete: {"kind": "show", "id": "s"},
        c.LockHost: {"host_id": "h", "lock": LockState.LOCKED},
    }
    fields = given.get(kind) or dict.fromkeys(kind.__dataclass_fields__)
    return kind(**fields)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_commands_has_one_name(kind: type[c.Command]) -> None:
    """What a command does is one action of the table."""
    (action,) = actions_of(command(kind))
    assert ACTIONS[action.name] is action


def test_every_class_that_is_decided_is_a_command_with_a_name_of_its_own() -> None:
    """No two classes share a name, so that a name says what happened."""
    names = [actions_of(command(kind))[0].name for kind in CLASSES]
    assert len(set(names)) == len(names)
    kinds = [kind for kind in vars(c).values() if isinstance(kind, type) and issubclass(kind, c.Command)]
    assert set(CLASSES) == set(kinds) - {c.Command}


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_field_that_may_be_changed_has_a_name(kind: str, name: str) -> None:
    """A change of it says which noun it is about."""
    (action,) = actions_of(c.Change(kind, "x", {name: 1}))
    assert action.noun == kind
    assert ACTIONS[action.name] is action


@pytest.mark.parametrize("kind", sorted(DELETABLE))
def test_every_kind_that_may_be_removed_has_a_name(kind: str) -> None:
    """`show.delete`, `limit.delete` and so on."""
    assert [action.name for action in actions_of(c.Delete(kind, "x"))] == [f"{kind}.delete"]


def test_a_switch_is_named_by_where_it_is_put() -> None:
    """To pause a job and to let it go on are two actions, and so are locking and unlocking a host."""
    pause, resume = (c.Change("job", "j", {"paused": paused}) for paused in (True, False))
    lock, unlock = (c.LockHost("h", state) for state in (LockState.LOCKED, LockState.OPEN))
    names = [action.name for each in (pause, resume, lock, unlock) for action in actions_of(each)]
    assert names == ["job.pause", "job.resume", "host.lock", "host.unlock"]


def test_a_change_of_several_fields_is_several_actions_and_one_where_they_belong_together() -> None:
    """Each is asked for; a start time and its reason are one thing."""
    several = c.Change("job", "j", {"priority": 1, "auto_eat": True})
    start = c.Change("layer", "l", {"start_after_us": 1, "start_after_reason": "at night"})
    assert [action.name for action in actions_of(several)] == ["job.set_priority", "job.set_auto_eat"]
    assert [action.name for action in actions_of(start)] == ["layer.set_start"]


def test_what_cannot_be_changed_or_removed_is_refused_and_has_no_name() -> None:
    """It is the caller's fault, as where it is decided."""
    with pytest.raises(Invalid, match="id of a job cannot be changed"):
        actions_of(c.Change("job", "j", {"id": "k"}))
    with pytest.raises(Invalid, match="a job cannot be removed"):
        actions_of(c.Delete("job", "j"))


def test_the_target_of_frames_are_their_layers() -> None:
    """A policy finds job and show from there; there may be a million frames."""
    frames = {"l1": np.array([0, 1]), "l2": np.array([5])}
    assert target_of(c.RetryFrames(frames)) == ("layer", ("l1", "l2"))
    assert target_of(c.MarkDone({"l1": np.array([0])}, ("l1", "l3"))) == ("layer", ("l1", "l3"))


def test_the_target_of_a_comment_is_what_it_is_about() -> None:
    """A remark on a host is done to the host."""
    assert target_of(c.AddComment("ann", "s", "m", job_id="j")) == ("job", ("j",))
    assert target_of(c.AddComment("ann", "s", "m", host_id="h")) == ("host", ("h",))


def test_arguments_are_published_with_units_in_their_names() -> None:
    """Fields of commands are the core's own; what is published is in the table."""
    assert arguments_of(c.Change("layer", "l", {"min_memory": 1024})) == {"layer": "l", "kib": 1024}
    assert arguments_of(c.Change("layer", "l", {"tags": ("a", "b")})) == {"layer": "l", "tags": ["a", "b"]}
    assert arguments_of(c.LockHost("h", LockState.OPEN)) == {"host": "h"}
    assert arguments_of(c.SetHostState("h", HostState.UP)) == {"host": "h", "state": "UP"}
    assert arguments_of(c.CreateSubscription("s", "a", CoreUnits(100), CoreUnits(200))) == {
        "show": "s", "allocation": "a", "size_centicores": 100, "burst_centicores": 200,
    }  # fmt: skip


def test_the_page_of_actions_is_what_the_table_says() -> None:
    """docs/reference/actions.md names each; `python -m cuebot.domain.actions_page` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()
