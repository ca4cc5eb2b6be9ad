"""The frames that a command names: one layer and a range."""

from __future__ import annotations

from typing import Any

from cue_cli.cueadmin.lookup import otherJobsOfName
from cue_cli.cueadmin.session import Session
from FileSequence import FrameSet
from opencue.changed import Changed
from opencue.wording import counted
from opencue.wrappers.job import Job
from opencue.wrappers.layer import Layer


class Selection:
    """Frames of a layer, some of which may not exist or not be in the state for what is to be done with them."""

    def __init__(self, job: Job, layer: Layer, range_text: str, typed: str = "") -> None:
        self.job, self.layer, self.range_text = job, layer, range_text
        self.typed = typed
        """What named the job: its name, or an id."""
        self.where = f"{job.name()}/{layer.name()}"
        self.options: dict[str, Any] = {"layer": [layer.name()], "range": range_text}
        """FrameSearch options that find them."""

    def tell(self, session: Session, changed: Changed, done: str, otherwise: str) -> None:
        """Report how many frames were `done`, and name those that are not there, or are `otherwise`."""
        if changed is None:
            session.changed(f"{self.where} {self.range_text}", None, done)
            return
        missing, found = self._split()
        if not changed:
            session.changed(self.where, 0, done, self._why_nothing(missing, found, done, otherwise))
            return
        session.changed(self.where, changed, f"{counted(changed, 'frame')} {done}")
        if missing:
            session.warn(f"{self.where}: {self._absent(missing)}")
        if len(found) > changed:
            session.warn(f"{self.where}: {counted(len(found) - changed, 'other frame')} of this range: {otherwise}")

    def _why_nothing(self, missing: list[int], found: list[int], done: str, otherwise: str) -> str:
        reasons = [f"{_named(found)} {'is' if len(found) == 1 else 'are'} {otherwise}"] if found else []
        if missing:
            reasons.append(self._absent(missing))
        return f"no frame was {done}: {'; '.join(reasons)}"

    def _absent(self, missing: list[int]) -> str:
        others = otherJobsOfName(self.job, self.typed)
        return f"it has no {_named(missing)}, only {self.layer.range()}{others}"

    def _split(self) -> tuple[list[int], list[int]]:
        """Return the numbers of the range that the layer does not have, and those of its frames."""
        rendered = list(dict.fromkeys(FrameSet(self.layer.range())))
        frames = set(rendered[:: max(self.layer.chunkSize(), 1)])  # the others are rendered with the one before them
        asked = sorted(set(FrameSet(self.range_text)))
        everything = frames.union(rendered)
        return [n for n in asked if n not in everything], [n for n in asked if n in frames]


def _named(numbers: list[int]) -> str:
    from outline.util import compact_frame_range  # only what went wrong needs it

    return f"frame{'s' if len(numbers) > 1 else ''} {compact_frame_range(numbers)}"
