"""A job by its id, or by the beginning of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cuebot.domain.errors import NotFound
from cuebot.domain.farm import Farm
from cuebot.domain.units import is_id

FIRST = "b0f2a4c6-0000-4000-8000-000000000001"
SECOND = "b0f2a4c6-0000-4000-8000-000000000002"
THIRD = "77777777-0000-4000-8000-000000000003"


@pytest.fixture
def farm() -> Farm:
    """A farm with two jobs of one name, and one of another."""
    farm = Farm()
    for order, (id, name) in enumerate(((FIRST, "s-x-a_robot"), (SECOND, "s-x-a_robot"), (THIRD, "s-x-a_cat"))):
        job: Any = SimpleNamespace(id=id, name=name, submitted_us=order, superseded=False)
        farm.jobs[id] = job
    return farm


def test_an_id_or_eight_characters_find_a_job(farm: Farm) -> None:
    """The whole id, or its beginning in either case; too short a beginning finds nothing."""
    assert farm.job_by_id(FIRST) is farm.jobs[FIRST]
    assert farm.job_named(THIRD[:8]) is farm.job_by_id(THIRD[:20].upper()) is farm.jobs[THIRD]
    assert farm.job_by_id(THIRD[:7]) is None
    assert not any(is_id(text) for text in ("s-x-a_robot", "", FIRST + "0", "deadbee"))


def test_what_begins_several_ids_is_refused_with_them(farm: Farm) -> None:
    """The message has the ids to choose from."""
    with pytest.raises(NotFound, match=f"2 jobs begin with b0f2a4c6; write more of it: {FIRST}, {SECOND}"):
        farm.job_named("b0f2a4c6")


def test_a_command_names_a_job_so_that_no_other_is_meant(farm: Farm) -> None:
    """By its name where that means it, otherwise by its id; an active job has its name for itself."""
    first, second = farm.jobs[FIRST], farm.jobs[SECOND]
    assert [farm.word_for(job) for job in (first, second)] == [FIRST, second.name]
    farm.active_job_by_name[first.name] = FIRST
    assert [farm.word_for(job) for job in (first, second)] == [first.name, SECOND]
