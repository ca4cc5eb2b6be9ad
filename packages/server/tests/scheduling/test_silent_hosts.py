"""What is said of frames that run where no agent reports: stopped, silent, or not heard since the server's start."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain.silence import Silence
from cuebot.domain.states import HostState
from cuebot.domain.units import NO_END, Micros
from cuebot.scheduling.explain.frame import explain_frame
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.scheduling.explain.reasons import Reason
from cuebot.sim.specs import job_spec, layer_spec
from cuebot.wire.advice import for_people


def running(**host: Any) -> SmallFarm:
    """Two frames run on one host and a third on another one, which goes on reporting."""
    farm = SmallFarm()
    farm.host("h1", cores=200, **host)
    farm.host("h2", cores=100)
    farm.launch(job_spec("one", layer_spec(range_text="1-3")))
    for proc in farm.plan():
        proc.launched = True
    return farm


def pass_time(farm: SmallFarm, seconds: int) -> None:
    """Only the second host reports meanwhile."""
    for _ in range(seconds // 5):
        farm.wait(5)
        farm.report("h2", [proc for proc in farm.farm.procs.values() if proc.host_id == on(farm, "h2")], cores=100)
        farm.core.sweep(farm.now_us)
        farm.commit()


def on(farm: SmallFarm, host: str) -> str:
    """A host's id."""
    return farm.farm.host_named(host).id


def say_goodbye(farm: SmallFarm, **host: Any) -> None:
    """The first host's agent is stopped, and its frames go on."""
    runs = [proc for proc in farm.farm.procs.values() if proc.host_id == on(farm, "h1")]
    farm.report("h1", runs, state=HostState.DOWN, cores=200, **host)


def told(farm: SmallFarm, silence: Silence | None = None) -> Reason:
    """The one reason that the layer is given."""
    (reason,) = explain_layer(
        farm.farm, farm.layer("one/render"), farm.now_us, silence=silence or farm.core.context(farm.now_us).silence
    ).reasons
    return reason


def test_of_an_agent_that_was_stopped_it_is_said_until_when_it_can_come_back() -> None:
    """For the layer and for the frame: since when, what goes on, and when it is run again elsewhere."""
    farm = running()
    say_goodbye(farm)
    pass_time(farm, 45)
    reason = told(farm)
    assert (reason.code, reason.count, reason.text, reason.remedy) == (
        "HOST_AWAY",
        2,
        "2 of 3 running frames are on h1, whose agent was stopped 45 s ago: they go on there, and are run again"
        " elsewhere in 5 min (when the lease is over) unless it comes back",
        "start `rqd` there to keep them",
    )
    index = farm.farm.procs[min(farm.farm.host_named("h1").proc_ids)].frame_index
    of_frame = explain_frame(farm.farm, farm.layer("one/render"), index, farm.now_us).reasons[0]
    assert of_frame.text.startswith("it is on h1, whose agent was stopped 45 s ago: it goes on there, and is run again")
    assert of_frame.remedy == "start `rqd` there to keep it"


def test_of_a_host_that_is_silent_it_is_said_what_is_known() -> None:
    """Soon its frames may go on; when the lease is over they stand still, and soon after that they are given up."""
    farm = running()
    pass_time(farm, 25)
    assert explain_layer(farm.farm, farm.layer("one/render"), farm.now_us).reasons == ()
    pass_time(farm, 10)
    assert "h1, which was not heard for 35 s: they may go on there, and are run again elsewhere" in told(farm).text
    assert "reaches this server" in told(farm).remedy
    pass_time(farm, 275)
    assert "5 min: they stand still there, and are run again elsewhere in 50 s" in told(farm).text
    pass_time(farm, 60)
    assert farm.states("one/render").count("R") == 1


def test_after_a_restart_the_time_counts_from_the_servers_start() -> None:
    """A host that this server has not heard at all; it is given up a lease and a minute after the start."""
    farm = running()
    host = farm.farm.host_named("h1")
    host.ping_us = Micros(0)  # as a restart leaves it
    silence = Silence(awake_us=Micros(farm.now_us))
    pass_time(farm, 60)
    text = told(farm, silence).text
    assert "h1, which was not heard since this server started: they may go on there" in text
    assert "elsewhere in 5 min (when the lease is over)" in text
    host.stopped = True
    assert "h1, whose agent was stopped before this server started: they go on there" in told(farm, silence).text


@pytest.mark.parametrize(
    ("lease_us", "code", "words", "remedy"),
    [
        (NO_END, "HOST_GOES_ON", "so nothing is booked in their place", "-delete-host h1"),
        (Micros(0), "HOST_AWAY", "are run again elsewhere in 4 min all the same", "see that the machine is up"),
    ],
    ids=["without end", "none"],
)
def test_agents_without_a_lease_or_with_one_without_end_are_told_apart(
    lease_us: Micros, code: str, words: str, remedy: str
) -> None:
    """Nothing ends where the lease does not; where there is none the frames may run twice."""
    farm = running(lease_us=lease_us, **({} if lease_us else {"agent": "", "instance": ""}))
    pass_time(farm, 60)
    reason = told(farm)
    found = (reason.code, words in reason.text, remedy in for_people(reason.remedy))
    assert found == (code, True, True), reason


def test_a_frame_that_waits_is_not_told_of_runs_of_others() -> None:
    """What others do on a host that is away does not keep it."""
    farm = running()
    say_goodbye(farm)
    pass_time(farm, 5)
    farm.launch(job_spec("two", layer_spec(range_text="1")))
    codes = [reason.code for reason in explain_frame(farm.farm, farm.layer("two/render"), 0, farm.now_us).reasons]
    assert "HOST_AWAY" not in codes
