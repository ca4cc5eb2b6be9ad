"""Limits that a run's own supervisor keeps, whatever the server does meanwhile."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from farm_process import FarmProcess, layer, send, wait_for

NewFarm = Callable[..., FarmProcess]

TIMEOUT = "<timeout>1</timeout>"
TOO_MUCH = "import time; held = b'x' * (600 << 20); print('held', flush=True); time.sleep(7)"


def runs(words: str) -> bool:
    """Some process has these words in its command line."""
    return any(words in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))


def ended_runs(farm: FarmProcess, job: Any) -> list[Any]:
    """How a job's runs ended, the first first."""
    return sorted(farm.connect().api.getRuns(job.id()), key=lambda run: int(run.attempt))


@pytest.mark.proof
@pytest.mark.timeout(200)
def test_time_outs_are_kept_while_the_server_is_stopped(new_farm: NewFarm) -> None:
    """One run is over its time and ends without a server; another's time was raised before, and it goes on."""
    farm, mark = new_farm(), str(time.time_ns())
    late = farm.launch("late", layer("work", f"echo late{mark}; sleep 600", "1", more=TIMEOUT))
    raised = farm.launch("raised", layer("work", f"echo raised{mark}; sleep 85; exit 0", "1", more=TIMEOUT))
    wait_for(lambda: runs(f"late{mark}") and runs(f"raised{mark}"), 30, "the frames to run")
    raised.getLayers()[0].setTimeout(10)
    time.sleep(1)  # for the agent to be told
    assert farm.server is not None
    server = psutil.Process(farm.server.pid)
    send(server, signal.SIGSTOP)
    try:
        wait_for(lambda: not runs(f"late{mark}"), 80, "the end of what is late")
        assert runs(f"raised{mark}")
    finally:
        send(server, signal.SIGCONT)
    api = farm.connect().api
    wait_for(lambda: api.getJob(late.id()).data.job_stats.dead_frames == 1, 30, "the frame to be dead")
    (ended,) = ended_runs(farm, late)
    words = "timed out: it ran longer than the 1 min that its layer allows (timeout)"
    assert (ended.cause, ended.exit_signal, ended.message) == ("TIMEOUT", 15, words)
    assert 60 <= ended.run_us / 1e6 < 80
    assert farm.wait_job(raised, 60).data.job_stats.succeeded_frames == 1


def test_a_frame_that_holds_too_much_memory_is_ended_and_gets_more(new_farm: NewFarm) -> None:
    """Its first run ends with the memory status, without a retry to spare; the next one has room, and is done."""
    farm = new_farm()
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(TOO_MUCH)}"
    retries = "<maxretries>0</maxretries>"
    job = farm.launch("greedy", layer("work", command, "1", memory="256m"), job=retries)
    assert farm.wait_job(job, 60).data.job_stats.succeeded_frames == 1
    first, second = ended_runs(farm, job)
    assert (first.cause, first.exit_status) == ("MEMORY", 33)
    assert first.message.endswith("more than the 512 MB that it may")
    assert first.max_rss_kib > 524_288
    assert (second.cause, second.state, second.memory_kib) == ("EXITED", "SUCCEEDED", 262_144 + 2_097_152)
