"""A job that left memory and comes back stands as if it had been there all the time."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.archive import PackedJob, pack
from cuebot.domain.bindings import layers_of
from cuebot.domain.states import BindSource, JobState
from cuebot.sim.specs import depend_spec, job_spec, layer_spec

PARTS = {
    "FRAME_BY_FRAME": ("top/work", "base/work"),
    "LAYER_ON_LAYER": ("top/work", "base/work"),
    "JOB_ON_LAYER": ("top", "base/work"),
    "JOB_ON_JOB": ("top", "base"),
}


class Archive(SmallFarm):
    """A farm whose finished jobs leave whenever it looks, and what became of them."""

    def __init__(self) -> None:
        super().__init__(settings=Settings(finished_jobs_in_memory=0))
        self.packed: dict[str, PackedJob] = {}
        self.host(cores=10_000)

    def look(self) -> None:
        """Let what may leave, leave; those that others refer to leave after these."""
        for _ in range(3):
            self.do(c.Sweep())
        for batch in self.batches:
            self.packed |= {archived.job.id: pack(archived) for archived in batch.rows.archived}

    def recall(self, *job_ids: str) -> None:
        """Have jobs in memory again, those first that others wait for."""
        for job_id in job_ids:
            self.do(c.RecallJob(job_id, *self.packed[job_id]))

    def finish_all(self, path: str, frames: int) -> None:
        """Let all frames of a layer succeed."""
        self.plan()
        for index in range(frames):
            self.end(self.run_of(path, index))


def launched(type: str) -> tuple[Archive, str, str]:
    """A job `top` that waits for `base`, three frames each; and the ids of both."""
    farm = Archive()
    base, top = farm.launch(
        job_spec("base", layer_spec("work", "1-3")),
        job_spec("top", layer_spec("work", "1-3")),
        depends=[depend_spec(type, *PARTS[type])],
    )
    return farm, base.id, top.id


@pytest.mark.parametrize("type", PARTS)
def test_what_a_job_waited_for_ended_while_it_was_away(type: str) -> None:
    """It was killed and left; once it is back and reopened, it waits for nothing any more."""
    farm, base, top = launched(type)
    assert farm.states("top/work") == "DDD"
    farm.do(c.KillJob(top, "later"))
    farm.look()
    assert top not in farm.farm.jobs
    farm.finish_all("base/work", 3)
    farm.look()
    assert not farm.farm.jobs
    farm.recall(base, top)
    farm.do(c.RetryFrames(farm.frames("top/work"), "now"))
    assert farm.states("top/work") == "WWW"


def test_what_a_job_waited_for_is_done_anew_while_it_was_away() -> None:
    """Frames that are wanted again wait for those that are, and for no others."""
    farm, base, top = launched("FRAME_BY_FRAME")
    farm.finish_all("base/work", 3)
    farm.finish_all("top/work", 3)
    farm.look()
    assert not farm.farm.jobs
    farm.wait(1)
    farm.recall(base)
    farm.do(c.RetryFrames(farm.frames("base/work", 1), "it is wrong"))
    farm.recall(top)
    farm.do(c.RetryFrames(farm.frames("top/work"), "with it"))
    assert farm.states("top/work") == "WDW"
    assert farm.farm.jobs[top].state is JobState.PENDING


def test_what_a_failure_made_a_limit_count_comes_back_with_its_job() -> None:
    """A job that leaves takes its bindings along, so the limit counts its layer no longer, and brings them back."""
    farm = Archive()
    limit_id = farm.do(c.CreateLimit("nuke", 9, exit_status=330))
    (job,) = farm.launch(job_spec("base", layer_spec("work", "1"), max_retries=1))
    farm.plan()
    farm.end(farm.run_of("base/work"), 330)
    bindings = dict(farm.layer("base/work").bindings)
    assert bindings["nuke"].source is BindSource.AUTO
    farm.finish_all("base/work", 1)
    farm.look()
    assert layers_of(farm.farm, farm.farm.limits[limit_id]) == []
    farm.recall(job.id)
    assert farm.layer("base/work").bindings == bindings
    assert layers_of(farm.farm, farm.farm.limits[limit_id]) == [farm.layer("base/work")]
