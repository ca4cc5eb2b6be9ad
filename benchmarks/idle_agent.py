"""What an agent costs its machine beside a real server: while nothing runs there, and while 64 frames only wait.

Runner and link are measured for five minutes without frames, so that what wakes seldom is in the figures, then with the
supervisors of 64 runs of `sleep` for three. What watching costs where frames hold memory is in `watching`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from benchmarks.table import Figure
from benchmarks.watching import cpu_ns

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from farm_process import layer, spec, wait_for
from serve_process import ServeProcess

RUNS = 64
SETTLE_SECONDS = 15.0
IDLE_SECONDS = 300.0
WAITING_SECONDS = 180.0
START_SECONDS = 30.0
MB = 2**20


def figures() -> Iterator[Figure]:
    """Measure an agent of its own, on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-", dir=os.environ.get("TMPDIR")) as folder:
        server = ServeProcess(Path(folder), f"sqlite:///{folder}/farm.sqlite").start()
        agent = _start_agent(server)
        try:
            yield from _measure(server, psutil.Process(agent.pid))
        finally:
            agent.send_signal(signal.SIGINT)  # with its frames
            agent.wait(START_SECONDS)
            server.cleanup()


def _start_agent(server: ServeProcess) -> subprocess.Popen[bytes]:
    words = ["--server", server.grpc, "--token-file", f"{server.folder}/token", "--spool", f"{server.folder}/spool"]
    words += ["--port", "0", "--cores", str(RUNS), "--memory-gb", str(RUNS), "--log-level", "warning"]
    return subprocess.Popen([sys.executable, "-m", "rqd", *words], env={**os.environ, "RQD_RUN_AS_ROOT": "1"})


def _measure(server: ServeProcess, runner: psutil.Process) -> Iterator[Figure]:
    import opencue

    opencue.Cuebot.setHosts([server.grpc])
    wait_for(opencue.api.getHosts, START_SECONDS, "the host")
    link = runner.children()[0]
    time.sleep(SETTLE_SECONDS)
    used = _percent_of_a_core({"runner": [runner], "link": [link]}, IDLE_SECONDS)
    yield Figure("idle agent, of one core", sum(used.values()), "%", 0.2)
    yield Figure("... of that, the runner", used["runner"], "%")
    yield from _memory("idle agent", [runner, link], 60.0)

    opencue.api.launchSpecAndWait(spec("waiting", layer("work", "sleep 600", f"1-{RUNS}")))
    wait_for(lambda: len(runner.children()) == RUNS + 1, START_SECONDS, "the runs")
    time.sleep(SETTLE_SECONDS)
    supervisors = [child for child in runner.children() if child.pid != link.pid]
    used = _percent_of_a_core({"supervisors": supervisors, "runner": [runner], "link": [link]}, WAITING_SECONDS)
    yield Figure(f"{RUNS} runs of `sleep`: supervisors and agent", sum(used.values()), "% core", 1.0)
    for name, percent in used.items():
        yield Figure(f"... of that, the {name}", percent, "% core")
    largest = max(supervisors, key=lambda supervisor: supervisor.memory_info().rss)
    yield from _memory("... the largest supervisor", [largest], 1.0)


def _percent_of_a_core(groups: dict[str, list[psutil.Process]], seconds: float) -> dict[str, float]:
    """Processor time of each group over that time, of one core."""
    before = {name: sum(map(_used_ns, group)) for name, group in groups.items()}
    began = time.monotonic()
    time.sleep(seconds)
    waited_ns = (time.monotonic() - began) * 1e9
    return {name: (sum(map(_used_ns, group)) - before[name]) / waited_ns * 100 for name, group in groups.items()}


def _used_ns(process: psutil.Process) -> float:
    """Processor time of one process: of a single thread exactly, else with its threads that have ended, to 10 ms."""
    if process.num_threads() == 1:
        return cpu_ns(process)
    used = process.cpu_times()
    return (used.user + used.system) * 1e9


def _memory(name: str, processes: Iterable[psutil.Process], goal_mb: float) -> Iterator[Figure]:
    """Their proportional size, which counts a shared page once, and the resident one."""
    sizes = [process.memory_full_info() for process in processes]
    yield Figure(f"{name}, memory (PSS)", sum(size.pss for size in sizes) / MB, "MB", goal_mb)
    yield Figure(f"{name}, memory (RSS)", sum(size.rss for size in sizes) / MB, "MB")
