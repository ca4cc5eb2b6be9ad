"""Every command that creates or changes a name refuses one that could be a path, a line break, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid

Create = Callable[[SmallFarm, str], c.Command]

CREATED: dict[str, Create] = {
    "show": lambda farm, name: c.CreateShow(name),
    "group": lambda farm, name: c.CreateGroup(name, root_of(farm)),
    "group renamed": lambda farm, name: c.Change("group", farm.do(c.CreateGroup("sub", root_of(farm))), {"name": name}),
    "facility": lambda farm, name: c.CreateFacility(name),
    "facility renamed": lambda farm, name: c.Change("facility", farm.do(c.CreateFacility("east")), {"name": name}),
    "allocation": lambda farm, name: c.CreateAllocation(name, "", facility_of(farm)),
    "allocation renamed": lambda farm, name: c.Change("allocation", allocation_of(farm), {"name": name}),
    "service": lambda farm, name: c.CreateService({"name": name}),
    "service renamed": lambda farm, name: c.Change("service", farm.farm.service_by_name["nuke"], {"name": name}),
    "limit": lambda farm, name: c.CreateLimit(name, 3),
    "limit renamed": lambda farm, name: c.RenameLimit(farm.do(c.CreateLimit("nuke", 3)), name),
    "host": lambda farm, name: c.ReportHost(replace(farm.facts(), name=name), (), boot=True),
}


def root_of(farm: SmallFarm) -> str:
    return next(iter(farm.farm.shows.values())).root_group_id


def facility_of(farm: SmallFarm) -> str:
    return farm.farm.facility_by_name["local"]


def allocation_of(farm: SmallFarm) -> str:
    return farm.do(c.CreateAllocation("night", "", facility_of(farm)))


@pytest.mark.parametrize("what", CREATED)
@pytest.mark.parametrize("name", [".", "..", "...", "", "a\nb", "a\0b", " ", "\x1b[31mred"])
def test_a_name_that_is_none_is_refused(what: str, name: str) -> None:
    """Dots alone, control characters and nothing at all are no name, whatever it is for; nothing is made."""
    farm = SmallFarm()
    command = CREATED[what](farm, name)
    before = len(farm.farm.hosts), len(farm.farm.shows), len(farm.farm.groups), len(farm.farm.allocations)
    with pytest.raises(Invalid):
        farm.do(command)
    assert before == (len(farm.farm.hosts), len(farm.farm.shows), len(farm.farm.groups), len(farm.farm.allocations))


@pytest.mark.parametrize("what", [what for what in CREATED if not what.startswith(("group", "host", "show"))])
@pytest.mark.parametrize("name", ["a/b", "../up", "a b", "a,b", "a|b", "größe", "x" * 1_000])
def test_the_names_of_lists_tags_and_command_lines_are_one_plain_word(what: str, name: str) -> None:
    """Allocations, facilities, services and limits: letters, digits and three signs; the refusal says so."""
    farm = SmallFarm()
    with pytest.raises(Invalid, match=r"characters out of letters a-z|without a dot"):
        farm.do(CREATED[what](farm, name))


@pytest.mark.parametrize("what", CREATED)
def test_an_ordinary_name_is_taken_everywhere(what: str) -> None:
    """What studios call things goes through every door."""
    farm = SmallFarm()
    farm.do(CREATED[what](farm, "gpu_2-night"))


def test_an_allocations_name_has_no_dot() -> None:
    """It would not be known where the facility ends."""
    farm = SmallFarm()
    with pytest.raises(Invalid, match="without a dot"):
        farm.do(c.CreateAllocation("a.b", "", facility_of(farm)))


def test_the_names_of_groups_are_in_words() -> None:
    """A person names it, also in another language; the bound is told."""
    farm = SmallFarm()
    farm.do(c.CreateGroup("Größe XL / Nacht", root_of(farm)))
    with pytest.raises(Invalid, match=f"1 to {DEFAULT_BOUNDS.listed_name_characters} printable characters"):
        farm.do(c.CreateGroup("x" * (DEFAULT_BOUNDS.listed_name_characters + 1), root_of(farm)))
