"""Several events of one command from which the same follows: it happens once, and counts stay right."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.recount import check
from cuebot.domain.states import DependType, FrameState, JobState, LockState
from cuebot.domain.units import KiB
from cuebot.sim.specs import job_spec, layer_spec, spec_of


@pytest.fixture
def farm() -> SmallFarm:
    """A host, a job `one` of two frames that runs, and a paused job `two` that waits for it and for a third."""
    farm = SmallFarm()
    farm.host(cores=800)
    farm.launch(job_spec("one", layer_spec("a", range_text="1-2"), max_retries=0))
    farm.plan()
    for name in ("two", "three"):
        farm.launch(job_spec(name, layer_spec("a", range_text="1"), paused=True))
    return farm


def wait_for(farm: SmallFarm, on: str, **how: Any) -> None:
    """The layer of `two` waits for that of another job."""
    two, other = farm.layer("two/a"), farm.layer(f"{on}/a")
    depend = c.AddDepend(DependType.LAYER_ON_LAYER, two.job_id, other.job_id, er_layer=two.id, on_layer=other.id, **how)
    farm.do(depend)


def held(farm: SmallFarm) -> tuple[str, int]:
    """The frame of `two`, and by how much it is held."""
    return farm.states("two/a"), int(farm.layer("two/a").frames.depend_count[0])


def test_eating_dead_and_running_frames_satisfies_what_waits_for_any_end_once(farm: SmallFarm) -> None:
    """What waits goes on waiting for the other job."""
    wait_for(farm, "one", on_failure=True)
    wait_for(farm, "three")
    farm.finish("one/a", 0, exit_status=1)
    assert farm.states("one/a") == "XR"
    farm.do(c.EatFrames(farm.frames("one/a")))
    assert held(farm) == ("D", 1)
    check(farm.farm)


def test_restoring_dead_and_succeeded_frames_satisfies_what_waits_for_any_of_them_once() -> None:
    """The same of a snapshot that is read again."""
    farm = SmallFarm()
    for name in ("one", "two", "three"):
        farm.launch(job_spec(name, layer_spec("a", range_text="1-3" if name == "one" else "1"), paused=True))
    wait_for(farm, "one", on_failure=True, any_frame=True)
    wait_for(farm, "three")
    ended = (c.EndedFrame(1, FrameState.DEAD), c.EndedFrame(2, FrameState.SUCCEEDED))
    farm.do(c.RestoreFrames(farm.layer("one/a").id, ended))
    assert held(farm) == ("D", 1)
    check(farm.farm)


def test_a_job_whose_last_run_is_lost_as_its_time_is_up_ends_once() -> None:
    """Both are found by one sweep; its frame had been eaten while it ran."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("a", range_text="1")))
    farm.plan()
    job = farm.job("one")
    farm.do(c.Change("job", job.id, {"time_limit_minutes": 1}))
    farm.report("host0", list(farm.farm.procs.values()))
    farm.do(c.Sweep())
    farm.do(c.EatFrames(farm.frames("one/a")))
    farm.wait(4_000)
    farm.do(c.Sweep())
    assert (job.state, len(farm.farm.procs)) == (JobState.FINISHED, 0)
    assert farm.core.sound


def test_a_host_that_is_dropped_takes_its_partition_and_the_job_that_ends_by_it() -> None:
    """The job's only frame was eaten while it ran there."""
    farm = SmallFarm()
    host = farm.host("desk")
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    farm.do(c.TakeOwnership(farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "ann")), host.id))
    farm.launch(job_spec("one", layer_spec("a", range_text="1")))
    job = farm.job("one")
    farm.do(c.AddPartition(host_id=host.id, job_id=job.id, user="ann", cores=200, memory=KiB(8 * GIB)))
    farm.plan()
    farm.do(c.EatFrames(farm.frames("one/a")))
    farm.do(c.DropHost(host.id))
    assert (job.state, farm.farm.partitions) == (JobState.FINISHED, {})
    check(farm.farm)


def test_jobs_of_one_specification_share_by_a_task_once() -> None:
    """Not once for each of them: a thousand would make half a million events."""
    farm = SmallFarm()
    (first,) = farm.launch(job_spec("first", layer_spec("a", range_text="1-2")))
    (department,) = farm.farm.departments.values()
    farm.do(c.SetTasks(department.id, {first.shot: 10_000}))
    farm.core.take()
    jobs = [job_spec(f"job{number}", layer_spec("a", range_text="1-2")) for number in range(100)]
    farm.do(c.SubmitJobs(spec_of(*jobs)))
    assert len(farm.core.take().events) < 4 * len(jobs)
    assert sum(job.min_cores for job in farm.farm.jobs.values()) == 10_000


def test_a_job_that_is_opened_again_has_its_share_anew() -> None:
    """What the others had for it, they have no more."""
    farm = SmallFarm()
    farm.host()
    for name in ("one", "two"):
        farm.launch(job_spec(name, layer_spec("a", range_text="1-8")))
    (department,) = farm.farm.departments.values()
    farm.do(c.SetTasks(department.id, {farm.job("one").shot: 1_000}))

    def shares() -> list[int]:
        return [farm.job(name).min_cores for name in ("one", "two")]

    assert shares() == [500, 500]
    frames = farm.frames("one/a", 0)
    farm.do(c.KillJob(farm.job("one").id))
    assert farm.job("two").min_cores == 1_000
    farm.do(c.RetryFrames(frames))
    assert sum(shares()) == 1_000
