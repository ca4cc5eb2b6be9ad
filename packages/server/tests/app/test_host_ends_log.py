"""The log of the server says when a host's agent died with frames."""

from __future__ import annotations

import asyncio

from small_farm import SmallFarm
from structlog.testing import capture_logs

from cuebot.app.host_ends_log import HostEndsLog
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause, Exit
from cuebot.engine.core import SYSTEM
from cuebot.engine.ports import Answer, Recorded
from cuebot.sim.specs import job_spec, layer_spec


def running(hosts: int) -> tuple[SmallFarm, list[Proc]]:
    """A farm whose hosts run frames of one job."""
    farm = SmallFarm()
    for number in range(hosts):
        farm.host(f"host{number}")
    farm.launch(job_spec("one", layer_spec(range_text="1-20")))
    runs = farm.plan()
    for run in runs:
        farm.core.answered(run.id, Answer.ACCEPTED, "", farm.now_us)
    return farm, runs


def test_a_host_whose_agent_died_is_told_of_once_a_minute() -> None:
    """However many frames were there, and again when it happens later."""
    farm, runs = running(2)
    clock_s = 0.0
    told = HostEndsLog(farm.farm, clock=lambda: clock_s)
    names = {host.id: host.name for host in farm.farm.hosts.values()}
    of_host = [[run for run in runs if names[run.host_id] == name] for name in ("host0", "host1")]
    assert all(len(found) >= 3 for found in of_host)

    def lose(run: Proc) -> list[str]:
        before = len(farm.events())
        farm.end(run, int(Exit.ORPHAN), cause=Cause.RUNNER_LOST)
        with capture_logs() as lines:
            asyncio.run(told([Recorded(1, farm.now_us, SYSTEM, event) for event in farm.events()[before:]]))
        return [line["host"] for line in lines]

    assert lose(of_host[0][0]) == ["host0"]
    assert lose(of_host[0][1]) == []
    assert lose(of_host[1][0]) == ["host1"]
    clock_s = 61.0
    assert lose(of_host[0][2]) == ["host0"]


def test_a_run_that_ends_by_itself_is_not_told_of() -> None:
    """A failure is the frame's own, and is in its record."""
    farm, runs = running(1)
    farm.end(runs[0], 1)
    with capture_logs() as lines:
        asyncio.run(HostEndsLog(farm.farm)([Recorded(1, farm.now_us, SYSTEM, event) for event in farm.events()]))
    assert lines == []
