"""What fields may be given, and what else follows from a change."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cuebot.decide.changes import checked
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import AlreadyExists, FarmError, Invalid, LimitExceeded, Refused
from cuebot.domain.farm import Farm
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.engine.core import SYSTEM, Core
from cuebot.spec import parse_spec


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
    "given", [("general,desktop other",), ("general|desktop", "other"), ("general", " desktop, other")]
)
def test_tags_are_split_by_setters_as_by_specifications(given: tuple[str, ...]) -> None:
    """Bars, commas and blanks separate tags; an allocation keeps its own as one text."""
    core = seeded()
    service = next(iter(core.farm.services.values()))
    do(core, c.Change("service", service.id, {"tags": given}))
    assert service.tags == ("general", "desktop", "other")
    allocation = next(iter(core.farm.allocations.values()))
    do(core, c.Change("allocation", allocation.id, {"tag": " | ".join(given)}))
    assert allocation.tag == "general,desktop,other"


@pytest.mark.parametrize(
    ("field", "element", "written", "most"),
    [
        ("min_cores", "cores", "{}", 100_000),
        ("max_cores", "", "", 100_000),
        ("min_memory", "memory", "{}", 16 * 1024**3),
        ("min_gpus", "gpus", "{}", 2**31 - 1),
        ("min_gpu_memory", "gpu_memory", "{}", 16 * 1024**3),
        ("timeout_minutes", "timeout", "{}", 2**31 - 1),
        ("timeout_llu_minutes", "timeout_llu", "{}", 2**31 - 1),
        ("max_retries", "", "", 16),
    ],
)
def test_setters_and_specifications_stop_at_the_same_numbers(field: str, element: str, written: str, most: int) -> None:
    """The largest value that a setter of a layer takes is the largest that its specification takes."""
    in_spec = most // 1024 if "memory" in field else most / 100 if field == "max_cores" else most
    unit = "m" if "memory" in field else ""

    def read(value: float) -> Any:
        text = f"<{element}>{written.format(value)}{unit}</{element}>" if element else ""
        name = {"max_cores": "maxcores", "max_retries": "maxretries"}.get(field, "")
        attribute = f'{name}="{value}"' if name else ""
        return parse_spec(
            '<spec cuefarm="1"><show>testing</show><shot>sh010</shot><user>ann</user><job name="one"><layers>'
            f'<layer name="render" type="Render" {attribute}><cmd>true</cmd><range>1</range>{text}</layer>'
            "</layers></job></spec>"
        )

    assert checked("layer", "render", {field: most}, DEFAULT_BOUNDS) == {field: most}
    assert read(in_spec)
    with pytest.raises(Invalid):
        checked("layer", "render", {field: most + 1}, DEFAULT_BOUNDS)
    with pytest.raises(Invalid):
        read(in_spec + 1)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("service", "min_memory", 2**62),
        ("service", "min_memory_increase", 2**40),
        ("service", "min_cores", -1),
        ("service", "max_cores", 100_001),
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
    facts = c.HostFacts("h1", "local", *[CoreUnits(100)] * 1, *[KiB(8_000_000)] * 6, 0, Micros(0), (), ())
    core.execute(c.ReportHost(facts, ()), SYSTEM, 1)
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
