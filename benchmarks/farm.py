"""A real farm, measured as its user meets it: start, rest, small frames, a big submission, a kill."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
from opencue_proto import cue_pb2, cue_pb2_grpc

from benchmarks.table import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from farm_process import FarmProcess, layer, spec, wait_for

FRAMES = 3_000
POLL_SECONDS = 0.1
SUBMITTED = 100_000
IDLE_SECONDS = 20.0


def figures() -> Iterator[Figure]:
    """Measure everything, one farm after another."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        root = Path(folder)
        yield from start(root)
        yield from idle(root)
        yield from small_frames(root)
        yield from big_submission(root)


def start(root: Path) -> Iterator[Figure]:
    """From the command to the first answered RPC, on an empty folder; the median of five."""
    taken = []
    for number in range(5):
        data = root / f"start{number}"
        began = time.perf_counter()
        command = [sys.executable, "-m", "cuebot.app.cli", "up", "--data", str(data), "--no-agent"]
        process = subprocess.Popen(
            [*command, "--grpc", "127.0.0.1:18443", "--http", "127.0.0.1:18448", "--log-level", "error"],
            stdout=subprocess.DEVNULL,
        )
        try:
            with grpc.insecure_channel(
                "127.0.0.1:18443",
                options=[
                    ("grpc.max_reconnect_backoff_ms", 50),
                    ("grpc.initial_reconnect_backoff_ms", 20),
                    ("grpc.min_reconnect_backoff_ms", 20),
                ],
            ) as channel:
                stub = cue_pb2_grpc.CueInterfaceStub(channel)
                stub.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), wait_for_ready=True, timeout=20)
            taken.append(time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(20)
    yield Figure("`cuefarm up` to its first answered RPC", statistics.median(taken), "s", 1.5)


def idle(root: Path) -> Iterator[Figure]:
    """What server and agent use while nothing happens."""
    farm = FarmProcess(root / "idle").start()
    try:
        assert farm.server is not None
        time.sleep(8)
        server = psutil.Process(farm.server.pid)
        agent = farm.agents()[0]
        processes = [server, agent, *agent.children(recursive=True)]
        before = sum(sum(p.cpu_times()[:2]) for p in processes)
        time.sleep(IDLE_SECONDS)
        used = sum(sum(p.cpu_times()[:2]) for p in processes) - before
        yield Figure("idle farm (server + agent), of one core", 100 * used / IDLE_SECONDS, "%", 1.0)
        memory = [p.memory_full_info() for p in processes]
        yield Figure("idle farm, memory (PSS of server + agent)", sum(m.pss for m in memory) / 1e6, "MB", 150)
        yield Figure("idle farm, memory (RSS of server + agent)", sum(m.rss for m in memory) / 1e6, "MB")
    finally:
        farm.stop()
        farm.cleanup()


def small_frames(root: Path) -> Iterator[Figure]:
    """A layer of `true`: what a frame costs besides its own work."""
    farm = FarmProcess(root / "small").start()
    try:
        opencue = farm.connect()
        wait_for(lambda: opencue.api.getHosts(), 20, "the host")
        farm.wait_job(farm.launch("warmup", layer("work", "true", "1-50")))
        assert farm.server is not None
        link = farm.link()
        assert link is not None
        processes = {"server": psutil.Process(farm.server.pid), "runner": farm.agents()[0], "link": link}
        before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
        began = time.perf_counter()
        job = farm.launch("small", layer("work", "true", f"1-{FRAMES}"))
        # Not wait_job: looking for every process of the farm at each turn costs as much as the farm.
        while int(opencue.api.getJob(job.id()).state()) != int(opencue.api.job_pb2.FINISHED):
            time.sleep(POLL_SECONDS)
        wall = time.perf_counter() - began
        assert opencue.api.getJob(job.id()).succeededFrames() == FRAMES
        yield Figure(f"{FRAMES} frames of `true` on one agent, real processes", FRAMES / wall, "frames/s", 600, True)
        yield Figure("overhead per frame, launch to recorded", 1000 * wall / FRAMES, "ms")
        for name, process in processes.items():
            used_s = sum(process.cpu_times()[:2]) - before[name]
            yield Figure(f"... CPU a frame, {name}", 1e6 * used_s / FRAMES, "us")
    finally:
        farm.stop()
        farm.cleanup()


def big_submission(root: Path) -> Iterator[Figure]:
    """One job of 100,000 frames, accepted and durable; and the same farm killed and started again."""
    farm = FarmProcess(root / "big", "--no-agent").start()
    try:
        opencue = farm.connect()
        taken = []
        for number in range(3):
            text = spec(f"big{number}", layer("work", "true", f"1-{SUBMITTED}"))
            began = time.perf_counter()
            opencue.api.launchSpecAndWait(text)
            taken.append(time.perf_counter() - began)
        yield Figure(f"submit a job of {SUBMITTED:,} frames, durable", statistics.median(taken), "s")
    finally:
        farm.stop()
        farm.cleanup()
