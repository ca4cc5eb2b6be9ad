"""What the terminal says of a job, from plain values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from opencue_proto import job_pb2
from rich.console import Console

import opencue
from cuebot.demo import watching
from cuebot.demo.progress import (
    FrameFacts,
    LayerProgress,
    Outputs,
    Progress,
    clock,
    counts,
    failure_lines,
    plain_line,
    summary_lines,
    time_line,
)
from cuebot.demo.watching import watch


def layer(name: str = "beauty", total: int = 10, *, average_seconds: float = 2.0, **states: int) -> LayerProgress:
    """A layer whose frames not named in `states` wait for others."""
    named = {"succeeded": 0, "eaten": 0, "running": 0, "waiting": 0, "dead": 0, **states}
    depending = total - sum(named.values())
    return LayerProgress(name=name, total=total, depending=depending, average_seconds=average_seconds, **named)


def progress(*layers: LayerProgress, finished: bool = False, paused: bool = False, elapsed: float = 9) -> Progress:
    """A job with these layers."""
    return Progress(layers=layers, finished=finished, paused=paused, elapsed_seconds=elapsed)


def test_counts_name_only_states_that_occur() -> None:
    """A layer's line has what is done, and the other states where there are frames in them."""
    assert counts(layer(succeeded=4, running=2, waiting=3, dead=1)) == "4/10, 2 running, 3 waiting, 1 dead"
    assert counts(layer(succeeded=10)) == "10/10"
    assert counts(layer(succeeded=8, eaten=2)) == "10/10, 2 eaten"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (75, "1:15"), (3723, "1:02:03")])
def test_clock_reads_as_minutes_and_seconds(seconds: float, text: str) -> None:
    """Durations are written as a clock shows them, hours only where there are any."""
    assert clock(seconds) == text


def test_remaining_time_is_unknown_before_the_longest_layer_has_an_average() -> None:
    """While no frame of the longest layer is done there is no estimate."""
    early = progress(layer("prep", 1, succeeded=1), layer("beauty", 24, average_seconds=0, running=2))
    assert early.remaining_seconds() is None
    assert time_line(early) == "0:09 elapsed"


def test_remaining_time_shares_the_work_among_what_runs() -> None:
    """Eight frames of 2 s, two of them running and half done, take 7 s side by side."""
    now = progress(layer(succeeded=2, running=2, waiting=6))
    assert now.remaining_seconds() == pytest.approx(7)
    assert time_line(now) == "0:09 elapsed, about 0:07 left"


def test_paused_job_says_so() -> None:
    """A paused job has no remaining time."""
    assert time_line(progress(layer(succeeded=5, waiting=5), paused=True)) == "0:09 elapsed, paused"


def test_dead_frames_block_a_job_only_when_nothing_else_can_run() -> None:
    """A job is stuck when frames are dead and all the others wait for them, not before."""
    assert not progress(layer("beauty", dead=1, waiting=3), layer("movie", 1)).stuck
    assert not progress(layer("beauty", dead=1, running=1), layer("movie", 1)).stuck
    assert progress(layer("beauty", dead=1, succeeded=9), layer("movie", 1)).stuck
    assert not progress(layer("beauty", 3)).stuck


def test_eaten_frames_are_no_success() -> None:
    """A finished job with frames that somebody gave up was not successful."""
    assert progress(layer(succeeded=10), finished=True).successful
    assert not progress(layer(succeeded=9, eaten=1), finished=True).successful


def test_plain_line_has_every_layer() -> None:
    """Without a terminal one line says it all."""
    line = plain_line(progress(layer("prep", 1, succeeded=1), layer("beauty", 4, succeeded=1, running=1, waiting=2)))
    assert line == "0:09 elapsed, about 0:05 left | prep 1/1 | beauty 1/4, 1 running, 2 waiting"


def test_summary_names_the_slowest_and_the_hungriest_frame() -> None:
    """The summary counts frames and core-seconds and names the frames that stand out."""
    frames = [
        FrameFacts(name="0001-beauty", seconds=2, peak_memory_kb=300 * 1024, dead=False),
        FrameFacts(name="0002-beauty", seconds=5, peak_memory_kb=200 * 1024, dead=True),
    ]
    assert summary_lines(frames, core_seconds=7, elapsed_seconds=61) == [
        "frames         2 in 1:01, 1 dead",
        "core-seconds   7",
        "slowest frame  0002-beauty, 5 s",
        "peak memory    300 MB, 0001-beauty",
    ]


def test_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    """A dead frame's log is shown from its end, with the commands to look further."""
    log = tmp_path / "job.0007-check.rqlog"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    lines = failure_lines("job", "0007-check", log, tail=3)
    assert lines[0] == f"frame 0007-check failed. The end of its log, {log}:"
    assert lines[1:4] == ["  line 97", "  line 98", "  line 99"]
    assert "  cueadmin -explain job check" in lines


def test_failure_without_a_log_says_why(tmp_path: Path) -> None:
    """A log that cannot be read does not hide the failure."""
    lines = failure_lines("job", "0007-check", tmp_path / "none.rqlog")
    assert lines[1] == "  (cannot read it: No such file or directory)"


class FakeJob:
    """A job that goes one moment further each time it is fetched, with `opencue`'s accessors."""

    def __init__(self, moments: list[Progress], frames: list[FrameFacts], log_folder: Path) -> None:
        self.moments, self.frames, self.log_folder = moments, frames, log_folder
        self.fetched = 0
        stats = job_pb2.JobStats(total_core_sec=12)
        self.data = job_pb2.Job(job_stats=stats)

    def fetch(self, _name_or_id: str) -> FakeJob:
        self.fetched += 1
        return self

    @property
    def now(self) -> Progress:
        return self.moments[min(self.fetched, len(self.moments)) - 1]

    def id(self) -> str:
        return "job-id"

    def name(self) -> str:
        return "testing-tiny-ann_demo"

    def state(self) -> int:
        return int(job_pb2.FINISHED if self.now.finished else job_pb2.PENDING)

    def isPaused(self) -> bool:
        return self.now.paused

    def logDir(self) -> str:
        return str(self.log_folder)

    def getLayers(self) -> list[Any]:
        fake = opencue.wrappers.layer.Layer
        return [
            fake(
                job_pb2.Layer(
                    name=layer.name,
                    dispatch_order=order,
                    layer_stats=job_pb2.LayerStats(
                        total_frames=layer.total,
                        succeeded_frames=layer.succeeded,
                        eaten_frames=layer.eaten,
                        running_frames=layer.running,
                        waiting_frames=layer.waiting,
                        depend_frames=layer.depending,
                        dead_frames=layer.dead,
                        avg_frame_sec=int(layer.average_seconds),
                    ),
                )
            )
            for order, layer in enumerate(self.now.layers)
        ]

    def getFrames(self) -> list[Any]:
        return [
            opencue.wrappers.frame.Frame(
                job_pb2.Frame(
                    number=int(facts.name.split("-")[0]),
                    layer_name=facts.name.split("-")[1],
                    name=facts.name,
                    state=job_pb2.DEAD if facts.dead else job_pb2.SUCCEEDED,
                    start_time=1000,
                    stop_time=1000 + int(facts.seconds),
                    max_rss=facts.peak_memory_kb,
                )
            )
            for facts in self.frames
        ]


def watched(
    job: FakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, terminal: bool = False
) -> tuple[int, str]:
    """Watch a job and return the exit status and all that was printed."""
    monkeypatch.setattr(opencue.api, "findJob", job.fetch)
    monkeypatch.setattr(opencue.api, "getJob", job.fetch)
    monkeypatch.setattr(opencue.Cuebot, "getStub", lambda _name: None)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0)
    printed = io.StringIO()
    console = Console(
        file=printed, force_terminal=terminal, width=100, height=30, color_system=None, legacy_windows=False
    )
    movie = tmp_path / "movie.mp4"
    movie.touch()
    outputs = Outputs(movie=movie, contact_sheet=tmp_path / "none.png", logs=tmp_path)
    return watch("testing-tiny-ann_demo", console=console, outputs=outputs), printed.getvalue()


def test_watching_a_good_job_returns_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A job is followed until it is finished; then come the summary and the paths of what exists."""
    moments = [progress(layer(succeeded=1, running=9)), progress(layer(succeeded=10), finished=True)]
    job = FakeJob(moments, [FrameFacts(name="0001-beauty", seconds=2, peak_memory_kb=2048, dead=False)], tmp_path)
    status, printed = watched(job, monkeypatch, tmp_path)
    assert status == 0
    assert "beauty 1/10, 9 running" in printed
    assert "beauty 10/10" in printed
    assert "core-seconds   12" in printed
    assert f"movie          {tmp_path / 'movie.mp4'}" in printed
    assert "contact sheet" not in printed


def test_watching_a_failed_job_shows_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When dead frames block the rest, the first one's log is shown and the status is 1."""
    job = FakeJob(
        [progress(layer(succeeded=8, dead=2), layer("movie", 1))],
        [FrameFacts(name="0003-beauty", seconds=2, peak_memory_kb=2048, dead=True)],
        tmp_path,
    )
    (tmp_path / "testing-tiny-ann_demo.0003-beauty.rqlog").write_text("frame 3 is bad: it is black\n")
    status, printed = watched(job, monkeypatch, tmp_path)
    assert status == 1
    assert "frame 3 is bad: it is black" in printed
    assert "cueadmin -explain testing-tiny-ann_demo beauty" in printed


def test_watching_in_a_terminal_draws_bars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a terminal every layer has a bar."""
    job = FakeJob([progress(layer(succeeded=10), finished=True)], [], tmp_path)
    status, printed = watched(job, monkeypatch, tmp_path, terminal=True)
    assert status == 0
    assert "━━━━" in printed
    assert "10/10" in printed


def test_interrupt_passes_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C while watching reaches the caller, who stops the farm."""
    job = FakeJob([progress(layer(running=10))], [], tmp_path)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        watched(job, monkeypatch, tmp_path, terminal=True)


def test_a_log_shows_the_frames_own_last_words(tmp_path: Path) -> None:
    """The agent's footer does not push out what the frame said last; the exit status is kept."""
    log = tmp_path / "job.0002-check.rqlog"
    footer = ["", "=" * 59, "RenderQ Job Complete", "exitStatus          1", "startTime           now", "=" * 59]
    log.write_text("\n".join(["first", "frame 2 is black", *footer]))
    lines = [line.strip() for line in failure_lines("job", "0002-check", log)]
    assert "frame 2 is black" in lines
    assert "exitStatus          1" in lines
    assert not any("startTime" in line for line in lines)
