"""Unary calls on a farm of 5,000 jobs while it books, and small jobs launched by eight clients; a server as served.

Four processes call one after another without a pause, each for itself; the farm's 800 cores are kept full with short
frames meanwhile, by agents that run nothing. Client, agents and server share the machine's processors.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import psutil
import uvloop
from opencue_proto import cue_pb2, cue_pb2_grpc, job_pb2, job_pb2_grpc

from benchmarks.protocol_agents import started
from benchmarks.table import Figure, show

JOBS = 5_000
JOBS_PER_SPEC = 100
AGENTS = 200
CORES = 4
BUSY_FRAMES = 100_000
CALLERS = 4
LAUNCHERS = 8
ROUND_SECONDS = 8.0
CALLS = {"FindJob": "", "GetFrames": " of 1,000 rows", "GetJobs": f" of {JOBS:,}"}


def figures() -> Iterator[Figure]:
    """Measure."""
    yield from uvloop.run(_measured())


async def _measured() -> list[Figure]:
    found = []
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        port, http_port = _free_port(), _free_port()
        files = ["--db", f"sqlite:///{Path(folder) / 'farm.sqlite'}", "--log-root", folder, "--log-level", "error"]
        token_file = Path(folder) / "token"
        token_file.write_text("a token of thirty-two characters")
        token_file.chmod(0o600)
        doors = ["--token-file", str(token_file), "--grpc", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http_port}"]
        doors += ["--open", "clients", "--open", "agents"]
        server = subprocess.Popen([sys.executable, "-m", "cuebot.app.cli", "serve", *files, *doors])
        try:
            busy = _fill(port)
            async with started(port, "stream", agents=AGENTS, cores=CORES):
                for call, of in CALLS.items():
                    rounds = await _round([[call, busy]] * CALLERS, port)
                    times_ms = sorted(ms for one in rounds for ms in one)
                    rate = len(times_ms) / ROUND_SECONDS
                    found.append(Figure(f"{call}{of}, {CALLERS} callers, {JOBS:,} jobs, booking", rate, "/s"))
                    found.append(Figure(f"... {call}: 99 %", times_ms[int(0.99 * (len(times_ms) - 1))], "ms"))
            began_s = _cpu_s(server.pid)
            rounds = await _round([["LaunchSpec", str(n)] for n in range(LAUNCHERS)], port)
            launched = sum(len(one) for one in rounds)
            per_launch_us = 1e6 * (_cpu_s(server.pid) - began_s) / launched
            rate = launched / ROUND_SECONDS
            found.append(Figure(f"small jobs launched, {LAUNCHERS} clients, durable", rate, "/s", 1_000, True))
            found.append(Figure("... server CPU a launch", per_launch_us, "us"))
        finally:
            server.terminate()
            server.wait(30)
    return found


def _fill(port: int) -> str:
    """Have the farm's jobs, all paused but one; the name of that."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        cue = cue_pb2_grpc.CueInterfaceStub(channel)
        cue.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), wait_for_ready=True, timeout=30)
        jobs = job_pb2_grpc.JobInterfaceStub(channel)
        for first in range(0, JOBS, JOBS_PER_SPEC):
            names = [f"listed{first + number}" for number in range(JOBS_PER_SPEC)]
            jobs.LaunchSpec(job_pb2.JobLaunchSpecRequest(spec=_spec(names, frames=20, paused=True)), timeout=60)
        launched = jobs.LaunchSpecAndWait(
            job_pb2.JobLaunchSpecAndWaitRequest(spec=_spec(["busy"], frames=BUSY_FRAMES)), timeout=60
        )
        return launched.jobs.jobs[0].name


async def _round(callers: list[list[str]], port: int) -> list[list[float]]:
    """Some processes call until the round is over; milliseconds of each one's calls."""
    loop = asyncio.get_running_loop()
    # Not asyncio's: uvloop forks, which a process that runs gRPC must not.
    words = [sys.executable, "-m", "benchmarks.calls", str(port)]
    processes = [
        subprocess.Popen([*words, *caller], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for caller in callers
    ]
    for process in processes:
        assert process.stdout is not None
        await loop.run_in_executor(None, process.stdout.readline)
    told = await asyncio.gather(*(loop.run_in_executor(None, process.communicate, "\n") for process in processes))
    return [json.loads(out) for out, _ in told]


def _cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _spec(names: list[str], *, frames: int, paused: bool = False) -> str:
    jobs = "".join(
        f'<job name="{name}"><paused>{paused}</paused><layers><layer name="frames" type="Render"><cmd>true</cmd>'
        f"<range>1-{frames}</range><chunk>1</chunk><cores>1.0</cores><memory>256m</memory></layer></layers></job>"
        for name in names
    )
    return f"<spec><facility>local</facility><show>testing</show><shot>bench</shot><user>bench</user>{jobs}</spec>"


# --- the process of a caller --------------------------------------------------------------------------------------


def _call(port: int, what: str, word: str) -> None:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", 100 << 20)])
    jobs = job_pb2_grpc.JobInterfaceStub(channel)
    numbers = count()

    def once() -> Any:
        match what:
            case "FindJob":
                return jobs.FindJob(job_pb2.JobFindJobRequest(name=word), timeout=60)
            case "GetFrames":
                criteria = job_pb2.FrameSearchCriteria(page=1, limit=1_000)
                return jobs.GetFrames(job_pb2.JobGetFramesRequest(job=busy, req=criteria), timeout=60)
            case "GetJobs":
                return jobs.GetJobs(job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria()), timeout=60)
            case _:
                spec = _spec([f"small{word}n{next(numbers)}"], frames=3, paused=True)
                return jobs.LaunchSpec(job_pb2.JobLaunchSpecRequest(spec=spec), timeout=60)

    if what == "GetFrames":
        busy = jobs.FindJob(job_pb2.JobFindJobRequest(name=word), timeout=60).job
    reply = once()
    if what == "GetFrames":
        assert len(reply.frames.frames) == 1_000
    if what == "GetJobs":
        assert len(reply.jobs.jobs) > JOBS
    print("ready", flush=True)
    sys.stdin.readline()
    times_ms = []
    end = time.perf_counter() + ROUND_SECONDS
    while (began := time.perf_counter()) < end:
        once()
        times_ms.append(round(1e3 * (time.perf_counter() - began), 3))
    print(json.dumps(times_ms), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _call(int(sys.argv[1]), sys.argv[2], sys.argv[3])
        os._exit(0)  # gRPC's threads need no farewell
    print(show(list(figures())))
