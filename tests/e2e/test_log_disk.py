"""A log disk that is gone or full on a real farm: the farm waits for it, and no frame pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from farm_process import FarmProcess, layer, wait_for

NewFarm = Callable[..., FarmProcess]
FRAMES = 20


def test_frames_whose_logs_cannot_be_written_wait_and_then_render(new_farm: NewFarm) -> None:
    """While a file is in the way of the folder no frame dies and the cause is told; later all render by themselves."""
    farm = new_farm()
    (farm.data / "logs").mkdir(exist_ok=True)
    in_the_way = farm.data / "logs" / "testing"
    in_the_way.write_text("")
    job = farm.launch("night", layer("render", "true", f"1-{FRAMES}"), job="<maxretries>0</maxretries>")

    def told() -> str:
        return farm.run("cueadmin", "-explain", job.name()).stdout

    wait_for(lambda: "cannot be written" in told(), 30, "the cause to be told")
    time.sleep(5)
    stats: Any = farm.connect().api.getJob(job.id()).data.job_stats
    assert (stats.dead_frames, stats.waiting_frames + stats.running_frames) == (0, FRAMES)

    in_the_way.unlink()
    assert farm.wait_job(job, 100).data.job_stats.succeeded_frames == FRAMES
