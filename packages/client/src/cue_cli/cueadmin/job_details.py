"""One job with its layers, as -lji shows it."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from cue_cli.cueadmin.format import cutoff, findDuration, formatDuration, formatTime
from cue_cli.cueadmin.output import jobState
from opencue.enums import JobState
from opencue.exception import NotOfferedException
from opencue.wording import counted

MICROS = 1_000_000


def settingsOf(job: Any) -> Optional[Any]:
    """Return what published messages have no field for, None where the server is not a cuefarm."""
    try:
        return job.getSettings()
    except NotOfferedException:
        return None


def displayJobDetails(job: Any, layers: Iterable[Any], retries: dict[str, int], settings: Any) -> None:
    """Print one job's state and times, its layers with what became of their frames, and what is set of either."""
    data, layers = job.data, list(layers)
    ended = f", ended {formatTime(data.stop_time)}" if data.stop_time else ""
    took = formatDuration(findDuration(data.start_time, data.stop_time))
    print()
    print(f"{data.name}: {jobState(job)}, {data.user}, submitted {formatTime(data.start_time)}{ended}, {took}")
    print(f"  {_ofJob(job, settings)}")
    layout = "  %-30s %7s %7s %7s %7s %7s %7s %7s %10s"
    print(
        layout
        % (
            "Layer",
            "Frames",
            "Done",
            "Run",
            "NotDone" if data.state == JobState.FINISHED else "Wait",
            "Dead",
            "Eaten",
            "Retries",
            "Average",
        )
    )
    for layer in layers:
        stats = layer.data.layer_stats
        print(
            layout
            % (
                cutoff(layer.data.name, 30),
                stats.total_frames,
                stats.succeeded_frames,
                stats.running_frames,
                stats.waiting_frames + stats.depend_frames,
                stats.dead_frames,
                stats.eaten_frames,
                retries.get(layer.data.name, 0) if retries else "-",
                formatDuration(stats.avg_frame_sec),
            )
        )
    of_layers = {one.layer_id: one for one in settings.layers} if settings else {}
    for layer in layers:
        words = _ofLayer(layer.data, of_layers.get(layer.data.id))
        if words:
            print(f"  {layer.data.name}: {', '.join(words)}")


def _ofJob(job: Any, settings: Any) -> str:
    """What is set of a job."""
    words = [f"group {job.data.group}"]
    if settings:
        words.append(counted(settings.max_retries, "retry", "retries"))
        if settings.time_limit_minutes:
            ends_s = settings.time_limit_ends_us // MICROS
            ends = f", over {formatTime(ends_s)}" if ends_s else ""
            words.append(f"time limit {settings.time_limit_minutes} min{ends}")
        if settings.HasField("uid"):
            words.append(f"user id {settings.uid}")
    if job.data.auto_eat:
        words.append("frames that fail are eaten")
    if settings and settings.subscribers:
        words.append(f"mail to {', '.join(settings.subscribers)}")
    return ", ".join(words)


def _ofLayer(data: Any, settings: Any) -> list[str]:
    """What is set of a layer otherwise than it is by itself."""
    words = []
    if settings is not None and settings.HasField("max_retries"):
        words.append(f"{counted(settings.max_retries, 'retry', 'retries')} of its own")
    if data.timeout:
        words.append(f"time-out {data.timeout} min")
    if data.timeout_llu:
        words.append(f"time-out {data.timeout_llu} min without a word in its log")
    if data.limits:
        words.append(f"counts by {', '.join(data.limits)}")
    if data.max_cores:
        words.append(f"at most {data.max_cores:g} cores")
    if data.start_after:
        words.append(f"starts after {formatTime(data.start_after)}")
    return words
