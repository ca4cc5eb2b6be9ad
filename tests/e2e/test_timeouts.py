"""Time-outs on a real farm: `timeout` and `timeout_llu` are kept, and what keeps within them is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from farm_process import FarmProcess, layer, wait_for

NewFarm = Callable[..., FarmProcess]

TIMEOUT, SILENCE = "<timeout>1</timeout>", "<timeout_llu>1</timeout_llu>"


def runs(words: str) -> bool:
    """Some process has these words in its command line."""
    return any(words in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_frames_beyond_their_time_are_ended_and_others_go_on(new_farm: NewFarm) -> None:
    """One that hangs and one that falls silent are dead within a minute after their minute, their processes gone."""
    farm, mark = new_farm(), str(time.time_ns())

    def launch(name: str, command: str, more: str) -> Any:
        return farm.launch(name, layer("work", command, "1", more=more))

    hangs = launch("hangs", f"echo hangs{mark}; sleep 600", TIMEOUT)
    silent = launch("silent", f"echo silent{mark}; sleep 600", SILENCE)
    chatty = launch("chatty", "for i in $(seq 75); do echo $i; sleep 1; done", SILENCE)
    short = launch("short", "sleep 20", TIMEOUT + SILENCE)

    wait_for(lambda: runs(f"hangs{mark}") and runs(f"silent{mark}"), 30, "the frames to run")
    assert farm.wait_job(short).data.job_stats.succeeded_frames == 1

    def dead() -> int:
        api = farm.connect().api
        return sum(int(api.getJob(job.id()).data.job_stats.dead_frames) for job in (hangs, silent))

    wait_for(lambda: dead() == 2, 100, "the end of both")
    assert not runs(f"hangs{mark}")
    assert not runs(f"silent{mark}")
    assert farm.wait_job(chatty).data.job_stats.succeeded_frames == 1
