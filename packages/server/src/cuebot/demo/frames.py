"""What all steps of the demo agree on: the settings of the shot, where its files lie, and its frame numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Shot:
    """The settings that every step of the pipeline shares; plain values, so that they travel as session data."""

    show: str
    shot: str
    frames: tuple[int, ...]
    width: int  # pixels
    height: int  # pixels
    samples: int  # light paths a pixel, an even number
    output: Path
    break_frame: int | None = None  # this frame is rendered with the light off, so that `check` fails it
    frames_per_second: int = 12

    def turn(self, frame: int) -> float:
        """Where `frame` is in the loop, from 0 up to but not including 1; the last frame runs into the first."""
        return self.frames.index(frame) / len(self.frames)

    def beauty(self, frame: int) -> Path:
        """The rendered picture of `frame`."""
        return self.output / "beauty" / f"{self.shot}_beauty.{frame:04d}.exr"

    def comp(self, frame: int) -> Path:
        """The finished picture of `frame`."""
        return self.output / "comp" / f"{self.shot}_comp.{frame:04d}.png"

    @property
    def movie(self) -> Path:
        """The finished movie."""
        return self.output / f"{self.show}_{self.shot}.mp4"

    @property
    def contact_sheet(self) -> Path:
        """The picture that shows all frames."""
        return self.output / f"{self.show}_{self.shot}_contact-sheet.png"

    def to_data(self) -> dict[str, Any]:
        """Return the settings as plain values that YAML and JSON can hold."""
        return {**asdict(self), "frames": list(self.frames), "output": str(self.output)}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Shot:
        """Make the settings again from what `to_data` returned."""
        return cls(**{**data, "frames": tuple(data["frames"]), "output": Path(data["output"])})
