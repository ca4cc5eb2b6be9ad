"""Why frames wait: each reason has its code, its count and a remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.states import HostState, LockState
from cuebot.domain.units import SECOND, KiB
from cuebot.engine.ports import Answer
from cuebot.scheduling.explain.layer import Reason, explain_job, explain_layer
from cuebot.scheduling.explain.wording import agreeing
from cuebot.sim.specs import depend_spec, job_spec, layer_spec
from cuebot.wire.advice import for_people


def reasons(farm: SmallFarm, path: str = "one/render") -> dict[str, Reason]:
    """Reasons by code."""
    explanation = explain_layer(farm.farm, farm.layer(path), farm.now_us)
    return {reason.code: reason for reason in explanation.reasons}


def change(kind: str, **changes: object) -> Callable[[SmallFarm], None]:
    """A step that changes the job, its layer, show, group, or the only subscription."""

    def step(farm: SmallFarm) -> None:
        job = farm.job("one")
        ids = {
            "job": job.id,
            "layer": farm.layer("one/render").id,
            "show": job.show_id,
            "group": job.group_id,
            "subscription": next(iter(farm.farm.subscriptions)),
        }
        farm.do(c.Change(kind, ids[kind], changes))

    return step


def do(make: Callable[[str], c.Command]) -> Callable[[SmallFarm], None]:
    """A step that does something to the host."""
    return lambda farm: farm.do(make(farm.farm.host_named("host0").id))


def fall_silent(farm: SmallFarm) -> None:
    """Ten minutes without a report."""
    farm.wait(600)
    farm.do(c.Sweep())


def refuse(farm: SmallFarm) -> None:
    """The host refuses a launch."""
    run = farm.plan()[0]
    farm.core.answered(run.id, Answer.REFUSED, "no", farm.now_us)
    farm.commit()


STEPS: dict[str, Callable[[SmallFarm], object]] = {
    "JOB_PAUSED": change("job", paused=True),
    "SHOW_INACTIVE": change("show", active=False),
    "SHOW_BOOKING_OFF": change("show", booking_enabled=False),
    "JOB_MAX_CORES": change("job", max_cores=0),
    "GROUP_MAX_CORES": change("group", max_cores=0),
    "BURST": change("subscription", burst=0),
    "TAGS": change("layer", tags=["elsewhere"]),
    "TOO_SMALL": change("layer", min_memory=99 * GIB),
    "HOST_LOCKED": do(lambda id: c.LockHost(id, LockState.LOCKED)),
    "HOST_REPAIR": do(lambda id: c.SetHostState(id, HostState.REPAIR)),
    "HOST_REBOOTING": do(lambda id: c.SetHostState(id, HostState.REBOOTING)),
    "HOST_REBOOT_WHEN_IDLE": do(lambda id: c.SetHostState(id, HostState.REBOOT_WHEN_IDLE)),
    "HOST_NIMBY_LOCKED": lambda farm: farm.report(nimby_locked=True),
    "HOST_MEMORY_LOW": lambda farm: farm.report(free_memory=KiB(1_000)),
    "HOST_DISK_LOW": lambda farm: farm.report(free_temp=KiB(1_000)),
    "HOST_DOWN": fall_silent,
    "HOST_REFUSES": refuse,
    "NO_SUBSCRIPTION": lambda farm: farm.do(c.Delete("subscription", next(iter(farm.farm.subscriptions)))),
    "BUSY": lambda farm: farm.plan(),
}


@pytest.mark.parametrize("code", list(STEPS))
def test_the_plan_books_nothing_and_explain_says_why(code: str) -> None:
    """Under each constraint nothing is booked, and the weightiest reason is that constraint."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    STEPS[code](farm)
    assert farm.plan() == []
    explanation = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us)
    assert explanation.reasons[0].code == code
    assert explanation.reasons[0].text
    assert explanation.summary == explanation.reasons[0].text


def test_start_after_says_for_how_long() -> None:
    """A layer that may not start yet says when it may."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    change("layer", start_after_us=farm.now_us + 60 * SECOND)(farm)
    assert reasons(farm)["START_AFTER"].text == "it may not start for another 59 s"


def test_an_operating_system_or_a_facility_can_rule_all_hosts_out() -> None:
    """Hosts of another system, and of another facility, are counted as such."""
    farm = SmallFarm()
    farm.host()
    facility = farm.do(c.CreateFacility("cloud"))
    farm.launch(job_spec("one", os="windows"))
    assert reasons(farm)["OS"].count == 1
    assert facility in farm.farm.facilities
    farm.launch(job_spec("two"), facility="cloud")
    assert reasons(farm, "two/render")["FACILITY"].count == 1


def test_a_farm_without_hosts_says_how_to_get_one() -> None:
    """NO_HOSTS names the command that starts an agent."""
    farm = SmallFarm()
    farm.launch(job_spec("one"))
    assert "rqd" in reasons(farm)["NO_HOSTS"].remedy


def test_each_host_is_counted_once_under_the_first_constraint_that_rules_it_out() -> None:
    """Counts add up to the farm's hosts."""
    farm = SmallFarm()
    for name, tags in (("a", ("x",)), ("b", ()), ("c", ())):
        farm.host(name, tags=tags)
    farm.do(c.LockHost(farm.farm.host_named("b").id, LockState.LOCKED))
    farm.launch(job_spec("one", layer_spec(memory_kib=99 * GIB)))
    found = reasons(farm)
    assert {code: reason.count for code, reason in found.items()} == {"TOO_SMALL": 2, "HOST_LOCKED": 1}
    assert found["TOO_SMALL"].text.startswith("2 of 3 hosts")


def test_a_layer_that_waits_for_another_names_it_and_its_dead_frames() -> None:
    """A held layer says what it waits for, and what must be done where that is dead."""
    farm = SmallFarm()
    farm.host()
    depend = depend_spec("LAYER_ON_LAYER", "one/comp", "one/beauty")
    farm.launch(job_spec("one", layer_spec("beauty", "1"), layer_spec("comp", "1-3"), max_retries=0), depends=[depend])
    found = reasons(farm, "one/comp")["DEPEND_LAYER_ON_LAYER"]
    assert (found.count, found.text, found.remedy) == (3, "3 frames wait for layer beauty", "")
    farm.plan()
    farm.finish("one/beauty", exit_status=1)
    dead = reasons(farm, "one/comp")["WAITS_FOR_DEAD"]
    assert (dead.count, dead.text) == (1, "waits for 1 dead frame of layer beauty")
    name = farm.job("one").name
    assert f"`cueadmin -retry-frames {name} beauty 1` runs it again" in for_people(dead.remedy)
    assert f"`cueadmin -eat-frames {name} beauty 1 -markdone` goes on without it" in for_people(dead.remedy)
    assert reasons(farm, "one/beauty")["FRAMES_DEAD"].count == 1


def test_a_finished_job_and_a_post_job_say_so() -> None:
    """What is not PENDING is explained by its job's state."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec(), layer_spec("clean", "1", type="POST")))
    (post,) = (job for job in farm.farm.jobs.values() if job.parent_id)
    assert explain_job(farm.farm, post, farm.now_us)[0] == f"the job starts when job {farm.job('one').name} has ended"
    farm.do(c.KillJob(farm.job("one").id))
    assert (
        explain_job(farm.farm, farm.job("one"), farm.now_us)[0]
        == "the job is over: it was killed with 10 frames not done"
    )


def test_a_layer_that_can_run_now_says_that_it_is_next() -> None:
    """Where a host could take a frame at once, explain says so, with the others' reasons behind."""
    farm = SmallFarm()
    farm.host("a")
    farm.host("b")
    farm.launch(job_spec("one"))
    assert explain_layer(farm.farm, farm.layer("one/render"), farm.now_us).summary.startswith("10 frames are ready")
    farm.do(c.LockHost(farm.farm.host_named("b").id, LockState.LOCKED))
    assert list(reasons(farm)) == ["NEXT", "HOST_LOCKED"]
    assert reasons(farm)["HOST_LOCKED"].text == "1 of 2 hosts is locked"


def test_a_layer_that_is_done_says_done() -> None:
    """No reasons, one word."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1")))
    farm.plan()
    farm.finish("one/render")
    assert explain_layer(farm.farm, farm.layer("one/render"), farm.now_us).summary == "done"


def test_of_a_killed_job_the_dead_are_told_of() -> None:
    """A killed job says that it was killed, and of its dead frames what they died of."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", max_retries=0))
    farm.plan()
    farm.finish("one/render", 0, exit_status=1)
    farm.do(c.KillJob(farm.job("one").id))
    assert list(reasons(farm)) == ["JOB_FINISHED", "FRAMES_DEAD"]


def test_eaten_frames_are_counted_apart_from_done_ones() -> None:
    """A picture that was given up is not done."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("render", "1-2"), layer_spec("comp", "1")))
    farm.do(c.EatFrames(farm.frames("one/render", 0)))
    assert explain_job(farm.farm, farm.job("one"), farm.now_us)[0].startswith("0 of 3 frames done, 1 eaten, 0 running")


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("never have 8 cores", "never has 8 cores"),
        ("are down: their agents were stopped", "is down: its agent was stopped"),
        ("are down: nothing was heard of them for minutes", "is down: nothing was heard of it for minutes"),
        ("they come back when their owners leave them", "it comes back when its owner leaves it"),
        ("report less than 512 MB of free memory", "reports less than 512 MB of free memory"),
        ("reboot when idle", "reboots when idle"),
    ],
)
def test_what_is_said_of_one_host_agrees(several: str, one: str) -> None:
    """One host has an agent, two have agents."""
    assert agreeing(1, several) == one
    assert agreeing(2, several) == several


def test_a_frame_that_waits_for_a_dead_one_is_told_once() -> None:
    """What is known to wait in vain for a layer is not said to wait for it again."""
    farm = SmallFarm()
    farm.host()
    layers = (layer_spec("sim", "1-2"), layer_spec("ren", "1-2"))
    farm.launch(job_spec("one", *layers, max_retries=0), depends=[depend_spec("LAYER_ON_LAYER", "one/ren", "one/sim")])
    farm.plan()
    farm.finish("one/sim", 0, exit_status=1)
    assert list(reasons(farm, "one/ren")) == ["WAITS_FOR_DEAD"]


def test_runs_that_their_hosts_do_not_name_are_counted() -> None:
    """As after a restore: so many count as running and are given up, until a report names them."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("render", "1-2")))
    runs = farm.plan()
    farm.wait(20)
    assert "NOT_REPORTED" not in reasons(farm)
    farm.report()
    assert reasons(farm)["NOT_REPORTED"].text == (
        "2 frames count as running, but their hosts do not name them: given up within about a minute, and they wait"
        " again then"
    )
    farm.report("host0", [farm.farm.procs[run.id] for run in runs])
    assert "NOT_REPORTED" not in reasons(farm)
