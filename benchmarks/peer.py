"""Real frames beside HyperQueue's tasks: each runs `/bin/true` 2,000 times in as many slots, in turn, in one run.

From the submission to the last end that is recorded. HyperQueue (in OpenCue's environment, `make upstream`) keeps its
server and its worker in one process, in memory; ours writes each end to its database and each frame's log, and each
frame has a supervisor of its own. The figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.farm import FarmProcess, layer, wait_for
from benchmarks.table import Figure

FRAMES = 2_000
ROUNDS = 5
PEER = Path(os.environ.get("CUEFARM_UPSTREAM", ".venv-upstream")).absolute() / "bin" / "python"

PROGRAM = f"""
import os, sys, time
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

with LocalCluster(sys.argv[1]) as cluster:
    cluster.start_worker(WorkerConfig(cores=int(sys.argv[2]) * os.cpu_count()))
    client = cluster.client()

    def run(count):
        job = Job()
        for _ in range(count):
            job.program(["/bin/true"])
        began = time.perf_counter()
        client.wait_for_jobs([client.submit(job)])
        return time.perf_counter() - began

    run(50)
    print(run({FRAMES}))
"""


def figures() -> Iterator[Figure]:
    """Measure both, with ten slots a core, as frames have that mostly wait, and with one."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        yield from beside(Path(folder) / "many", 10, 1.1)
        yield from beside(Path(folder) / "few", 1, None)


def beside(root: Path, slots: int, goal: float | None) -> Iterator[Figure]:
    """So many slots a core, in rounds."""
    root.mkdir()
    rounds = [
        (ours(root / f"ours{number}", slots), theirs(root / f"theirs{number}", slots)) for number in range(ROUNDS)
    ]
    own_s, peer_s = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in rounds)
    name = f"{FRAMES} x /bin/true, slots a core: {slots}"
    yield Figure(name, FRAMES / own_s, "frames/s")
    yield Figure("... by HyperQueue", FRAMES / peer_s, "tasks/s")
    yield Figure("... ours / HyperQueue", ratio, "times", goal, True)


def ours(root: Path, slots: int) -> float:
    """Seconds on a farm of one agent, on all cores."""
    farm = FarmProcess(root).start()
    try:
        opencue = farm.connect()
        wait_for(lambda: opencue.api.getHosts(), 20, "the host")
        cores = f"{1 / slots:.1f}"
        farm.wait_job(farm.launch("warmup", layer("work", "/bin/true", "1-50", cores=cores)))
        began = time.perf_counter()
        job = farm.launch("frames", layer("work", "/bin/true", f"1-{FRAMES}", cores=cores))
        while int(opencue.api.getJob(job.id()).state()) != int(opencue.api.job_pb2.FINISHED):
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        assert opencue.api.getJob(job.id()).succeededFrames() == FRAMES
        return seconds
    finally:
        farm.stop()
        farm.cleanup()


def theirs(root: Path, slots: int) -> float:
    """Seconds on a HyperQueue of one worker, which may run so many tasks for each core of the machine."""
    root.mkdir()
    command = [str(PEER), "-c", PROGRAM, str(root / "server"), str(slots)]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120).stdout
    return float(said.split()[-1])
