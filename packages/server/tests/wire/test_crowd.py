"""A client that asks for much waits, and nobody else does."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any

import grpc
import pytest
from opencue_proto import job_pb2

import cuebot.wire.services.jobs
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted
from cuebot.wire.calls_under_way import CallsUnderWay
from cuebot.wire.loop_share import BURST_SECONDS, DEBT_SECONDS, IDLE_AFTER_SECONDS, LoopShare
from cuebot.wire.shared_builds import SharedBuilds

ALL = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria())


async def ready(*tasks: asyncio.Task[Any]) -> list[bool]:
    """Let everything happen that can, and say which tasks are done."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


# --- calls by caller ----------------------------------------------------------------------------------------------


async def test_a_caller_who_asks_too_much_waits_and_the_others_do_not() -> None:
    """The third call of two allowed ones waits until one of them is over; another caller's goes on at once."""
    callers = CallsUnderWay(Bounds(calls_per_caller=2))
    await callers.enter("ann", 10)
    await callers.enter("ann", 10)
    third = asyncio.ensure_future(callers.enter("ann", 10))
    other = asyncio.ensure_future(callers.enter("bob", 10))
    assert await ready(third, other) == [False, True]
    callers.leave("ann")
    assert await ready(third) == [True]


async def test_more_than_may_wait_is_refused_with_the_limit_and_what_to_do() -> None:
    """Too many waiting calls, or too large ones, are refused; those that wait go on waiting."""
    limits = Bounds(calls_per_caller=1, waiting_calls_per_caller=2, waiting_bytes_per_caller=100)
    callers = CallsUnderWay(limits)
    await callers.enter("ann", 10)
    waiting = [asyncio.ensure_future(callers.enter("ann", 40))]
    await ready()
    with pytest.raises(Exhausted, match=r"waiting_bytes_per_caller.*wait for the answers"):
        await callers.enter("ann", 61)
    waiting.append(asyncio.ensure_future(callers.enter("ann", 60)))
    await ready()
    with pytest.raises(Exhausted, match=r"waiting_calls_per_caller.*wait for the answers"):
        await callers.enter("ann", 0)
    callers.leave("ann")
    callers.leave("ann")
    assert await ready(*waiting) == [True, True]


async def test_a_call_that_is_given_up_while_it_waits_leaves_its_place_to_others() -> None:
    """A client that goes away takes nothing with it, also when its turn has just come."""
    callers = CallsUnderWay(Bounds(calls_per_caller=1))
    await callers.enter("ann", 1)
    gone, late, last = (asyncio.ensure_future(callers.enter("ann", 1)) for _ in range(3))
    await ready()
    gone.cancel()
    await ready()
    callers.leave("ann")
    late.cancel()  # its place was given to it, and it does not know yet
    assert await ready(last) == [True]
    assert late.cancelled()


async def test_replies_wait_until_earlier_ones_have_been_read() -> None:
    """A caller has so many bytes of replies under way at most, but one reply may be larger."""
    callers = CallsUnderWay(Bounds(reply_bytes_per_caller=100))
    await callers.begin_reply("ann", 500)
    second, third = (asyncio.ensure_future(callers.begin_reply("ann", 60)) for _ in range(2))
    assert await ready(second, third) == [False, False]
    callers.end_reply("ann", 500)
    assert await ready(second, third) == [True, False]
    callers.end_reply("ann", 60)
    assert await ready(third) == [True]


async def test_a_server_says_so_when_one_caller_asks_for_too_much(start_site: Any) -> None:
    """Over the wire: calls beyond the limits get RESOURCE_EXHAUSTED, the rest their answers."""
    site = await start_site(bounds=Bounds(calls_per_caller=1, waiting_calls_per_caller=1))
    calls = [site.job.GetJobs(ALL) for _ in range(30)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, grpc.RpcError)]
    assert 0 < len(refused) < 30
    assert {error.code().name for error in refused} == {"RESOURCE_EXHAUSTED"}  # type: ignore[attr-defined]
    assert len((await site.job.GetJobs(ALL)).jobs.jobs) == 0


# --- the loop's time ----------------------------------------------------------------------------------------------


class Day:
    """A clock, and a farm in which things change."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changes = 0


def test_reads_get_their_share_of_a_farm_that_works_and_nearly_all_of_one_that_does_not() -> None:
    """A tenth of the time while something changes all along; after that there is always room."""
    day = Day()
    share = LoopShare(0.1, lambda: day.changes, lambda: day.now)
    share.spend(BURST_SECONDS)
    taken = 0.0
    for _ in range(1_000):
        day.now += 0.001
        day.changes += 1
        while share.is_free:
            share.spend(0.000_1)
            taken += 0.000_1
    assert taken == pytest.approx(0.1, rel=0.05)
    day.now += IDLE_AFTER_SECONDS + 0.001
    assert share.is_free  # which it looks up, and finds that nothing has changed
    share.spend(BURST_SECONDS + 0.009)
    day.now += 0.012
    assert share.is_free


def test_one_costly_read_keeps_the_others_waiting_for_a_moment_only() -> None:
    """However long it took, after a while at its share there is room again."""
    day = Day()
    share = LoopShare(0.5, lambda: day.changes, lambda: day.now)
    share.spend(10.0)
    day.now, day.changes = day.now + 0.001, 1
    assert not share.is_free
    day.now, day.changes = day.now + 2 * DEBT_SECONDS, 2
    assert share.is_free


async def test_those_who_wait_go_on_in_turn_whoever_asked_most() -> None:
    """Of a caller with ten reads and one with a single one, the second is heard after one of the first."""
    share = LoopShare(0.5, lambda: 0)
    share.spend(BURST_SECONDS + 0.005)
    heard: list[str] = []

    async def read(caller: str) -> None:
        await share.turn(caller)
        heard.append(caller)

    await asyncio.wait_for(asyncio.gather(*(read("many") for _ in range(10)), read("one")), 5)
    assert (heard.index("one"), len(heard)) == (1, 11)


# --- lists --------------------------------------------------------------------------------------------------------


async def test_twenty_lists_cost_one_build() -> None:
    """Those who ask before a build has begun share it; who asks later gets a later one."""
    builds, may_begin, may_end, made = SharedBuilds(), asyncio.Event(), asyncio.Event(), []

    async def turn() -> None:
        await may_begin.wait()

    async def build() -> int:
        made.append(len(made))
        await may_end.wait()
        return made[-1]

    first = [asyncio.ensure_future(builds.ask("jobs", turn, build)) for _ in range(20)]
    await ready()
    may_begin.set()
    await ready()
    late = [asyncio.ensure_future(builds.ask("jobs", turn, build)) for _ in range(20)]
    await ready()
    may_end.set()
    assert (await asyncio.gather(*first), await asyncio.gather(*late)) == ([0] * 20, [1] * 20)
    assert builds.builds == 2


async def test_a_build_ends_when_nobody_wants_it_any_more() -> None:
    """Whoever asks after all who asked before went away, gets an answer of his own."""
    builds, may_begin = SharedBuilds(), asyncio.Event()

    async def turn() -> None:
        await may_begin.wait()

    async def build() -> str:
        return "list"

    asked = [asyncio.ensure_future(builds.ask("jobs", turn, build)) for _ in range(2)]
    await ready()
    for one in asked:
        one.cancel()
    again = asyncio.ensure_future(builds.ask("jobs", turn, build))
    may_begin.set()
    assert await asyncio.wait_for(again, 5) == "list"
    assert builds.builds == 1


async def test_a_crowd_of_clients_makes_few_builds(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the wire, sixty lists that are asked for while one is being built cost one more."""
    await site.launch(paused=True)
    built, build = [], cuebot.wire.services.jobs.list_jobs

    async def counted(call: Any, criteria: Any) -> bytes:
        built.append(criteria)
        await asyncio.sleep(0.5)
        return await build(call, criteria)

    monkeypatch.setattr(cuebot.wire.services.jobs, "list_jobs", counted)
    answers = await asyncio.gather(*(site.job.GetJobs(ALL) for _ in range(60)))
    assert {len(answer.jobs.jobs) for answer in answers} == {1}
    assert len(built) <= 3


async def test_a_list_that_was_asked_for_after_a_change_has_it(site: Any) -> None:
    """Whoever changed a job sees it in the list that he asks for next, whatever others ask for meanwhile."""
    job = await site.launch(paused=True)
    stop = asyncio.Event()

    async def others() -> None:
        while not stop.is_set():
            await site.job.GetJobs(ALL)

    crowd = [asyncio.ensure_future(others()) for _ in range(20)]
    for priority in range(2, 60):
        await site.job.SetPriority(job_pb2.JobSetPriorityRequest(job=job, val=priority))
        listed = (await site.job.GetJobs(ALL)).jobs.jobs
        assert [one.priority for one in listed] == [priority]
    stop.set()
    await asyncio.gather(*crowd)


# --- clients that do not read -------------------------------------------------------------------------------------


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def header(name: bytes, value: bytes) -> bytes:
    """One header, written in full."""
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


class DeafClient:
    """Asks for the list of jobs, answers every ping, and never opens its window for the reply."""

    SETTINGS, PING = 4, 6

    def __init__(self, port: int) -> None:
        self.hung_up = threading.Event()
        self._socket = socket.create_connection(("127.0.0.1", port))
        head = header(b":method", b"POST") + header(b":scheme", b"http") + header(b":authority", b"x")
        head += header(b":path", b"/job.JobInterface/GetJobs") + header(b"te", b"trailers")
        head += header(b"content-type", b"application/grpc")
        body = ALL.SerializeToString()
        self._socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(self.SETTINGS, 0, 0, b"")
            + frame(1, 4, 1, head)
            + frame(0, 1, 1, struct.pack(">BI", 0, len(body)) + body)
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Go away."""
        self._socket.close()
        self._thread.join(5)

    def _listen(self) -> None:
        heard = b""
        try:
            while more := self._socket.recv(65_536):
                heard += more
                while len(heard) >= 9 and len(heard) >= (size := 9 + int.from_bytes(heard[:3])):
                    kind, flags, payload = heard[3], heard[4], heard[9:size]
                    heard = heard[size:]
                    if kind in (self.SETTINGS, self.PING) and not flags & 1:
                        self._socket.sendall(frame(kind, 1, 0, payload if kind == self.PING else b""))
        except OSError:
            pass
        self.hung_up.set()


async def test_a_client_that_stops_reading_is_let_go(start_site: Any, tools: Any) -> None:
    """It keeps its connection alive and leaves its reply where it is: after a time the connection is ended."""
    site = await start_site(bounds=Bounds(reply_seconds=1))
    jobs = "".join(
        f'<job name="job{n}"><paused>True</paused><layers>{tools.layer("beauty", "1-2")}</layers></job>'
        for n in range(600)
    )
    text = f"<spec><facility>local</facility><show>testing</show><shot>sh1</shot><user>ada</user>{jobs}</spec>"
    await site.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=text))
    client = DeafClient(site.port)
    try:
        await asyncio.to_thread(client.hung_up.wait, 0.5)
        assert not client.hung_up.is_set()
        assert await asyncio.to_thread(client.hung_up.wait, 15)
        assert len((await site.job.GetJobs(ALL)).jobs.jobs) == 600  # the others are served
    finally:
        client.end()
