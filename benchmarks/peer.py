"""Real frames beside HyperQueue's tasks: each runs `/bin/true` 2,000 times with a slot a core, in turn, in one run.

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
PEER = Path(os.environ.get("CUEFARM_UPSTREAM", ".venv-upstream")) / "bin" / "python"

PROGRAM = f"""
import os, sys, time
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

with LocalCluster(sys.argv[1]) as cluster:
    cluster.start_worker(WorkerConfig(cores=os.cpu_count()))
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
    """Measure both, one after the other."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        root = Path(folder)
        rounds = [(ours(root / f"ours{number}"), theirs(root / f"theirs{number}")) for number in range(ROUNDS)]
    yield Figure(
        f"{FRAMES} x /bin/true with a slot a core", FRAMES / statistics.median(r[0] for r in rounds), "frames/s"
    )
    yield Figure("the same by HyperQueue", FRAMES / statistics.median(r[1] for r in rounds), "tasks/s")
    ratio = statistics.median(theirs / ours for ours, theirs in rounds)
    yield Figure("... ours / HyperQueue", ratio, "times", 1.1, True)


def ours(root: Path) -> float:
    """Seconds on a farm of one agent, on all cores."""
    farm = FarmProcess(root).start()
    try:
        opencue = farm.connect()
        wait_for(lambda: opencue.api.getHosts(), 20, "the host")
        farm.wait_job(farm.launch("warmup", layer("work", "/bin/true", "1-50", cores="1.0")))
        began = time.perf_counter()
        job = farm.launch("frames", layer("work", "/bin/true", f"1-{FRAMES}", cores="1.0"))
        while int(opencue.api.getJob(job.id()).state()) != int(opencue.api.job_pb2.FINISHED):
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        assert opencue.api.getJob(job.id()).succeededFrames() == FRAMES
        return seconds
    finally:
        farm.stop()
        farm.cleanup()


def theirs(root: Path) -> float:
    """Seconds on a HyperQueue of one worker, on all cores."""
    root.mkdir()
    command = [str(PEER), "-c", PROGRAM, str(root / "server")]
    return float(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120).stdout)
