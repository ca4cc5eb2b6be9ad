"""The published monitoring interface over real gRPC: what was, in memory, on disk and after a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opencue_proto import comment_pb2, host_pb2, job_pb2
from opencue_proto import monitoring_pb2 as m

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.states import JobState
from cuebot.engine.core import SYSTEM
from cuebot.queries.farm_sums import FarmSums, ShowSums

AT_ONCE = Settings(finished_jobs_in_memory=0)
HOUR_US = 3_600_000_000

Start = Callable[..., Awaitable[Any]]


@pytest.fixture
async def start(start_site: Any, start_agent_of: Any, tmp_path: Path) -> Start:
    """Start a server on this test's database, with a host."""

    async def start(**options: Any) -> Any:
        site = await start_site(database=f"sqlite:///{tmp_path}/farm.sqlite", **{"settings": AT_ONCE, **options})
        site.agent = await start_agent_of(site)
        return site

    return start


async def finished(site: Any, tools: Any, name: str = "comp", layers: str = "", *, leaves: bool = True) -> Any:
    """Launch a job whose frames succeed; afterwards it is on disk alone, unless it is to stay."""
    job = await site.launch(layers, name=name)
    await tools.until(lambda: site.farm.jobs[job.id].state is JobState.FINISHED, 20.0)
    if leaves:
        await site.engine.submit(c.Sweep(), SYSTEM)
        assert job.id not in site.farm.jobs
    return job


async def jobs_of(site: Any, **request: Any) -> Any:
    """Ask for the history of jobs."""
    return await site.monitoring.GetJobHistory(m.GetJobHistoryRequest(**request))


async def test_jobs_that_ended_are_listed_from_memory_and_disk(start: Start, tools: Any) -> None:
    """The last first, with what they took; a pending job is no history."""
    site = await start()
    await finished(site, tools, "one")
    await finished(site, tools, "two", leaves=False)
    await site.launch(name="three", paused=True)
    reply = await jobs_of(site)
    assert [job.name for job in reply.jobs] == ["testing-sh1-ada_two", "testing-sh1-ada_one"]
    one = reply.jobs[1]
    assert (one.show, one.shot, one.user, one.facility) == ("testing", "sh1", "ada", "local")
    assert (one.final_state, one.total_frames, one.succeeded_frames, one.failed_frames) == (job_pb2.FINISHED, 10, 10, 0)
    assert one.max_rss == 2_000
    assert one.stop_time >= one.start_time > 0
    assert (reply.pagination.total_records, reply.pagination.total_pages) == (2, 1)


async def test_the_history_of_jobs_comes_in_pages(start: Start, tools: Any) -> None:
    """A page says how many there are; one beyond the last is empty, and max_results cuts all of them."""
    site = await start()
    for name in ("one", "two", "three"):
        await finished(site, tools, name)
    pages = [await jobs_of(site, page=page, page_size=2) for page in (0, 1, 2, 3)]
    assert [[job.name[-3:] for job in page.jobs] for page in pages] == [["ree", "two"], ["ree", "two"], ["one"], []]
    assert {(page.pagination.page_size, page.pagination.total_pages) for page in pages} == {(2, 2)}
    assert (await jobs_of(site, max_results=1)).pagination.total_records == 1


@pytest.mark.parametrize(
    ("request_fields", "found"),
    [
        ({"shows": ["testing"], "users": ["ada"], "shots": ["sh1"]}, True),
        ({"job_name_regex": ["_co.p$"]}, True),
        ({"job_name_regex": ["_other$"]}, False),
        ({"users": ["bob"]}, False),
        ({"states": [job_pb2.FINISHED]}, True),
        ({"states": [job_pb2.PENDING]}, False),
    ],
)
async def test_jobs_of_history_are_chosen_by_what_they_were(
    start: Start, tools: Any, request_fields: dict[str, Any], found: bool
) -> None:
    """Show, shot, user, state, and a pattern in the name."""
    site = await start()
    await finished(site, tools)
    assert bool((await jobs_of(site, **request_fields)).jobs) is found


async def test_a_time_chooses_jobs_by_their_end(start: Start, tools: Any) -> None:
    """In milliseconds, both ends included and either left out; one that ends before it begins is refused."""
    site = await start()
    job = await finished(site, tools, leaves=False)
    stopped_us = site.farm.jobs[job.id].stopped_us
    await site.engine.submit(c.Sweep(), SYSTEM)
    before, after = stopped_us // 1_000 - 1, stopped_us // 1_000 + 1
    for since, until, found in ((before, 0, 1), (after, 0, 0), (0, before, 0), (0, after, 1), (before, after, 1)):
        span = m.TimeRange(start_time=since, end_time=until)
        assert len((await jobs_of(site, time_range=span)).jobs) == found, (since - before, until - before)
    for since, until in ((2, 1), (10**15, 0), (0, 10**15), (2**62, 2**62), (-1, 0)):
        status, words = await site.refused(jobs_of(site, time_range=m.TimeRange(start_time=since, end_time=until)))
        assert (status, "time_range" in words) == ("INVALID_ARGUMENT", True), (since, until)


async def test_layers_and_frames_of_a_job_on_disk_have_their_history(start: Start, tools: Any) -> None:
    """By id as by name; frames that are over, or those in the states that are named."""
    site = await start()
    job = await finished(site, tools, layers=tools.layer("aaa", "1-3") + tools.layer("bbb", "1-2"))
    layers = await site.monitoring.GetLayerHistory(m.GetLayerHistoryRequest(job_name=job.name))
    assert [(layer.name, layer.total_frames, layer.succeeded_frames) for layer in layers.layers] == [
        ("aaa", 3, 3),
        ("bbb", 2, 2),
    ]
    assert {(layer.show, layer.job_name, tuple(layer.tags)) for layer in layers.layers} == {
        ("testing", job.name, ("general",))
    }
    request = m.GetFrameHistoryRequest(job_id=job.id, layer_names=["bbb"])
    frames = await site.monitoring.GetFrameHistory(request)
    assert [(frame.frame_number, frame.layer_name, frame.last_host) for frame in frames.frames] == [
        (1, "bbb", "host1"),
        (2, "bbb", "host1"),
    ]
    request = m.GetFrameHistoryRequest(job_id=job.id, states=[job_pb2.DEAD])
    assert not (await site.monitoring.GetFrameHistory(request)).frames
    request = m.GetFrameHistoryRequest(job_id=job.id, page=2, page_size=3)
    paged = await site.monitoring.GetFrameHistory(request)
    assert (len(paged.frames), paged.pagination.total_records) == (2, 5)
    long_ago = m.TimeRange(start_time=1, end_time=2)
    for asked in (m.GetLayerHistoryRequest, m.GetFrameHistoryRequest):
        rpc = getattr(site.monitoring, asked.__name__.removesuffix("Request"))
        assert (await rpc(asked(job_id=job.id, time_range=long_ago))).pagination.total_records == 0


async def test_the_history_of_a_job_that_is_not_named_or_not_there_is_refused(site: Any) -> None:
    """In words that say what is missing."""
    for rpc, request in (
        (site.monitoring.GetFrameHistory, m.GetFrameHistoryRequest()),
        (site.monitoring.GetLayerHistory, m.GetLayerHistoryRequest()),
        (site.monitoring.GetLayerMemoryHistory, m.GetLayerMemoryHistoryRequest()),
    ):
        assert (await site.refused(rpc(request)))[0] == "INVALID_ARGUMENT"
    status, words = await site.refused(site.monitoring.GetLayerHistory(m.GetLayerHistoryRequest(job_name="nope")))
    assert (status, "nope" in words) == ("NOT_FOUND", True)


async def test_memory_of_layers_with_a_name_is_known_job_by_job(start: Start, tools: Any) -> None:
    """From memory and from disk, whatever the name's spelling; a show and a time choose."""
    site = await start()
    await finished(site, tools, "one", tools.layer("big_sim", "1-4", memory="1g"))
    await finished(site, tools, "two", tools.layer("big_sim", "1-2", memory="2g"), leaves=False)
    await finished(site, tools, "three", tools.layer("other", "1-2"), leaves=False)

    async def memory(**fields: Any) -> list[Any]:
        request = m.GetLayerMemoryHistoryRequest(**{"layer_name": "Big-Sim", **fields})
        return list((await site.monitoring.GetLayerMemoryHistory(request)).records)

    assert [
        (
            one.job_name[-3:],
            one.reserved_memory,
            one.frame_count,
            one.max_rss,
            one.avg_frame_memory,
            one.p95_frame_memory,
        )
        for one in await memory()
    ] == [("two", 2 << 20, 2, 2_000, 2_000, 2_000), ("one", 1 << 20, 4, 2_000, 2_000, 2_000)]
    assert [one.job_name[-3:] for one in await memory(max_results=1)] == ["two"]
    assert len(await memory(shows=["testing"])) == 2
    assert await memory(shows=["nothing"]) == []
    assert await memory(time_range=m.TimeRange(start_time=1, end_time=2)) == []


async def hosts_of(site: Any, **request: Any) -> Any:
    """Ask what became of hosts."""
    return await site.monitoring.GetHostHistory(m.GetHostHistoryRequest(**request))


async def test_what_became_of_a_host_is_known_after_a_restart(start: Start) -> None:
    """First report, locks and states with what was before, the newest first; other changes are not told."""
    site = await start()
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    await site.host.Lock(host_pb2.HostLockRequest(host=host))
    await site.host.AddTags(host_pb2.HostAddTagsRequest(host=host, tags=["extra"]))
    await site.host.AddComment(
        host_pb2.HostAddCommentRequest(host=host, new_comment=comment_pb2.Comment(subject="a", message="b"))
    )
    await site.host.SetHardwareState(host_pb2.HostSetHardwareStateRequest(host=host, state=host_pb2.REPAIR))
    await site.host.Unlock(host_pb2.HostUnlockRequest(host=host))
    await site.stop()

    site = await start()
    reply = await hosts_of(site, host_names=["host1"])
    told = [event for event in reply.events if event.header.event_type != m.HOST_BOOT]
    assert [m.EventType.Name(event.header.event_type) for event in told] == [
        "HOST_UNLOCKED",
        "HOST_STATE_CHANGED",
        "HOST_LOCKED",
    ]
    unlocked, repaired, locked = told
    assert (unlocked.previous_lock_state, unlocked.host.lock_state) == (host_pb2.LOCKED, host_pb2.OPEN)
    assert (repaired.previous_state, repaired.host.state) == (host_pb2.UP, host_pb2.REPAIR)
    assert (locked.host.name, locked.facility, locked.nimby_locked) == ("host1", "local", False)
    assert all(event.header.timestamp > 1_600_000_000_000 and "by " in event.reason for event in reply.events)
    assert reply.pagination.total_records == len(reply.events)
    assert reply.events[-1].reason.startswith("reported for the first time")


@pytest.mark.parametrize(
    ("request_fields", "found"),
    [
        ({"states": [host_pb2.REPAIR]}, {"HOST_STATE_CHANGED"}),
        (
            {"allocations": ["local.general"], "facilities": ["local"], "states": [host_pb2.REPAIR]},
            {"HOST_STATE_CHANGED"},
        ),
        ({"allocations": ["local.unassigned"]}, set()),
        ({"host_names": ["other"]}, set()),
        ({"time_range": m.TimeRange(end_time=1_000)}, set()),
        ({"time_range": m.TimeRange(start_time=4_000_000_000_000)}, set()),
    ],
)
async def test_what_became_of_hosts_is_chosen(start: Start, request_fields: dict[str, Any], found: set[str]) -> None:
    """By name, facility, allocation, state and time."""
    site = await start()
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    await site.host.SetHardwareState(host_pb2.HostSetHardwareStateRequest(host=host, state=host_pb2.REPAIR))
    reply = await hosts_of(site, **request_fields)
    assert {m.EventType.Name(event.header.event_type) for event in reply.events} == found


async def test_a_host_that_was_deleted_is_still_told_of(start: Start) -> None:
    """By the name that it had."""
    site = await start()
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    await site.agent.stop()
    await site.host.Delete(host_pb2.HostDeleteRequest(host=host))
    reply = await hosts_of(site, host_names=["host1"])
    assert reply.events[0].reason.startswith("deleted")
    assert reply.events[0].host.name == "host1"


async def test_a_state_that_no_host_can_have_is_refused(start: Start) -> None:
    """With those that there are."""
    site = await start()
    status, words = await site.refused(site.monitoring.GetHostHistory(m.GetHostHistoryRequest(states=[99])))  # type: ignore[list-item]
    assert (status, "UP 0" in words) == ("INVALID_ARGUMENT", True)


async def test_a_search_for_what_became_of_hosts_looks_at_so_many_events(start: Start) -> None:
    """Beyond past_events_looked_at the answer says that it is not all."""
    site = await start(bounds=replace(DEFAULT_BOUNDS, past_events_looked_at=1))
    await site.launch(paused=True)
    call = site.monitoring.GetHostHistory(m.GetHostHistoryRequest())
    assert not (await call).events
    assert "past_events_looked_at" in dict(await call.trailing_metadata())["cuefarm-warning"]


async def statistics_of(site: Any, **request: Any) -> list[Any]:
    """Ask what the farm came to."""
    return list((await site.monitoring.GetFarmStatistics(m.GetFarmStatisticsRequest(**request))).statistics)


async def test_what_the_farm_comes_to_now_is_the_last_of_its_statistics(start: Start, tools: Any) -> None:
    """Jobs, frames, hosts, cores and shows."""
    site = await start()
    await finished(site, tools, "over")
    site.agent.finish = False
    await site.launch(name="busy")
    await tools.until(lambda: len(site.agent.runs) == 4)
    (now,) = await statistics_of(site)
    assert (now.total_jobs, now.pending_jobs, now.finished_jobs) == (2, 1, 1)
    assert (now.total_frames, now.running_frames, now.waiting_frames) == (10, 4, 6)
    assert (now.total_hosts, now.up_hosts, now.down_hosts, now.repair_hosts) == (1, 1, 0, 0)
    assert (now.total_cores, now.running_cores, now.idle_cores) == (4.0, 4.0, 0.0)
    assert (now.total_memory, now.used_memory) == (8_388_608, 0)
    (show,) = now.show_stats
    assert (show.show, show.pending_jobs, show.running_frames, show.reserved_cores) == ("testing", 1, 4, 4.0)


async def test_what_the_farm_came_to_is_known_after_a_restart(start: Start) -> None:
    """Of each interval the last; a time and a show choose."""
    site = await start()
    now_us = site.engine.now_us()
    at = [now_us - hours * HOUR_US for hours in (30, 3, 2, 1)]
    first = at[1] - at[1] % HOUR_US
    kept = [at[0], first, first + HOUR_US // 2, first + HOUR_US]
    for number, at_us in enumerate(kept):
        shows = (ShowSums(show="testing", pending_jobs=number), ShowSums(show="other", pending_jobs=7))
        sums = FarmSums(at_us=at_us, pending_jobs=number, cores=8.0, shows=shows)
        await site.databases[1].keep_farm_sums(at_us, msgspec.json.encode(sums))
    await site.databases[1].keep_farm_sums(kept[0], b"{}")  # of one moment the first is kept
    await site.stop()

    site = await start()
    day = await statistics_of(site)
    assert [one.pending_jobs for one in day] == [2, 3, 0]
    assert [one.snapshot_time for one in day[:2]] == [kept[2] // 1_000_000, kept[3] // 1_000_000]
    assert [one.pending_jobs for one in await statistics_of(site, interval_minutes=30)] == [1, 2, 3, 0]
    span = m.TimeRange(start_time=kept[0] // 1_000, end_time=kept[1] // 1_000 + 1)
    assert [one.pending_jobs for one in await statistics_of(site, time_range=span)] == [0, 1]
    chosen = await statistics_of(site, shows=["testing"])
    assert [[show.show for show in one.show_stats] for one in chosen] == [["testing"], ["testing"], []]
    assert (await site.refused(statistics_of(site, shows=["nothing"])))[0] == "NOT_FOUND"
