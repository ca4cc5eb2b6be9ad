"""Limits, departments, memory and operators in scenarios: small ones have results that a person can work out."""

from __future__ import annotations

import pytest

from cuebot.sim.scenarios.cli import run_scenario
from cuebot.sim.scenarios.reader import read_scenario
from cuebot.sim.scenarios.report import Report
from cuebot.sim.scenarios.text import report_text
from cuebot.sim.scenarios.values import ScenarioError

FILE = """\
duration: 10h
hosts: [{HOSTS}]
limits: [{LIMITS}]
shows: [{SHOWS}]
jobs: [{JOBS}]
actions: [{ACTIONS}]
"""
FOUR_CORES = "{kind: render, count: 2, cores: 2, memory: 32 GiB}"
ALPHA = "{name: alpha, size: 4}"


def document(
    *, hosts: str = FOUR_CORES, limits: str = "", shows: str = ALPHA, jobs: str = "", actions: str = ""
) -> str:
    """A scenario of up to ten hours, its parts given as YAML on one line each."""
    parts = {"HOSTS": hosts, "LIMITS": limits, "SHOWS": shows, "JOBS": jobs, "ACTIONS": actions}
    lines = [line for line in FILE.splitlines() if not any(f"{{{key}}}" in line and not parts[key] for key in parts)]
    text = "\n".join(lines)
    for key, value in parts.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def run(**parts: str) -> Report:
    """The report of a document of these parts."""
    return run_scenario(read_scenario(document(**parts), "test"))


def job(name: str, layer: str, more: str = "", at: str = "0s") -> str:
    """A job of one layer that comes once."""
    arrivals = f"arrivals: {{shape: at_once, at: {at}, jobs: 1}}"
    return f"{{name: {name}, show: alpha, {more}{arrivals}, layers: [{{name: one, {layer}}}]}}"


def test_a_limit_by_frame_holds_frames_back_and_its_use_is_reported() -> None:
    """Eight frames of a minute, two at a time: four minutes, in which all of the limit is used."""
    report = run(limits="{name: nuke, max: 2}", jobs=job("comp", "frames: 8, time: 1m, limits: nuke"))
    assert report.simulated_h * 60 == pytest.approx(4)
    use = report.limits["nuke"]
    assert (use.counts, use.maximum, use.mean, use.most) == ("frames", 2, 2, 2)
    assert use.full_h * 60 == pytest.approx(4)
    assert "nuke   frames        2   2.0     2     0.1" in report_text(report)


def test_a_limit_by_host_lets_frames_share_a_host() -> None:
    """One host at a time has two cores: eight frames of a minute take four minutes, and one host is used."""
    report = run(limits="{name: nuke, max: 1, counts: hosts}", jobs=job("comp", "frames: 8, time: 1m, limits: nuke"))
    assert report.simulated_h * 60 == pytest.approx(4)
    assert (report.limits["nuke"].counts, report.limits["nuke"].most) == ("hosts", 1)


def test_a_department_gets_its_minimum_first_and_no_more_than_its_maximum() -> None:
    """Of equal jobs the later one holds the two cores that are its department's least and most, all the time."""
    shows = "{name: alpha, size: 4, groups: [{name: effects, min: 2, max: 2}]}"
    first, second = job("first", "frames: 8, time: 10m"), job("second", "frames: 8, time: 10m", "group: effects, ")
    (use,) = run(shows=shows, jobs=f"{first}, {second}").groups
    assert (use.show, use.group, use.min_cores, use.max_cores) == ("alpha", "effects", 2, 2)
    assert (use.mean_cores, use.most_cores) == (2, 2)


def test_frames_that_need_more_memory_fail_and_succeed_with_more() -> None:
    """Every frame needs 3 GiB of the 1 that its layer asks for: the first runs fail of it, and all succeed at last."""
    report = run(jobs=job("comp", "frames: 4, time: 1m, memory: 1 GiB, out_of_memory: {part: 1, needs: 3 GiB}"))
    assert (report.runs.succeeded, report.runs.frames_dead) == (4, 0)
    assert report.runs.out_of_memory == report.runs.failed >= 1
    assert "ran out of memory" in report_text(report)


def test_gpu_memory_is_shared_among_the_frames_of_a_host() -> None:
    """Four GPUs with 16 GiB in all run two frames of 8 at a time."""
    host = "{kind: gpu, count: 1, cores: 8, memory: 64 GiB, gpus: 4, gpu_memory: 16 GiB}"
    report = run(hosts=host, jobs=job("train", "frames: 4, time: 10m, gpus: 1, gpu_memory: 8 GiB"))
    assert report.simulated_h * 60 == pytest.approx(20)


def test_an_operator_changes_a_limit() -> None:
    """One of eight frames of a minute at a time, from the fourth minute on four: five minutes."""
    report = run(
        limits="{name: nuke, max: 1}",
        jobs=job("comp", "frames: 8, time: 1m, limits: nuke"),
        actions="{at: 4m, do: set_limit, limit: nuke, max: 4}",
    )
    assert report.simulated_h * 60 == pytest.approx(5, abs=0.1)
    assert (report.limits["nuke"].maximum, report.limits["nuke"].most) == (4, 4)
    assert [(round(after_h * 60), text) for after_h, text in report.actions] == [(4, "limit nuke becomes 4")]
    assert "00:04  limit nuke becomes 4" in report_text(report)


def test_an_operator_locks_hosts_and_unlocks_them() -> None:
    """Two frames of five minutes on one core each; the second host is locked from the start until minute ten."""
    report = run(
        hosts="{kind: render, count: 2, cores: 1, memory: 8 GiB}",
        jobs=job("comp", "frames: 4, time: 5m", at="1s"),
        actions="{at: 0s, do: lock_hosts, kind: render, count: 1}, {at: 10m, do: unlock_hosts, kind: render, count: 1}",
    )
    assert report.simulated_h * 60 == pytest.approx(15, abs=0.1)


def test_an_operator_pauses_a_job_and_unpauses_it() -> None:
    """Paused for an hour from its first minute on: what runs ends, the rest waits for the hour."""
    report = run(
        jobs=job("comp", "frames: 8, time: 2m"),
        actions="{at: 1m, do: pause, jobs: comp}, {at: 61m, do: unpause, jobs: comp, show: alpha}",
    )
    assert report.simulated_h * 60 == pytest.approx(63)


def test_an_operator_sets_a_priority() -> None:
    """Of two jobs on one core the one that is raised while it waits goes first."""
    host = "{kind: render, count: 1, cores: 1, memory: 8 GiB}"
    low, high = (
        job("low", "frames: 2, time: 1h", "priority: 10, "),
        job("high", "frames: 2, time: 1h", "priority: 20, "),
    )
    raised = "{at: 1m, do: set_priority, jobs: low, priority: 90}"
    report = run(hosts=host, jobs=f"{low}, {high}", actions=raised)
    assert report.jobs["low"].makespan_longest_h == pytest.approx(3)
    assert report.jobs["high"].makespan_longest_h == pytest.approx(4)


@pytest.mark.parametrize("field", ["set_burst", "set_size"])
def test_an_operator_sets_a_share(field: str) -> None:
    """A show that may burst to one core may have four from minute ten on; its size alone lets it have no more."""
    report = run(
        shows="{name: alpha, size: 1, burst: 1}",
        jobs=job("comp", "frames: 6, time: 5m"),
        actions=f"{{at: 10m, do: {field}, show: alpha, cores: 4}}",
    )
    assert report.simulated_h * 60 == pytest.approx({"set_burst": 15, "set_size": 30}[field], abs=0.1)


def test_a_smaller_farm_has_smaller_limits_departments_and_actions() -> None:
    """A tenth of everything, and of nothing nothing."""
    scenario = read_scenario(
        document(
            hosts="{kind: render, count: 40, cores: 4, memory: 8 GiB}",
            limits="{name: nuke, max: 20}",
            shows="{name: alpha, size: 40, groups: [{name: effects, min: 20}]}",
            jobs=job("comp", "frames: 8, time: 1m", "group: effects, "),
            actions="{at: 1m, do: lock_hosts, kind: render, count: 20}, {at: 2m, do: set_limit, limit: nuke, max: 0}",
        ),
        "test",
    ).scaled(0.1)
    assert [limit.most for limit in scenario.limits] == [2]
    assert [(g.min_cores, g.max_cores) for g in scenario.shows[0].groups] == [(200, -1)]
    assert [action.text for action in scenario.actions] == [
        "2 hosts of the kind render are locked",
        "limit nuke becomes 0",
    ]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"jobs": job("comp", "frames: 1, time: 1m, limits: nuke")}, "jobs[0].layers[0].limits: no limit 'nuke'"),
        ({"limits": "{name: nuke, max: 1, counts: cores}"}, "limits[0].counts: accepted are frames, hosts"),
        ({"limits": "{name: nuke, max: 1}, {name: nuke, max: 2}"}, "limits[1].name: there is a 'nuke' already"),
        ({"jobs": job("comp", "frames: 1, time: 1m", "group: fx9, ")}, "show alpha has no group 'fx9'; accepted: none"),
        (
            {"shows": "{name: alpha, size: 4, groups: [{name: effects, min: 4, max: 2}]}"},
            "shows[0].groups[0].max: a maximum is at least the minimum (4 cores)",
        ),
        (
            {"jobs": job("comp", "frames: 1, time: 1m, out_of_memory: {part: 0.1, needs: 1 GiB}")},
            "out_of_memory.needs: more than the layer's own memory (1 GiB)",
        ),
        (
            {"jobs": job("comp", "frames: 1, time: 1m, out_of_memory: {part: 0.1, needs: 99 GiB}")},
            "room for 1 cores, 99 GiB",
        ),
        ({"jobs": job("comp", "frames: 1, time: 1m, gpu_memory: 1 GiB")}, "0 GPUs with 1 GiB of memory"),
        ({"actions": "{at: 1h, do: dance}"}, "actions[0].do: accepted are set_priority, pause, unpause, set_size"),
        (
            {"actions": "{at: 1h, do: pause, jobs: nope}"},
            "actions[0].jobs: there is no kind of jobs 'nope'; accepted are comp",
        ),
        (
            {"actions": "{at: 1h, do: pause, jobs: comp, show: beta}"},
            "actions[0].show: there is no show of the jobs comp 'beta'; accepted are alpha",
        ),
        ({"actions": "{at: 1h, do: set_limit, limit: nuke, max: 3}"}, "there is no limit 'nuke'; accepted are none"),
        (
            {"actions": "{at: 1h, do: set_burst, show: alpha, allocation: cloud, cores: 3}"},
            "actions[0].allocation: there is no subscription of alpha 'cloud'; accepted are general",
        ),
        (
            {"actions": "{at: 1h, do: lock_hosts, kind: render, count: 3}"},
            "actions[0].count: there are 2 hosts of that kind",
        ),
        ({"actions": "{at: 1h, do: pause, job: comp}"}, "actions[0]: the key `jobs` is missing"),
    ],
)
def test_a_mistake_is_named_with_what_is_accepted(parts: dict[str, str], words: str) -> None:
    """The error says where it is, and what would be accepted there."""
    with pytest.raises(ScenarioError) as error:
        read_scenario(document(**{"jobs": job("comp", "frames: 1, time: 1m"), **parts}), "test")
    assert words in str(error.value)


LATE = (
    "{name: late, show: beta, arrivals: {shape: at_once, at: 1h, jobs: 1},"
    " layers: [{name: one, frames: 40, time: 10m}]}"
)


def late_show(early: str) -> Report:
    """Ten one-core hosts full of a show's frames of ten minutes, when after an hour a show with a tenth comes."""
    return run(
        hosts="{kind: render, count: 10, cores: 1, memory: 8 GiB}",
        shows="{name: alpha, size: 9}, {name: beta, size: 1}",
        jobs=f"{job('early', early)}, {LATE}",
    )


def test_a_small_show_that_comes_late_is_never_behind_its_share_for_long() -> None:
    """All frames end at once when it comes, and it gets the next place: it is served as its share says from then on."""
    beta = late_show("frames: 400, time: 10m").shows["beta"]
    assert beta.received is not None
    assert beta.received >= 0.9
    assert beta.first_core_s <= 1
    assert beta.behind_s <= beta.behind_bound_s == pytest.approx(2 * (1 + 0.1 * 600))


def test_a_show_that_has_to_wait_for_a_place_is_behind_for_as_long() -> None:
    """Places that become free forty minutes after it came leave it behind by that, beyond its bound."""
    report = late_show("frames: 400, time: 100m")
    beta = report.shows["beta"]
    assert beta.first_core_s == pytest.approx(40 * 60, abs=2)
    assert beta.behind_s == pytest.approx(40 * 60, abs=20)
    assert beta.behind_s > beta.behind_bound_s
    assert "beta, the smallest: behind its share by 40 min at most" in report_text(report)


def test_what_a_show_is_owed_is_capped_by_its_burst() -> None:
    """A show of half of the sizes that may burst to one core of four gets all that it is entitled to."""
    shows = "{name: alpha, size: 1, burst: 1}, {name: beta, size: 1}"
    alpha = run(shows=shows, jobs=job("comp", "frames: 8, time: 10m")).shows["alpha"]
    assert alpha.received == pytest.approx(1, abs=0.02)
    assert alpha.behind_s <= 1
