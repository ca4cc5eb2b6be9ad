"""Frame ranges as the server reads them: text to frame numbers, frame numbers to chunks, and back to text.

| form | frames |
|---|---|
| `7`, `-7` | one |
| `1-10`, `10-1`, `-5--2` | every one, upwards or downwards |
| `1-10x3` | every third: 1 4 7 10 |
| `1-10y3` | all but every third: 2 3 5 6 8 9 |
| `1-10:5` | interleaved, step 5, then 2, then 1, none twice: 1 6 3 5 7 9 2 4 8 10 |

A comma joins ranges. A negative step walks downwards. There are no blanks. Order is kept, and so are repeats, until
`normalise` drops them. The interleaved form starts each pass at the first frame, which is the server's order; the
client's FileSequence has another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, NotFound, quoted

FrameNumbers = NDArray[np.int32]
"""Frame numbers in the order in which they run."""

ACCEPTED_FORMS = "N, A-B, A-BxSTEP, A-BySTEP (all but every STEP), A-B:STEP (interleaved), joined by commas, no blanks"

_PART = re.compile(r"(-?[0-9]+)(?:-(-?[0-9]+)(?:([xy:])(-?[0-9]+))?)?", re.ASCII)
_INT32 = np.iinfo(np.int32)
_DIGITS_MAX = 11  # sign and ten digits hold every int32; longer text is refused before it is converted


class FrameRangeError(Invalid, ValueError):
    """A text that is no frame range; names the text, the part that is wrong, and what is accepted."""

    def __init__(self, text: str, part: str, problem: str) -> None:
        """Say that `part` of the range `text` is wrong because of `problem`."""
        where = f'frame range "{quoted(text)}"'
        if part != text:
            where += f', part "{quoted(part)}"'
        super().__init__(f"{where}: {problem}. Accepted: {ACCEPTED_FORMS}.")
        self.text = text
        self.part = part


def parse_frame_set(text: str, bounds: Bounds) -> FrameNumbers:
    """Return the frames that a range names, in its order, repeats kept.

    Nothing is allocated before the count is known to be within `bounds.frames_per_range`.

    Raises:
        FrameRangeError: the text is no range, names no frame, or names too many.
    """
    if len(text) > bounds.range_characters:
        raise FrameRangeError(
            text, text, f"{len(text)} characters, more than the limit range_characters = {bounds.range_characters}"
        )
    pieces: list[FrameNumbers] = []
    room = bounds.frames_per_range
    for part in text.split(","):
        piece = _parse_part(text, part, room, bounds.frames_per_range)
        room -= len(piece)
        pieces.append(piece)
    frames = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    if not len(frames):
        raise FrameRangeError(text, text, "it names no frame")
    return frames


def interleaved(count: int, step: int) -> NDArray[np.int64]:
    """Return the places 0 to `count` - 1 as the form `A-B:STEP` orders them."""
    return _offsets(":", count, step)


def normalise(frames: FrameNumbers, chunk: int) -> FrameNumbers:
    """Return the numbers of the frames that a layer has: the first frame of every chunk, no number twice."""
    if chunk > len(frames):
        return frames[:1]
    distinct = _without_repeats(frames)
    return distinct if chunk <= 1 else distinct[::chunk]


def chunk_frames(frames: FrameNumbers, chunk: int, number: int) -> list[int]:
    """Return the frames that the layer's frame `number` renders: itself and those that follow it in its chunk.

    Repeats in the range are dropped first, so that all chunks together render each frame exactly once.

    Raises:
        NotFound: `number` is not in `frames`.
    """
    distinct = _without_repeats(frames)
    found = np.flatnonzero(distinct == number)
    if not len(found):
        raise NotFound(f"frame {number} is not in this layer's range {compact(distinct[:20].tolist())}")
    start = int(found[0])
    chosen: list[int] = distinct[start : start + max(chunk, 1)].tolist()
    return chosen


def compact(frames: Iterable[int]) -> str:
    """Write frame numbers as a range, keeping their order.

    The result is not always the shortest. Commands see it as `#FRAMESPEC#`, so it is built by the rule that OpenCue's
    clients know: a pair whose step is not 1 gives up its first number, and the search for a step starts anew.
    """
    numbers = list(frames)
    if not numbers:
        return ""
    written: list[str] = []
    start = last = numbers[0]
    count = 1
    step: int | None = None
    for current in numbers[1:]:
        if step is None and current != last:
            step = current - start
        if current == last:  # a repeat belongs to no run
            written.extend(_written_run(start, last, step, count))
            start, count, step = current, 1, None
        elif current - last == step:
            count += 1
        elif count == 2 and not step == last - start == 1:
            written.append(str(start))
            start, step = last, None
        else:
            written.extend(_written_run(start, last, step, count))
            start, count, step = current, 1, None
        last = current
    written.extend(_written_run(start, last, step, count))
    return ",".join(written)


def _parse_part(text: str, part: str, room: int, limit: int) -> FrameNumbers:
    """Return the frames of one part between commas, which may name `room` frames at most."""
    match = _PART.fullmatch(part)
    if match is None:
        raise FrameRangeError(text, part, "it is empty" if not part else "it has none of the accepted forms")
    first = _number(text, part, match[1])
    if match[2] is None:
        last, kind, step = first, "", 1
    else:
        last = _number(text, part, match[2])
        kind = match[3] or ""
        step = _number(text, part, match[4]) if kind else (1 if first <= last else -1)
    if step == 0:
        raise FrameRangeError(text, part, "a step of 0 never ends")
    if step > 1 and first > last:
        raise FrameRangeError(text, part, f"it counts down from {first} to {last}, which needs a negative step")
    if step < 0 and first <= last and kind:
        raise FrameRangeError(
            text, part, f"it does not count down from {first} to {last}, so the step must be positive"
        )
    if step == 1 and first > last:
        return np.empty(0, np.int32)  # as in OpenCue: upwards by one from a higher number meets nothing

    span = abs(last - first) + 1
    hit = (span - 1) // abs(step) + 1
    count = hit if kind == "x" else span - hit if kind == "y" else span
    if not count:
        return np.empty(0, np.int32)  # a step of 1 passes over nothing, so `1-10y1` names nothing
    if count > room:
        raise FrameRangeError(text, part, f"the range names more than {limit} frames, the limit frames_per_range")
    offsets = _offsets(kind, span, abs(step))
    return (first + offsets if step > 0 else first - offsets).astype(np.int32)


def _offsets(kind: str, span: int, step: int) -> NDArray[np.int64]:
    """Return the distances from the first frame, in the order of the form `kind`, within `span` frames."""
    if kind != ":":
        if kind != "y":
            return np.arange(0, span, step, dtype=np.int64)
        wanted = np.ones(span, np.bool_)
        wanted[::step] = False
        return np.flatnonzero(wanted)
    taken = np.zeros(span, np.bool_)
    passes: list[NDArray[np.int64]] = []
    while step:
        reached = np.arange(0, span, step, dtype=np.int64)
        passes.append(reached[~taken[reached]])
        taken[reached] = True
        step //= 2
    return np.concatenate(passes)


def _number(text: str, part: str, digits: str) -> int:
    """Return a number of the range, refusing what does not fit in 32 bits."""
    if len(digits) <= _DIGITS_MAX:
        value = int(digits)
        if _INT32.min <= value <= _INT32.max:
            return value
    raise FrameRangeError(text, part, f"{quoted(digits)} is outside {_INT32.min} to {_INT32.max}")


def _without_repeats(frames: FrameNumbers) -> FrameNumbers:
    """Return the frames with later repeats dropped."""
    earlier, later = frames[:-1], frames[1:]
    if (earlier < later).all() or (earlier > later).all():
        return frames
    _, first_positions = np.unique(frames, return_index=True)
    return frames[np.sort(first_positions)]


def _written_run(start: int, last: int, step: int | None, count: int) -> Sequence[str]:
    """Write one run of `count` numbers."""
    if count == 1:
        return (str(start),)
    if step == 1:
        return (f"{start}-{last}",)
    if count == 2:
        return (str(start), str(last))
    return (f"{start}-{last}x{step}",)
