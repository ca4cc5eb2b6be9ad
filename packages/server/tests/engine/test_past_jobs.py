"""Finished jobs on disk, as the engine reads them: what is loaded before what, and when a list is complete."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_farm import SmallFarm

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.archive import ArchivedJob, PackedJob, pack
from cuebot.domain.states import DependType
from cuebot.engine import past_jobs
from cuebot.engine.past_jobs import Past, PastJobs
from cuebot.engine.ports import FoundJob, JobSearch
from cuebot.sim.specs import job_spec, layer_spec


class FakeHistory:
    """An archive in memory, of jobs that are found by their ids; a search looks at all of them."""

    def __init__(self, archived: Sequence[ArchivedJob]) -> None:
        self.archived = sorted(archived, key=lambda one: (-one.job.stopped_us, one.job.id))

    def job_with(self, text: str) -> str | None:
        """A job by its whole id."""
        return next((one.job.id for one in self.archived if one.job.id == text), None)

    def packed_job(self, job_id: str) -> PackedJob | None:
        """An archived job."""
        return next((pack(one) for one in self.archived if one.job.id == job_id), None)

    def has_younger(self, name: str, submitted_us: int) -> bool:
        """Whether a job of this name that was submitted later is archived."""
        return any(one.job.name == name and one.job.submitted_us > submitted_us for one in self.archived)

    def find_jobs(self, search: JobSearch, limit: int) -> list[FoundJob]:
        """The one that ended last first."""
        found = [FoundJob(one.job.id, one.job.stopped_us, pack(one).summary) for one in self.archived]
        if search.before is not None:
            stopped_us, id = search.before
            found = [one for one in found if (-one.stopped_us, one.id) > (-stopped_us, id)]
        return found[:limit]

    def specification(self, specification_id: str) -> bytes | None:
        """None is kept."""
        return None


def finished(*names: str) -> SmallFarm:
    """A farm whose jobs of one frame have finished, the first one first, and leave memory with the next sweep."""
    farm = SmallFarm(settings=Settings(finished_jobs_in_memory=0))
    for name in names:
        farm.launch(job_spec(name, layer_spec(range_text="1")))
    return farm


def end(farm: SmallFarm, *names: str) -> None:
    """End jobs, one after the other."""
    for name in names:
        farm.do(c.KillJob(farm.job(name).id))


def left(farm: SmallFarm) -> PastJobs:
    """Have all finished jobs leave memory, and read them."""
    while farm.farm.jobs:
        before = len(farm.farm.jobs)
        farm.do(c.Sweep())
        assert len(farm.farm.jobs) < before
    archived = [one for batch in farm.batches for one in batch.rows.archived]
    return PastJobs(FakeHistory(archived), farm.core.bounds)


@pytest.mark.parametrize("is_older_needed", [True, False])
async def test_a_job_that_two_others_need_is_loaded_before_both(is_older_needed: bool) -> None:
    """All depends are there again: a job comes after every one that it waited for, on whatever way that is found."""
    farm = finished("one", "two", "last")
    needed, needing = sorted(("one", "two"), key=lambda name: farm.job(name).id, reverse=not is_older_needed)
    for er, on in ((needing, needed), ("last", needed), ("last", needing)):
        farm.do(c.AddDepend(DependType.JOB_ON_JOB, farm.job(er).id, farm.job(on).id))
    end(farm, "one", "two", "last")
    ids = [farm.job(name).id for name in (needed, needing, "last")]
    past = left(farm)
    commands = await past.recall(farm.farm, ids[-1])
    assert [command.job_id for command in commands] == ids
    for command in commands:
        farm.do(command)
    assert len(farm.farm.depends) == 3


async def found(farm: SmallFarm, past: PastJobs, most: int, looks: int) -> Past:
    """Search for any job."""
    return await past.find(farm.farm, JobSearch(), lambda _: lambda job: True, most, looks)


@pytest.mark.parametrize(
    ("most", "looks", "jobs", "is_all"), [(9, 9, 3, True), (3, 9, 3, True), (2, 9, 2, False), (9, 2, 2, False)]
)
async def test_a_list_says_whether_all_was_looked_at(
    most: int, looks: int, jobs: int, is_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is complete where no more jobs matched than were asked for, and none was left that was not looked at."""
    monkeypatch.setattr(past_jobs, "JOBS_AT_A_TIME", 1)
    farm = finished("one", "two", "last")
    end(farm, "one", "two", "last")
    past = left(farm)
    result = await found(farm, past, most, looks)
    assert (len(result.jobs), result.is_all) == (jobs, is_all)
    names = [one.job.name.rpartition("_")[2] for one in result.jobs]
    assert names == ["last", "two", "one"][:jobs]


async def test_a_job_that_is_in_memory_again_is_not_listed_as_one_on_disk() -> None:
    """It is found once: where it lives."""
    farm = finished("one", "two")
    end(farm, "one", "two")
    one = farm.job("one").id
    past = left(farm)
    (command,) = await past.recall(farm.farm, one)
    farm.do(command)
    result = await found(farm, past, 9, 9)
    assert one not in [each.job.id for each in result.jobs]
    assert len(result.jobs) == 1
