"""What there is to say about a running job, from what the farm says of it: pure functions and plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class LayerProgress:
    """How many frames of a layer are in which state."""

    name: str
    total: int
    succeeded: int
    eaten: int  # given up by somebody, which lets others go on
    running: int
    waiting: int  # could start, if a host were free
    depending: int  # wait for other frames
    dead: int
    average_seconds: float  # of the frames that succeeded, 0 without any

    @property
    def done(self) -> int:
        """How many frames are over and hold nobody up."""
        return self.succeeded + self.eaten

    @property
    def pending(self) -> int:
        """How many frames may still come to an end by themselves."""
        return self.running + self.waiting + self.depending


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A job at one moment."""

    layers: tuple[LayerProgress, ...]
    finished: bool
    paused: bool
    elapsed_seconds: float

    @property
    def dead(self) -> int:
        """How many frames failed for good."""
        return sum(layer.dead for layer in self.layers)

    @property
    def successful(self) -> bool:
        """Whether every frame succeeded."""
        return self.finished and all(layer.succeeded == layer.total for layer in self.layers)

    @property
    def stuck(self) -> bool:
        """Whether frames are dead and nothing else can run, so that the job never ends by itself."""
        return not self.finished and self.dead > 0 and not any(layer.running + layer.waiting for layer in self.layers)

    def remaining_seconds(self) -> float | None:
        """Estimate how long the job goes on, or None while the layer with the most frames has no finished one.

        What is left of each layer takes its average; as many frames run side by side as do now.
        """
        if not self.layers or self.finished:
            return 0.0 if self.finished else None
        if max(self.layers, key=lambda layer: layer.total).average_seconds <= 0:
            return None
        left = sum(layer.pending * layer.average_seconds for layer in self.layers)
        # A running frame is half done, on average.
        left -= sum(layer.running * layer.average_seconds for layer in self.layers) / 2
        return left / max(1, sum(layer.running for layer in self.layers))


@dataclass(frozen=True, kw_only=True)
class FrameFacts:
    """One frame after the job."""

    name: str
    seconds: float
    peak_memory_kb: int
    dead: bool


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where to find what the job made."""

    movie: Path
    contact_sheet: Path
    logs: Path


def counts(layer: LayerProgress) -> str:
    """Say in which states a layer's frames are, without those that have none: `7/24, 2 running, 1 dead`."""
    states = [
        (layer.running, "running"),
        (layer.waiting + layer.depending, "waiting"),
        (layer.dead, "dead"),
        (layer.eaten, "eaten"),
    ]
    return ", ".join([f"{layer.done}/{layer.total}", *(f"{count} {word}" for count, word in states if count)])


def clock(seconds: float) -> str:
    """Write a duration as `0:07` or `1:02:03`."""
    whole = max(0, math.floor(seconds))
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours}:{minutes_left:02}:{seconds_left:02}" if hours else f"{minutes_left}:{seconds_left:02}"


def time_line(progress: Progress) -> str:
    """Say how long the job runs already and how long it will go on."""
    line = f"{clock(progress.elapsed_seconds)} elapsed"
    remaining = progress.remaining_seconds()
    if progress.paused:
        return f"{line}, paused"
    if remaining is None or progress.finished:
        return line
    return f"{line}, about {clock(math.ceil(remaining))} left"


def plain_line(progress: Progress) -> str:
    """Say all of it in one line, for output that is no terminal."""
    return " | ".join([time_line(progress), *(f"{layer.name} {counts(layer)}" for layer in progress.layers)])


def summary_lines(frames: Sequence[FrameFacts], *, core_seconds: float, elapsed_seconds: float) -> list[str]:
    """Sum the job up: frames, core-seconds, the slowest frame, and the most memory that a frame used."""
    dead = sum(frame.dead for frame in frames)
    lines = [
        f"frames         {len(frames)} in {clock(elapsed_seconds)}" + (f", {dead} dead" if dead else ""),
        f"core-seconds   {core_seconds:.0f}",
    ]
    if frames:
        slowest = max(frames, key=lambda frame: frame.seconds)
        hungriest = max(frames, key=lambda frame: frame.peak_memory_kb)
        lines.append(f"slowest frame  {slowest.name}, {slowest.seconds:.0f} s")
        lines.append(f"peak memory    {hungriest.peak_memory_kb / 1024:.0f} MB, {hungriest.name}")
    return lines


def output_lines(outputs: Outputs) -> list[str]:
    """Say where everything is; what does not exist is left out."""
    named = [("movie", outputs.movie), ("contact sheet", outputs.contact_sheet), ("logs", outputs.logs)]
    return [f"{name:<14} {path}" for name, path in named if path.exists()]


def failure_lines(job: str, frame: str, log: Path, *, tail: int = 15) -> list[str]:
    """Show the end of the log of a dead frame, and say how to look further."""
    layer_frame = frame.split("-", 1)
    try:
        last = _own_words(log.read_text(encoding="utf-8", errors="replace").splitlines())[-tail:]
    except OSError as error:
        last = [f"(cannot read it: {error.strerror or error})"]
    return [
        f"frame {frame} failed. The end of its log, {log}:",
        *(f"  {line}" for line in last),
        "To look further:",
        f"  cueadmin -explain {job} {layer_frame[-1]}",
        f"  cueadmin -ll -job {job}",
        f"  cueadmin -lji {job}",
    ]


def _own_words(lines: list[str]) -> list[str]:
    """A log's lines without the agent's footer, which would hide what the frame said last; its exit status stays."""
    marks = [number for number, line in enumerate(lines) if line == "RenderQ Job Complete"]
    if not marks:
        return lines
    footer = marks[-1]
    exits = [line for line in lines[footer:] if line.startswith(("exitStatus", "exitSignal"))]
    return [*lines[: max(footer - 2, 0)], *exits]
