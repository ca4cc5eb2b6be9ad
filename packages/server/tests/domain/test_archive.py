"""Finished jobs leave the farm and come back: what they were entered into, and what is made anew."""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.archive import ArchivedJob, pack
from cuebot.domain.host_ends import ENDS_BESIDE_OTHERS
from cuebot.sim.specs import job_spec, layer_spec


def small_farm() -> SmallFarm:
    """A farm with a host, whose finished jobs leave memory with the next sweep."""
    farm = SmallFarm(settings=Settings(finished_jobs_in_memory=0))
    farm.host()
    return farm


def left(farm: SmallFarm) -> list[ArchivedJob]:
    """Let finished jobs leave; returns those that have left since the beginning."""
    farm.do(c.Sweep())
    return [archived for batch in farm.batches for archived in batch.rows.archived]


def recall(archived: ArchivedJob) -> c.RecallJob:
    """What loads a job again."""
    packed = pack(archived)
    return c.RecallJob(archived.job.id, packed.summary, packed.rest, superseded=False)


def test_a_frame_that_has_to_run_alone_has_to_after_its_job_came_back() -> None:
    """Its runs ended with their hosts before the job left memory: it gets a host to itself when it waits again."""
    farm = small_farm()
    (job,) = farm.launch(job_spec("one", layer_spec(range_text="1-2")))
    farm.layer("one/render").frames.set_host_ends(1, ENDS_BESIDE_OTHERS)
    farm.farm.requeue(job)
    farm.do(c.KillJob(job.id))
    (archived,) = left(farm)
    farm.do(recall(archived))
    assert farm.layer("one/render").frames.alone == {1}


def test_a_job_that_comes_back_before_it_was_written_is_not_written() -> None:
    """One batch never has a job both as archived and as one that is in memory."""
    farm = small_farm()
    (job,) = farm.launch(job_spec("one"))
    farm.do(c.KillJob(job.id))
    farm.core.execute(c.Sweep(), c.Envelope(), farm.now_us)
    (archived,) = farm.farm.dirty.archived.values()
    farm.core.execute(recall(archived), c.Envelope(), farm.now_us)
    rows = farm.core.take().rows
    assert (rows.archived, [row["id"] for row in rows.things["job"]]) == ([], [job.id])
    assert job.id not in rows.removed.get("job", ())
