"""What simulated seeds once found about runs and hosts, each told again as a short story.

A seed draws another world with every fault that is added to the simulator; a story stays. Every entry stands alone.
"""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.commands import RunFacts
from cuebot.domain.events import RunEnded
from cuebot.domain.nouns import Proc
from cuebot.domain.states import Cause
from cuebot.domain.units import HOUR, MINUTE, SECOND, CoreUnits, Micros, frame_id
from cuebot.engine.ports import Answer
from cuebot.sim.clock import START_US
from cuebot.sim.specs import job_spec, layer_spec

UPSTREAM = {"agent": "", "instance": "", "lease_us": Micros(0)}
"""What a host with an agent of upstream's does not say."""
BOOTED_LATER = Micros(START_US + 10 * MINUTE)


def farm_with_run(**host: object) -> tuple[SmallFarm, Proc]:
    """A farm whose one host has been sent the launch of one frame."""
    farm = SmallFarm()
    farm.host(**host)
    farm.launch(job_spec("one", layer_spec("render", "1")))
    return farm, farm.plan()[0]


def taken(farm: SmallFarm, run: Proc) -> None:
    """The run's agent says that it has it."""
    farm.core.answered(run.id, Answer.ACCEPTED, "", farm.now_us)


def test_a_start_up_report_says_nothing_about_runs() -> None:
    """A link that restarts after a minute without contact costs no run, although its first report names none."""
    farm, run = farm_with_run()
    farm.report(runs=[run])
    farm.wait(90)
    farm.report(boot=True)
    assert farm.states("one/render") == "R"
    farm.report(runs=[run])
    assert farm.states("one/render") == "R"


def test_a_late_report_of_an_older_boot_is_no_boot() -> None:
    """Reports of the boot before arrive late: the next one of this boot, sent before a launch, ends no run."""
    farm = SmallFarm()
    farm.host()
    farm.wait(20 * 60)
    farm.report(boot=True, boot_us=BOOTED_LATER)
    farm.report(boot_us=BOOTED_LATER)
    farm.launch(job_spec("one", layer_spec("render", "1")))
    taken(farm, farm.plan()[0])
    farm.report()  # of the older boot
    farm.report(boot_us=BOOTED_LATER)  # older than the launch
    assert farm.states("one/render") == "R"


def test_a_boot_that_seems_to_be_still_to_come_is_one() -> None:
    """A host whose clock is ahead takes runs: no report looks like another boot once its first boot's time has come."""
    farm = SmallFarm()
    farm.host()
    ahead = Micros(farm.now_us + 90 * SECOND)
    farm.report(boot=True, boot_us=ahead)
    farm.launch(job_spec("one", layer_spec("render", "1")))
    taken(farm, farm.plan()[0])
    farm.wait(100)
    farm.report(boot=True, boot_us=ahead)
    assert farm.states("one/render") == "R"


def test_a_launch_answered_long_after_its_booking_is_a_word_of_the_run() -> None:
    """While commits were slow the launch was late: a report older than it ends no run that the agent said it has."""
    farm, run = farm_with_run()
    farm.wait(65)
    taken(farm, run)
    farm.wait(1)
    farm.report()
    assert farm.states("one/render") == "R"


def test_a_launch_on_the_way_to_an_agent_of_upstreams_counts_from_when_it_was_sent() -> None:
    """A booking that took a minute to become durable is not given up while its launch is on the way."""
    farm = SmallFarm()
    farm.host(**UPSTREAM)
    farm.launch(job_spec("one", layer_spec("render", "1")))
    farm.core.plan(farm.now_us)
    farm.wait(65)
    farm.commit()
    farm.wait(2)
    farm.report(**UPSTREAM)
    assert farm.states("one/render") == "R"


def test_a_run_launched_before_the_boot_was_heard_of_is_not_lost_with_it() -> None:
    """An agent of upstream's takes a launch before its start-up report is through: that report does not end it."""
    farm = SmallFarm()
    farm.host(**UPSTREAM)
    farm.wait(20 * 60)
    farm.report(**UPSTREAM)
    farm.launch(job_spec("one", layer_spec("render", "1")))
    run = farm.plan()[0]
    taken(farm, run)
    farm.wait(2)
    farm.report(boot=True, **(UPSTREAM | {"boot_us": BOOTED_LATER}))
    assert farm.states("one/render") == "R"


def test_a_run_that_a_reboot_ended_on_an_upstream_host_is_given_up_a_minute_later() -> None:
    """What an agent of upstream's had before a boot runs again once a report is certainly younger than the launch."""
    farm, run = farm_with_run(**UPSTREAM)
    taken(farm, run)
    farm.wait(20 * 60)
    farm.report(boot=True, **(UPSTREAM | {"boot_us": BOOTED_LATER}))
    assert farm.states("one/render") == "W"


def test_a_host_that_comes_back_smaller_takes_less_although_runs_are_booked_there() -> None:
    """A host that comes up with one core of four drains, and is booked for one core from then on."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    runs = farm.plan()
    assert len(runs) == 4
    one_core = {"cores": CoreUnits(100), "boot_us": BOOTED_LATER}
    farm.wait(20 * 60)
    farm.report(boot=True, **one_core)
    assert farm.farm.host_named("host0").cores == 100
    for run in runs:  # their launches were never answered, and are refused now
        farm.core.answered(run.id, Answer.REFUSED, "no room", farm.now_us)
        farm.commit()
    farm.wait(60)
    farm.report(**one_core)
    assert len(farm.plan()) == 1


def test_a_late_report_does_not_bring_cores_back() -> None:
    """While runs are booked there, a report of the boot before does not undo that a host has become smaller."""
    farm = SmallFarm()
    farm.host()
    farm.wait(20 * 60)
    farm.report(boot=True, boot_us=BOOTED_LATER, cores=CoreUnits(100))
    farm.launch(job_spec("one"))
    assert len(farm.plan()) == 1
    farm.report()
    assert farm.plan() == []


def test_no_run_takes_longer_than_it_was_booked() -> None:
    """A frame that fails once on a host whose clock was set forward by a day waits again and is not dead."""
    farm, run = farm_with_run(**UPSTREAM)
    farm.wait(30)
    farm.end(run, 1, run_s=24 * HOUR / SECOND)
    assert farm.states("one/render") == "W"


def test_frames_killed_on_an_upstream_host_are_no_failures_of_it() -> None:
    """An agent of upstream's gives no cause: what was to be killed and ends by SIGKILL was killed."""
    farm, run = farm_with_run(**UPSTREAM)
    farm.do(c.KillProcs((run.id,)))
    farm.end(run, 1, exit_signal=9)
    ended = [event.cause for event in farm.events(RunEnded)]
    assert ended == [Cause.KILLED]
    assert farm.farm.host_named("host0").failed_jobs == ()


def test_a_refusal_wants_a_plan_although_the_run_is_not_over() -> None:
    """Where a layer avoids one host and another refuses it, the first may have to take it, and at once."""
    farm, run = farm_with_run()
    farm.core.answered(run.id, Answer.UNKNOWN, "", farm.now_us)
    farm.plan()
    assert not farm.core.plan_wanted
    farm.core.answered(run.id, Answer.REFUSED, "busy", farm.now_us)
    assert run.id in farm.farm.procs
    assert farm.core.plan_wanted


def test_a_launch_without_an_answer_outlives_the_boot_of_its_host() -> None:
    """It may arrive after the boot: the run is not lost with what ran before, so that no other is started beside it."""
    farm, run = farm_with_run()
    farm.wait(20 * 60)
    farm.core.answered(run.id, Answer.UNKNOWN, "no answer", farm.now_us)
    farm.wait(2)
    farm.report(boot=True, boot_us=BOOTED_LATER)
    assert farm.states("one/render") == "R"


def test_a_run_that_was_launched_late_has_all_of_its_time_also_after_a_restart() -> None:
    """Two minutes between booking and launch, then a new server: the run is not ended two minutes too early."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("render", "1", timeout_minutes=3)))
    (run,) = farm.plan()
    farm.wait(120)
    farm.report(runs=[_that_ran(run, 0)])
    for proc in farm.farm.procs.values():  # a restart forgets when it was launched
        proc.sent_us = Micros(0)
    farm.wait(90)
    farm.report(runs=[_that_ran(run, 90)])
    farm.keep(farm.core.sweep(farm.now_us))
    assert not farm.take_kills()
    farm.wait(100)
    farm.report(runs=[_that_ran(run, 190)])
    farm.core.sweep(farm.now_us)
    farm.commit()
    assert farm.take_kills() == [run.id]


def _that_ran(run: Proc, seconds: int) -> RunFacts:
    """What a host with our agent says of a run that has run for so long."""
    return RunFacts(run.id, frame_id(run.layer_id, run.frame_index), ran_us=Micros(max(seconds * SECOND, 1)))


def test_an_older_report_that_comes_later_takes_no_time_back() -> None:
    """Reports arrive in any order; a run has run as long as the one said that told the most."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("render", "1", timeout_minutes=3)))
    (run,) = farm.plan()
    for seconds in (200, 170):
        farm.wait(10)
        farm.report(runs=[_that_ran(run, seconds)])
    farm.core.sweep(farm.now_us)
    farm.commit()
    assert farm.take_kills() == [run.id]
