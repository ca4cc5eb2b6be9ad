"""A thousand of OpenCue's hosts behind one socket, as load drivers imitate them: an empty farm is filled, twice.

Upstream's hosts speak the published RPCs alone: they are told of a run by `LaunchFrame` and know neither leases nor
streams; they report once a minute, which is as long as all this takes. Here all have one address, whose `LaunchFrame`
takes 20 ms in one of 16 threads: 800 a second. Eight thousand launches that are booked within moments take as long as
the deadline of a single one, so what waits must not spend its time in our own queue, nor in theirs.

    python -m benchmarks.one_socket
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import uvloop
from opencue_proto import report_pb2, report_pb2_grpc, rqd_pb2, rqd_pb2_grpc

from benchmarks.table import Figure, show
from cuebot.app.log_levels import LogLevels
from cuebot.app.logs import configure
from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.states import JobState
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.engine import Engine
from cuebot.engine.ports import Answer, Answered
from cuebot.engine.requests import Address, LaunchRequest
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec
from cuebot.wire.agents.channel import GrpcAgents
from cuebot.wire.doors import Doors
from cuebot.wire.server import serve

HOSTS = 1_000
CORES = 8
JOBS = 100
FRAMES = 2 * HOSTS * CORES
FRAME_SECONDS = 15.0
LAUNCH_SECONDS = 0.02
THREADS = 16
PATIENCE_SECONDS = 300.0


class CountedAgents(GrpcAgents):
    """Counts how launches were answered, and when the latest was taken."""

    def __init__(self) -> None:
        super().__init__(token=None, now_us=_now_us)
        self.answers: Counter[Answer] = Counter()
        self.times_s: list[float] = []

    def launch(self, address: Address, orders: Sequence[LaunchRequest], answered: Answered) -> None:
        """Start runs on a host."""

        def counted(run_id: str, answer: Answer, detail: str) -> None:
            self.answers[answer] += 1
            self.times_s.append(time.perf_counter())
            answered(run_id, answer, detail)

        super().launch(address, orders, counted)


def figures() -> Iterator[Figure]:
    """Measure."""
    yield from uvloop.run(_measured())


async def _measured() -> list[Figure]:
    configure(LogLevels())
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        journal = SqlJournal(f"sqlite:///{Path(folder) / 'farm.sqlite'}")
        core = Core(Farm(), last_seq=0, started_us=_now_us(), new_id=lambda: str(uuid.uuid4()))
        agents = CountedAgents()
        engine = Engine(core, journal, agents, _now_us)
        task = asyncio.create_task(engine.run())
        await engine.submit(c.Seed(), SYSTEM)
        server, port = await serve(
            engine, address="127.0.0.1:0", streams=agents.streams, doors=Doors(None), allow_root=False
        )
        driver = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.one_socket", str(port), stdin=asyncio.subprocess.PIPE
        )
        try:
            while len(engine.farm.hosts) < HOSTS:
                await asyncio.sleep(0.1)
            began_s = time.perf_counter()
            ids = [(await engine.submit(c.SubmitJobs(parse_spec(_spec(n))), SYSTEM))[0] for n in range(JOBS)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                while any(engine.farm.jobs[id].state is not JobState.FINISHED for id in ids):
                    await asyncio.sleep(0.1)
            done_s = time.perf_counter() - began_s
            retries = sum(
                int(layer.frames.retries.sum()) for id in ids for layer in engine.farm.layers_of(engine.farm.jobs[id])
            )
        finally:
            assert driver.stdin is not None
            driver.stdin.close()
            await driver.wait()
            await server.stop(None)
            await agents.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            journal.close()

    filled_s = sorted(agents.times_s)[HOSTS * CORES - 1] - began_s
    given_up = sum(agents.answers.values()) - agents.answers[Answer.ACCEPTED]
    return [
        Figure(f"{HOSTS} of upstream's hosts, one socket: launches given up", given_up, "launches", 0),
        Figure(
            f"... {HOSTS * CORES} cores are filled, the socket allows {THREADS / LAUNCH_SECONDS:g}/s", filled_s, "s"
        ),
        Figure("... launches a second meanwhile", HOSTS * CORES / filled_s, "/s"),
        Figure(f"... {FRAMES} frames of {FRAME_SECONDS:g} s", done_s, "s"),
        Figure("... frames that were charged a retry", retries, "frames", 0),
    ]


def _spec(number: int) -> str:
    return (
        "<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>"
        f'<job name="socket{number}"><layers><layer name="frames" type="Render"><cmd>true</cmd>'
        f"<range>1-{FRAMES // JOBS}</range><chunk>1</chunk><cores>1.0</cores><memory>256m</memory>"
        "</layer></layers></job></spec>"
    )


def _now_us() -> int:
    return time.time_ns() // 1_000


# --- the process with the hosts -----------------------------------------------------------------------------------


class Hosts(rqd_pb2_grpc.RqdInterfaceServicer):
    """All hosts: takes runs for any of them, and ends each after its time."""

    def __init__(self, server_port: int) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{server_port}")
        self._reports = report_pb2_grpc.RqdReportInterfaceStub(channel)
        self._due: deque[tuple[float, Any]] = deque()
        """What runs, in the order of its end."""
        self._server = grpc.server(futures.ThreadPoolExecutor(THREADS))
        rqd_pb2_grpc.add_RqdInterfaceServicer_to_server(self, self._server)
        self._address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def run(self) -> None:
        """Listen, report all hosts, and end what is due until standard input ends."""
        self._server.start()
        for number in range(HOSTS):
            boot = report_pb2.BootReport(host=self._host(number))
            self._reports.ReportRqdStartup(report_pb2.RqdReportRqdStartupRequest(boot_report=boot))
        for _ in range(4):
            threading.Thread(target=self._end_runs, daemon=True).start()
        sys.stdin.read()
        self._server.stop(None)

    def LaunchFrame(self, request: Any, context: Any) -> Any:
        """Take a run: a thread of the pool is busy with it for a while."""
        time.sleep(LAUNCH_SECONDS)
        self._due.append((time.monotonic() + FRAME_SECONDS, request.run_frame))
        return rqd_pb2.RqdStaticLaunchFrameResponse()

    def _end_runs(self) -> None:
        while True:
            try:
                due_s, run = self._due.popleft()
            except IndexError:
                time.sleep(0.05)
                continue
            time.sleep(max(due_s - time.monotonic(), 0))
            frame = report_pb2.RunningFrameInfo(
                resource_id=run.resource_id,
                job_id=run.job_id,
                job_name=run.job_name,
                frame_id=run.frame_id,
                frame_name=run.frame_name,
                layer_id=run.layer_id,
                num_cores=run.num_cores,
                start_time=run.start_time,
            )
            report = report_pb2.FrameCompleteReport(host=self._host(0), frame=frame, run_time=int(FRAME_SECONDS))
            self._reports.ReportRunningFrameCompletion(
                report_pb2.RqdReportRunningFrameCompletionRequest(frame_complete_report=report)
            )

    def _host(self, number: int) -> Any:
        return report_pb2.RenderHost(
            name=f"driven{number:04}",
            facility="local",
            num_procs=CORES,
            cores_per_proc=100,
            total_mem=33_554_432,
            free_mem=33_554_432,
            total_mcp=1_000_000,
            free_mcp=1_000_000,
            boot_time=1,
            tags=["general"],
            attributes={"SP_OS": "linux", "cuefarm.address": self._address},
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Hosts(int(sys.argv[1])).run()
    else:
        print(show(list(figures())))
