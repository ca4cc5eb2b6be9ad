"""Scenarios: small ones have results that a person can work out, and whatever a file gets wrong is named."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cuebot.domain.units import HOUR, MINUTE, SECOND, Micros
from cuebot.sim import main
from cuebot.sim.scenarios.arrivals import AtOnce, Bursts, Crunch, Poisson
from cuebot.sim.scenarios.cli import run_scenario
from cuebot.sim.scenarios.reader import read_scenario
from cuebot.sim.scenarios.report import Report, jain
from cuebot.sim.scenarios.shipped import load_scenario, shipped_names
from cuebot.sim.scenarios.times import Constant, HeavyTail, LogNormal
from cuebot.sim.scenarios.values import ScenarioError


def run(hosts: str, shows: str, jobs: str, *more: str) -> Report:
    """The report of a scenario of up to ten hours, its parts given as YAML on one line each."""
    lines = ["duration: 10h", *more, f"hosts: [{hosts}]", f"shows: [{shows}]", f"jobs: [{jobs}]"]
    return run_scenario(read_scenario("\n".join(lines), "test"))


FOUR_CORES = "{kind: render, count: 2, cores: 2, memory: 32 GiB}"
ALPHA = "{name: alpha, size: 4}"
AT_ONCE = "arrivals: {shape: at_once, jobs: 1}"


def test_a_full_farm_takes_as_long_as_the_work_divided_by_its_cores() -> None:
    """Eight frames of a minute on four cores: two minutes, all cores busy, and half of the frames waits a minute."""
    report = run(
        FOUR_CORES, ALPHA, f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 8, time: 60s}}]}}"
    )
    assert report.simulated_h * 60 == 2
    assert report.utilisation == 1
    assert report.jobs["comp"].makespan_longest_h * 60 == 2
    waits = report.shows["alpha"].waits
    assert (waits.frames, waits.median_s, waits.longest_s) == (8, 30, 60)
    assert report.runs.core_hours_succeeded * 60 == pytest.approx(8)


def test_a_layer_starts_when_the_one_before_is_complete() -> None:
    """Five minutes on four cores, then a frame that takes a whole host for ten: 5 x 4 and 10 x 2 of 15 x 4."""
    layers = "[{name: one, frames: 4, time: 5m}, {name: two, frames: 1, cores: all, time: 10m, after: one}]"
    report = run(FOUR_CORES, ALPHA, f"{{name: comp, show: alpha, {AT_ONCE}, layers: {layers}}}")
    assert report.jobs["comp"].makespan_longest_h * 60 == 15
    assert report.utilisation == pytest.approx(40 / 60)


@pytest.mark.parametrize(("key", "minutes"), [("after_frames", 5), ("after", 8)])
def test_frame_by_frame_makes_a_pipeline(key: str, minutes: int) -> None:
    """Two layers of four minutes on a host each: one minute apart frame by frame, one after the other otherwise."""
    hosts = ", ".join(f"{{kind: host_{tag}, count: 1, cores: 1, memory: 8 GiB, tags: {tag}_only}}" for tag in "ab")
    layers = ", ".join(
        f"{{name: layer_{tag}, frames: 4, time: 1m, tags: {tag}_only{more}}}"
        for tag, more in (("a", ""), ("b", f", {key}: layer_a"))
    )
    report = run(hosts, ALPHA, f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{layers}]}}")
    assert report.simulated_h * 60 == pytest.approx(minutes)


def test_a_burst_caps_a_show() -> None:
    """A show that may burst to two of four cores takes twice as long and leaves half of the farm idle."""
    report = run(
        FOUR_CORES,
        "{name: alpha, size: 1, burst: 2}",
        f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 8, time: 60s}}]}}",
    )
    assert (report.simulated_h * 60, report.utilisation) == (4, 0.5)


def test_utilisation_is_told_interval_by_interval() -> None:
    """A minute of four busy cores and a minute of two make an interval of each."""
    layers = "[{name: one, frames: 2, time: 1m}, {name: two, frames: 2, time: 2m}]"
    job = f"{{name: comp, show: alpha, {AT_ONCE}, layers: {layers}}}"
    report = run(FOUR_CORES, ALPHA, job, "report_interval: 1m")
    assert [(row.end_h * 60, row.utilisation) for row in report.intervals] == [(1, 1), (2, 0.5)]


def test_a_job_that_is_more_important_waits_less() -> None:
    """One core, two jobs: the one of higher priority goes first and the other waits for it."""
    jobs = ", ".join(
        f"{{name: {name}, show: alpha, priority: {priority}, {AT_ONCE}, layers: [{{name: one, frames: 1, time: 1h}}]}}"
        for name, priority in (("low", 10), ("high", 20))
    )
    report = run("{kind: render, count: 1, cores: 1, memory: 8 GiB}", ALPHA, jobs)
    assert (report.priorities[20].longest_s, report.priorities[10].longest_s) == (0, 3600)
    assert list(report.priorities) == [20, 10]


def test_frames_on_hosts_that_vanish_run_again() -> None:
    """Hosts that stay four minutes: long frames are lost with them, every one succeeds in the end, and that costs."""
    report = run(
        "{kind: spot, count: 4, cores: 1, memory: 8 GiB, lifetime: {median: 4m, p95: 15m}, returns_after: 2m}",
        ALPHA,
        f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 40, time: 2m}}]}}",
    )
    assert report.runs.lost_with_hosts > 0
    assert report.runs.core_hours_lost_with_hosts > 0
    assert (report.runs.succeeded, report.runs.frames_dead) == (40, 0)
    assert report.runs.started == 40 + report.runs.lost_with_hosts
    assert report.jobs["comp"].complete == 1
    assert report.utilisation <= 1


def test_a_host_that_never_returns_is_given_up_after_its_lease() -> None:
    """The frame of a host that vanished for ever runs on the other one, once the server may be sure."""
    report = run(
        "{kind: spot, count: 1, cores: 2, memory: 8 GiB, lifetime: 1m}, {kind: own, count: 1, cores: 1, memory: 8 GiB}",
        "{name: alpha, size: 3}",
        f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 3, time: 5m}}]}}",
    )
    assert (report.hosts_vanished, report.runs.lost_with_hosts, report.runs.succeeded) == (1, 2, 3)
    assert 15 <= report.simulated_h * 60 <= 17


def test_a_frame_that_always_fails_dies_after_its_retries() -> None:
    """With a failure rate of 0.9 and no retries some frames die, and their job is not complete."""
    layers = "[{name: one, frames: 40, time: 1m, failure_rate: 0.9, retries: 0}]"
    report = run(FOUR_CORES, ALPHA, f"{{name: comp, show: alpha, {AT_ONCE}, layers: {layers}}}")
    assert report.runs.frames_dead == report.runs.failed > 20
    assert report.runs.started == 40
    assert report.jobs["comp"].complete == 0


def test_hosts_that_boot_late_are_not_bookable_before() -> None:
    """A farm whose hosts take a minute to boot does an hour's work in 61 minutes, all of its bookable time busy."""
    report = run(
        "{kind: slow, count: 1, cores: 1, memory: 8 GiB, boot_delay: 1m}",
        "{name: alpha, size: 1}",
        f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 1, time: 1h}}]}}",
    )
    assert (round(report.simulated_h * 60), report.utilisation) == (61, 1)


def test_a_run_ends_with_its_duration_and_says_what_is_left() -> None:
    """Ten hours of an hour's frames on four cores leave the rest waiting."""
    report = run(
        FOUR_CORES, ALPHA, f"{{name: comp, show: alpha, {AT_ONCE}, layers: [{{name: one, frames: 99, time: 1h}}]}}"
    )
    assert (report.simulated_h, report.utilisation) == (10, 1)
    assert report.shows["alpha"].frames_waiting == 99 - 40
    assert report.jobs["comp"].complete == 0


def test_the_same_seed_gives_the_same_report_and_another_one_does_not() -> None:
    """A report depends on the scenario and its seed alone, but for what the simulation itself took."""
    scenario = replace(load_scenario("spot-cloud").scaled(0.03), duration_us=Micros(40 * MINUTE))
    reports = [replace(run_scenario(s), speed=None) for s in (scenario, scenario, replace(scenario, seed=2))]
    assert reports[0] == reports[1]
    assert replace(reports[2], seed=1) != reports[0]


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_runs(name: str) -> None:
    """A small version of each one books frames within its first minutes, and says what it shows."""
    scenario = load_scenario(name)
    assert len(scenario.summary) > 20
    scale, minutes = LATE.get(name, (0.01, 8))
    report = run_scenario(replace(scenario.scaled(scale), duration_us=Micros(minutes * MINUTE)))
    assert report.hosts == sum(max(1, round(kind.count * scale)) for kind in scenario.hosts)
    assert report.simulated_h * 60 == pytest.approx(minutes)
    assert report.runs.started > 0


LATE = {"small-studio": (1, 90), "feature-crunch": (0.2, 40), "few-huge": (0.3, 60)}
"""Scale and minutes of scenarios in which nothing is to be done at first."""


GOOD = """\
duration: 1h
hosts:
  - {kind: render, count: 1, cores: 4, memory: 16 GiB}
shows:
  - {name: alpha, size: 4}
jobs:
  - name: comp
    show: alpha
    arrivals: {shape: at_once, jobs: 1}
    layers:
      - {name: one, frames: 1, time: 1m}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("duration: 1h", "duration: 1", "duration: accepted is a duration such as 90s, 15m, 1h30m or 2d, not 1"),
        ("duration: 1h", "duration: 0s", "duration: accepted is a duration that is longer than nothing"),
        ("duration: 1h\n", "", "test: the key `duration` is missing"),
        ("duration: 1h", "duration: 1h\nduration: 2h", "the key `duration` stands twice"),
        ("duration: 1h", "duration: 1h\nhost: []", "there is no key `host` (did you mean `hosts`?); accepted are"),
        ("cores: 4", "coers: 4", "hosts[0]: the key `cores` is missing"),
        ("cores: 4", "cores: 4.5", "hosts[0].cores: accepted is a whole number from 1 to 10000000, not 4.5"),
        ("16 GiB", "16 GB", "hosts[0].memory: accepted is an amount of memory such as 512 MiB or 64 GiB, not '16 GB'"),
        ("count: 1", "count: 1, returns_after: 1m", "hosts[0].returns_after: only hosts with a `lifetime`"),
        ("size: 4", "size: 4, burst: 2", "shows[0].burst: a burst is at least the size (4 cores)"),
        ("show: alpha", "show: beta", "jobs[0].show: there is no show 'beta'; accepted are alpha"),
        ("shape: at_once", "shape: sometimes", "jobs[0].arrivals.shape: accepted are at_once, poisson, bursts, crunch"),
        ("shape: at_once, jobs: 1", "shape: poisson, per_hour: [1, 2]", "accepted is one number, or 24 of them"),
        ("time: 1m", "time: {median: 2m, p95: 1m}", "jobs[0].layers[0].time.p95: at least the median"),
        ("time: 1m", "time: {median: 2m}", "jobs[0].layers[0].time: the key `exponent` is missing"),
        ("time: 1m", "time: 1m, after: two", "jobs[0].layers[0]: waits for 'two'; accepted are layers above it: none"),
        ("time: 1m", "time: 1m, cores: 8", "jobs[0].layers[0]: no kind of host that alpha has subscribed to has its"),
        ("time: 1m", "time: 1m, failure_rate: 2", "failure_rate: accepted is a number from 0 to 0.95, not 2"),
        ("frames: 1", "frames: 200_000", "jobs[0].layers: 200000 frames; a job has 100000 at most"),
        ("hosts:\n", "hosts: 3\nhostz:\n", "hosts: accepted is a list of at least one, not 3"),
        ("  - {name: alpha, size: 4}", "  - alpha", "shows[0]: accepted is a mapping of keys to values, not 'alpha'"),
        ("jobs:\n", "jobs: [\n", "this is no YAML"),
    ],
)
def test_a_bad_file_names_its_mistake(old: str, new: str, words: str) -> None:
    """The error says where it is, and what would be accepted there."""
    assert old in GOOD
    with pytest.raises(ScenarioError) as error:
        read_scenario(GOOD.replace(old, new, 1), "test")
    assert words in str(error.value)


def test_constant_times_are_constant() -> None:
    """Every frame takes the same."""
    assert Constant(Micros(MINUTE)).draw(np.random.default_rng(1), 3).tolist() == [MINUTE] * 3


def test_lognormal_times_have_the_median_and_the_percentile_that_were_asked_for() -> None:
    """Of many draws half lie below the median and 95 in 100 below the 95th percentile."""
    draws = LogNormal(Micros(10 * MINUTE), Micros(40 * MINUTE)).draw(np.random.default_rng(1), 100_000)
    assert np.percentile(draws, (50, 95)) / MINUTE == pytest.approx([10, 40], rel=0.03)


def test_heavy_tails_have_the_median_that_was_asked_for_and_an_end() -> None:
    """Of many draws half lie below the median, some far above, none above the most."""
    draws = HeavyTail(Micros(MINUTE), 1.2, Micros(HOUR)).draw(np.random.default_rng(1), 100_000)
    assert np.median(draws) / MINUTE == pytest.approx(1, rel=0.03)
    assert draws.max() == HOUR
    assert (draws > 10 * MINUTE).mean() > 0.02


def test_jobs_arrive_in_the_shape_that_was_asked_for() -> None:
    """Bursts come when they are due, a Poisson process by the hour's rate, and a crunch ever faster until its peak."""
    rng = np.random.default_rng(1)
    bursts = Bursts(every_us=HOUR, jobs=2, first_us=MINUTE, spread_us=Micros(0))
    assert bursts.times(rng, 2 * HOUR, 0) == [MINUTE, MINUTE, HOUR + MINUTE, HOUR + MINUTE]
    rates = (0.0,) * 12 + (1_000.0,) * 12
    noon = Poisson(rates).times(rng, 4 * HOUR, 10)
    assert min(noon) >= 2 * HOUR
    assert len(noon) == pytest.approx(2_000, rel=0.1)
    crunch = np.array(Crunch(10, 1_000, Micros(10 * HOUR)).times(rng, 20 * HOUR, 0)) / HOUR
    per_hour = np.histogram(crunch, range(21))[0]
    assert per_hour[9] > 4 * per_hour[5] > 4 * per_hour[1]
    assert per_hour[10:].sum() < per_hour[9] / 2
    assert AtOnce(Micros(SECOND), 3).times(rng, HOUR, 0) == [SECOND] * 3


def test_fairness_is_one_for_equals_and_a_half_for_all_to_one_of_two() -> None:
    """Jain's index."""
    assert (jain([2.0, 2.0]), jain([3.0, 0.0]), jain([])) == (1, 0.5, None)


def test_the_command_prints_a_report_as_text_and_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file runs by its path, and both forms tell the same."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert main([str(path)]) == 0
    text = capsys.readouterr().out
    assert "1 hosts, 4 cores" in text
    assert "utilisation  25.0%" in text
    assert main([str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["scenario"], told["utilisation"], told["runs"]["succeeded"]) == ("mine", 0.25, 1)
    assert told["speed"]["commands"] > 0


def test_the_command_lists_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, and `--show` prints a file that can be run."""
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == shipped_names()
    assert main(["--show", "few-huge"]) == 0
    assert read_scenario(capsys.readouterr().out, "few-huge") == load_scenario("few-huge")


def test_the_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario that is neither a file nor shipped ends with 2 and the names that are; so do mixed options."""
    assert main(["nothing-like-it"]) == 2
    assert "spot-cloud" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["few-huge", "--seeds", "3"])
    assert "--seeds goes with faults, not with a scenario" in capsys.readouterr().err


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    """`--plot FILE` writes a PNG of a readable size."""
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    scenario, picture = tmp_path / "mine.yaml", tmp_path / "mine.png"
    scenario.write_text(GOOD)
    assert main([str(scenario), "--plot", str(picture)]) == 0
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert int.from_bytes(head[16:20], "big") >= 1_000


def test_without_matplotlib_the_plot_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The extra's name is in the error."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(GOOD)
    assert main([str(scenario), "--plot", str(tmp_path / "mine.png")]) == 2
    assert "pip install 'cuefarm[plot]'" in capsys.readouterr().err
