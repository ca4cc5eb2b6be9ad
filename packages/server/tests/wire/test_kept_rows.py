"""What is kept of jobs and hosts as bytes is at any time what would be made of them then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opencue_proto import facility_pb2, host_pb2, job_pb2, show_pb2
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.farm import Farm
from cuebot.domain.states import LockState
from cuebot.domain.units import SECOND
from cuebot.queries.comments import commented
from cuebot.queries.hosts import host_row
from cuebot.queries.jobs import job_row
from cuebot.sim.chaos.world import World
from cuebot.sim.specs import job_spec, layer_spec
from cuebot.wire.messages.hosts import host_message
from cuebot.wire.messages.jobs import job_message
from cuebot.wire.rows import KeptRows, list_of, row_of


def must_be_current(farm: Farm, kept: KeptRows) -> int:
    """Compare everything that is kept with what would be made now; return how much that is."""
    kept.refresh()
    remarked = commented(farm)
    for job in farm.jobs.values():
        assert kept.job(job) == row_of(job_message(job_row(farm, job, remarked))), job
    for host in farm.hosts.values():
        if not host.removed:
            assert kept.host(host) == row_of(host_message(host_row(farm, host, remarked))), host
    return len(kept)


class WatchedWorld(World):
    """A simulated farm whose jobs and hosts are listed every second."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.kept: tuple[Farm, KeptRows] | None = None
        self.compared = 0
        self.clock.later(SECOND, self._list)

    def _list(self) -> None:
        self.clock.later(SECOND, self._list)
        if self.server is None:
            return
        farm = self.server.farm
        if self.kept is None or self.kept[0] is not farm:  # the server was started again
            self.kept = farm, KeptRows(farm, DEFAULT_BOUNDS.kept_rows)
        self.compared += must_be_current(*self.kept)


@pytest.mark.parametrize("seed", range(1, 9))
def test_whatever_happens_what_is_kept_is_what_would_be_made_now(seed: int) -> None:
    """Launches, failures, kills, depends, moves, crashes: every second the kept bytes are those of new messages."""
    world = WatchedWorld(seed)
    world.run()
    assert world.compared > 1_000


CHANGES: dict[str, Callable[[SmallFarm], c.Command]] = {
    "a group is renamed": lambda f: c.Change("group", f.job("work").group_id, {"name": "other"}),
    "a facility is renamed": lambda f: c.Change("facility", f.job("work").facility_id, {"name": "other"}),
    "an allocation is renamed": lambda f: c.Change(
        "allocation", f.farm.host_named("host0").allocation_id, {"name": "other"}
    ),
    "an allocation gets a tag": lambda f: c.Change(
        "allocation", f.farm.host_named("host0").allocation_id, {"tag": "x"}
    ),
    "a job is paused": lambda f: c.Change("job", f.job("work").id, {"paused": True}),
    "a job is remarked on": lambda f: c.AddComment("ann", "a", "b", job_id=f.job("work").id),
    "a host is remarked on": lambda f: c.AddComment("ann", "a", "b", host_id=f.farm.host_named("host0").id),
    "a host is locked": lambda f: c.LockHost(f.farm.host_named("host0").id, LockState.LOCKED),
    "a host gets a tag": lambda f: c.AddHostTags(f.farm.host_named("host0").id, ("x",)),
    "a job is killed": lambda f: c.KillJob(f.job("work").id),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_people_change_is_seen_in_the_next_list(what: str) -> None:
    """Each of these changes what a job or a host looks like, and the next list has it."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("work", layer_spec("layer", "1-4")))
    kept = KeptRows(farm.farm, DEFAULT_BOUNDS.kept_rows)
    must_be_current(farm.farm, kept)
    before = [kept.job(job) for job in farm.farm.jobs.values()] + [kept.host(h) for h in farm.farm.hosts.values()]
    farm.do(CHANGES[what](farm))
    must_be_current(farm.farm, kept)
    after = [kept.job(job) for job in farm.farm.jobs.values()] + [kept.host(h) for h in farm.farm.hosts.values()]
    assert after != before


def test_a_remark_that_is_removed_is_not_shown_any_more() -> None:
    """A job without remarks says so, also after it had some."""
    farm = SmallFarm()
    (job,) = farm.launch(job_spec("work", layer_spec("layer", "1-4")))
    kept = KeptRows(farm.farm, DEFAULT_BOUNDS.kept_rows)
    must_be_current(farm.farm, kept)
    before = kept.job(job)
    farm.do(c.AddComment("ann", "a", "b", job_id=job.id))
    must_be_current(farm.farm, kept)
    farm.do(c.Delete("comment", next(iter(farm.farm.comments))))
    must_be_current(farm.farm, kept)
    assert kept.job(job) == before


def test_no_more_is_kept_than_is_allowed() -> None:
    """Beyond its limit the oldest row goes for the newest, and lists are right all the same."""
    farm = SmallFarm()
    farm.launch(*(job_spec(f"work{n}", layer_spec("layer", "1-4")) for n in range(5)))
    kept = KeptRows(farm.farm, most=3)
    must_be_current(farm.farm, kept)
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("response", "row"),
    [
        (job_pb2.JobGetJobsResponse, job_pb2.Job),
        (job_pb2.JobGetLayersResponse, job_pb2.Layer),
        (job_pb2.GroupGetJobsResponse, job_pb2.Job),
        (show_pb2.ShowGetJobsResponse, job_pb2.Job),
        (host_pb2.HostGetHostsResponse, host_pb2.Host),
        (host_pb2.HostGetHostWhiteboardResponse, host_pb2.NestedHost),
        (host_pb2.ProcGetProcsResponse, host_pb2.Proc),
        (facility_pb2.AllocGetHostsResponse, host_pb2.Host),
        (facility_pb2.AllocFindHostsResponse, host_pb2.Host),
    ],
)
def test_rows_put_together_are_the_response(response: Any, row: Any) -> None:
    """A list of rows is read as the message that its clients expect, however long it is."""
    names = [f"thing{n}" * 20 for n in range(300)]
    read = response.FromString(list_of([row_of(row(name=name)) for name in names]))
    ((_, sequence),) = read.ListFields()
    ((_, rows),) = sequence.ListFields()
    assert [one.name for one in rows] == names
    assert response.FromString(list_of([])).ByteSize() <= 2
