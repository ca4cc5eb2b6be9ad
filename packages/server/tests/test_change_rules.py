"""What fields may be given, and what else follows from a change."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cuebot.domain import commands as c
from cuebot.domain.errors import AlreadyExists, FarmError, Invalid, LimitExceeded, Refused
from cuebot.domain.farm import Farm
from cuebot.engine.core import SYSTEM, Core


def seeded() -> Core:
    """Return a core with the farm of a first start."""
    numbers = itertools.count(1)
    core = Core(Farm(), last_seq=0, started_us=0, new_id=lambda: f"{next(numbers):08x}-0000-4000-8000-000000000000")
    core.execute(c.Seed(), SYSTEM, 1)
    return core


def do(core: Core, command: c.Command) -> Any:
    """Carry out a command at some time."""
    return core.execute(command, SYSTEM, 1_000_000)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("service", "min_memory", 2**62),
        ("service", "min_memory_increase", 2**40),
        ("service", "min_cores", -1),
        ("service", "tags", ("x" * 1000,)),
        ("facility", "name", "a.b"),
        ("allocation", "tag", ""),
        ("show", "comment_email", "x" * 5000),
        ("subscription", "size", 2**40),
        ("group", "max_cores", -7),
        ("group", "name", "nul\0"),
    ],
)
def test_a_value_that_no_row_or_message_can_hold_is_refused(kind: str, field: str, value: Any) -> None:
    """What is absurd is refused with the field's name, before any event exists."""
    core = seeded()
    thing = next(iter(core.farm.table(kind).values()))
    with pytest.raises(Invalid, match=field):
        do(core, c.Change(kind, thing.id, {field: value}))


def test_a_new_service_is_checked_like_a_changed_one() -> None:
    """Creating is no way around the rules for changing."""
    with pytest.raises(Invalid, match="min_memory_increase"):
        do(seeded(), c.CreateService({"name": "x", "min_memory_increase": -5}))


def test_a_host_has_a_limited_number_of_tags() -> None:
    """Tags beyond the limit are refused by its name."""
    core = seeded()
    facts = c.HostFacts("h1", "local", *[c.CoreUnits(100)] * 1, *[c.KiB(8_000_000)] * 6, 0, c.Micros(0), (), ())
    core.report_host(c.ReportHost(facts, ()), SYSTEM, 1)
    host = core.farm.host_named("h1")
    with pytest.raises(LimitExceeded, match="names_per_list"):
        do(core, c.AddHostTags(host.id, tuple(f"t{n}" for n in range(1001))))


def groups(core: Core) -> tuple[str, str, str]:
    """Return the ids of root / a / b."""
    root = core.farm.show_named("testing").root_group_id
    a = do(core, c.CreateGroup("a", root))
    return root, a, do(core, c.CreateGroup("b", a))


def test_a_group_is_moved_below_another() -> None:
    """The group's parent is the one that was asked for."""
    core = seeded()
    root, _, b = groups(core)
    do(core, c.MoveGroups((b,), root))
    assert core.farm.groups[b].parent_id == root


@pytest.mark.parametrize(("what", "below"), [("a", "b"), ("a", "a"), ("root", "a")])
def test_a_group_never_comes_to_lie_below_itself(what: str, below: str) -> None:
    """Into itself, into what is below it, and the root: all refused."""
    core = seeded()
    ids = dict(zip(("root", "a", "b"), groups(core), strict=True))
    with pytest.raises(Refused):
        do(core, c.MoveGroups((ids[what],), ids[below]))


def test_a_group_is_not_moved_beside_one_of_its_name() -> None:
    """Names stay unique below one parent, and nothing of the request is done."""
    core = seeded()
    root, a, b = groups(core)
    twin, other = do(core, c.CreateGroup("b", root)), do(core, c.CreateGroup("c", root))
    with pytest.raises(AlreadyExists):
        do(core, c.MoveGroups((other, twin), a))
    assert {core.farm.groups[id].parent_id for id in (twin, other)} == {root}
    assert core.farm.groups[b].parent_id == a


def test_every_refusal_here_is_a_farm_error() -> None:
    """A field that does not exist is refused like a bad value."""
    core = seeded()
    with pytest.raises(FarmError, match="cannot be changed"):
        do(core, c.Change("show", core.farm.show_named("testing").id, {"id": "x"}))
