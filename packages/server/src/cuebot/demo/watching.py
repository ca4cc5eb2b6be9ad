"""Follows a job on the farm until it ends, and shows it in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cuebot.demo import extras
from cuebot.demo.progress import (
    FrameFacts,
    LayerProgress,
    Outputs,
    Progress,
    counts,
    failure_lines,
    output_lines,
    plain_line,
    summary_lines,
    time_line,
)
from opencue.util import logPath

POLL_SECONDS = 0.25
_PLAIN_LINE_SECONDS = 1.0  # no more than one line in this time where there is no terminal


def watch(job_name: str, *, console: Any, outputs: Outputs) -> int:
    """Show a job on a `rich` console until it ends; return 0 if all its frames succeeded, else 1.

    A job whose dead frames keep all others waiting counts as ended. Ctrl-C passes through: who calls stops the farm.

    Raises:
        opencue.exception.CueException: there is no such job, or the farm went away.
    """
    import opencue

    job = opencue.api.findJob(job_name)
    started = time.monotonic()
    with _shown(console) as show:
        while True:
            progress = observe(job, elapsed_seconds=time.monotonic() - started)
            show(progress)
            if progress.finished or progress.stuck:
                break
            time.sleep(POLL_SECONDS)
            job = opencue.api.getJob(job.id())
    return _report(job, progress, console, outputs)


def observe(job: Any, *, elapsed_seconds: float) -> Progress:
    """Read how far a job (an `opencue` Job, just fetched) is."""
    from opencue.wrappers.job import Job

    return Progress(
        layers=tuple(
            LayerProgress(
                name=layer.name(),
                total=layer.totalFrames(),
                succeeded=layer.succeededFrames(),
                eaten=layer.eatenFrames(),
                running=layer.runningFrames(),
                waiting=layer.waitingFrames(),
                depending=layer.dependFrames(),
                dead=layer.deadFrames(),
                average_seconds=layer.avgFrameTimeSeconds(),
            )
            for layer in sorted(job.getLayers(), key=lambda layer: layer.data.dispatch_order)
        ),
        finished=job.state() == Job.JobState.FINISHED,
        paused=job.isPaused(),
        elapsed_seconds=elapsed_seconds,
    )


def frame_facts(job: Any) -> list[FrameFacts]:
    """Read what each frame of a job took."""
    from opencue.wrappers.frame import Frame

    return [
        FrameFacts(
            name=frame.name(),
            seconds=float(frame.runTime()),
            peak_memory_kb=frame.maxRss(),
            dead=frame.state() == Frame.FrameState.DEAD,
        )
        for frame in job.getFrames()
    ]


def _report(job: Any, progress: Progress, console: Any, outputs: Outputs) -> int:
    """Print how the job ended, and return the exit status."""
    facts = frame_facts(job)
    lines = summary_lines(
        facts, core_seconds=job.data.job_stats.total_core_sec, elapsed_seconds=progress.elapsed_seconds
    )
    dead = [frame.name for frame in facts if frame.dead]
    if dead:
        lines += ["", *failure_lines(job.name(), dead[0], Path(logPath(job, dead[0]))), ""]
    elif not progress.successful:
        lines.append("The job ended before all of its frames had succeeded.")
    lines += output_lines(outputs)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if progress.successful else 1


@contextmanager
def _shown(console: Any) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows a job's progress: bars in a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield _plain_display(console)
        return
    live = extras.load("rich.live").Live(console=console, auto_refresh=False)
    with live:
        yield lambda progress: live.update(bars(progress), refresh=True)


def _plain_display(console: Any) -> Callable[[Progress], None]:
    """Give a function that prints a line when something changed, but not too often."""
    last_counts: list[str] = []
    last_printed = -_PLAIN_LINE_SECONDS

    def show(progress: Progress) -> None:
        nonlocal last_counts, last_printed
        now_counts = [counts(layer) for layer in progress.layers]
        ended = progress.finished or progress.stuck
        if ended or (now_counts != last_counts and progress.elapsed_seconds - last_printed >= _PLAIN_LINE_SECONDS):
            console.print(plain_line(progress), markup=False, highlight=False, soft_wrap=True)
            last_counts, last_printed = now_counts, progress.elapsed_seconds

    return show


def bars(progress: Progress) -> Any:
    """Draw a bar for each layer, and a line with the time, for `rich`."""
    progress_bar, table, text = (extras.load(f"rich.{name}") for name in ("progress_bar", "table", "text"))
    console_module = extras.load("rich.console")
    grid = table.Table.grid(padding=(0, 2))
    for layer in progress.layers:
        style = "red" if layer.dead else "cyan"
        bar = progress_bar.ProgressBar(
            total=max(1, layer.total), completed=layer.done, width=36, complete_style=style, finished_style="green"
        )
        average = f"{layer.average_seconds:.1f} s a frame" if layer.average_seconds else ""
        states = text.Text(counts(layer), style="bold red" if layer.dead else "")
        grid.add_row(text.Text(layer.name, style="bold"), bar, states, text.Text(average, style="dim"))
    return console_module.Group(grid, text.Text(time_line(progress), style="dim"))
