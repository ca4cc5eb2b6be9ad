"""Frame ranges: text to frames, frames to chunks, frames to text."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds
from cuebot.domain.errors import Invalid, NotFound
from cuebot.domain.frame_set import FrameRangeError, chunk_frames, compact, normalise, parse_frame_set

RANGE_TEXT = st.text(alphabet="0123456789-,xy: a", max_size=24)
FRAME_LIST = st.lists(st.integers(-60, 60), min_size=1, max_size=40)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """Draw a range of one to four parts that parses."""
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        first, last = draw(st.integers(-80, 80)), draw(st.integers(-80, 80))
        kind, step = draw(st.sampled_from(["", "x", ":"])), draw(st.integers(1, 12))
        sign = "-" if last < first else ""
        if kind == "x" and last == first:
            sign = ""
        parts.append(f"{first}-{last}" + (f"{kind}{sign}{step}" if kind else ""))
    return ",".join(parts)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", [7]),
        ("-7", [-7]),
        ("0001", [1]),
        ("1-4", [1, 2, 3, 4]),
        ("6-2", [6, 5, 4, 3, 2]),
        ("-5-3", [-5, -4, -3, -2, -1, 0, 1, 2, 3]),
        ("-20--13", [-20, -19, -18, -17, -16, -15, -14, -13]),
        ("-2--6", [-2, -3, -4, -5, -6]),
        ("1-10x3", [1, 4, 7, 10]),
        ("10-1x-3", [10, 7, 4, 1]),
        ("5-5x2", [5]),
        ("1-10y3", [2, 3, 5, 6, 8, 9]),
        ("8-1y-2", [7, 5, 3, 1]),
        ("1-10:5", [1, 6, 3, 5, 7, 9, 2, 4, 8, 10]),
        ("10-1:-5", [10, 5, 8, 6, 4, 2, 9, 7, 3, 1]),
        ("1-10x2,1-3", [1, 3, 5, 7, 9, 1, 2, 3]),
        ("5,10-1x1,7", [5, 7]),
    ],
)
def test_a_range_names_its_frames_in_order(text: str, frames: list[int]) -> None:
    """Each form gives the frames that the table of OpenCue's syntax gives, repeats kept."""
    parsed = parse_frame_set(text, DEFAULT_BOUNDS)
    assert parsed.tolist() == frames
    assert parsed.dtype == np.int32


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", ""),
        ("1-", "1-"),
        ("abc", "abc"),
        ("1,,3", ""),
        ("1, 3", " 3"),
        ("1-10X2", "1-10X2"),
        ("1-10x2:3", "1-10x2:3"),
        ("1-10x0", "1-10x0"),
        ("10-1x2", "10-1x2"),
        ("1-10x-2", "1-10x-2"),
        ("5-5x-1", "5-5x-1"),
        ("--5", "--5"),
        ("5,99999999999999999999", "99999999999999999999"),
        ("3000000000", "3000000000"),
        ("١-٣", "١-٣"),
    ],
)
def test_what_is_no_range_is_refused_by_part(text: str, part: str) -> None:
    """A refusal names the whole text, the part that is wrong, and the accepted forms."""
    with pytest.raises(FrameRangeError, match=re.escape("Accepted: N, A-B")) as caught:
        parse_frame_set(text, DEFAULT_BOUNDS)
    assert caught.value.part == part
    assert caught.value.text == text
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, Invalid)


@pytest.mark.parametrize("text", ["10-1x1", "1-10y1", "1-2147483647y1"])
def test_a_range_without_frames_is_refused(text: str) -> None:
    """A range that names no frame at all is an error, not an empty layer."""
    with pytest.raises(FrameRangeError, match="names no frame"):
        parse_frame_set(text, DEFAULT_BOUNDS)


@pytest.mark.parametrize(
    "text",
    [
        "1-999999999",
        "1-999999999:7",
        "1-999999999y2",
        "1-999999999y999999999",
        "-2147483648-2147483647",
        "1-600000,1-600000",
    ],
)
def test_too_many_frames_are_refused_before_they_take_memory(text: str) -> None:
    """A range over the limit is refused by the limit's name, and nothing of its size is allocated."""
    tracemalloc.start()
    try:
        with pytest.raises(FrameRangeError, match="the limit frames_per_range"):
            parse_frame_set(text, DEFAULT_BOUNDS)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_large_step_makes_a_wide_range_small() -> None:
    """The count of frames is limited, not the distance between first and last."""
    assert parse_frame_set("1-2000000000x1000000000", DEFAULT_BOUNDS).tolist() == [1, 1_000_000_001]
    assert parse_frame_set("-2147483648-2147483646x2147483647", DEFAULT_BOUNDS).tolist() == [-(2**31), -1, 2**31 - 2]
    assert len(parse_frame_set("1-2000000y2", DEFAULT_BOUNDS)) == 1_000_000


def test_the_limit_of_frames_can_be_set() -> None:
    """The number that bounds a range is the one in the limits given."""
    assert len(parse_frame_set("1-10", Bounds(frames_per_range=10))) == 10
    with pytest.raises(FrameRangeError, match="frames_per_range"):
        parse_frame_set("1-11", Bounds(frames_per_range=10))


def test_a_text_of_too_many_characters_is_refused_with_a_short_message() -> None:
    """The message about an over-long range does not repeat the range."""
    with pytest.raises(FrameRangeError, match="range_characters = 4000") as caught:
        parse_frame_set("1," * 3_000, DEFAULT_BOUNDS)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "chunk", "frames"),
    [
        ("1-10", 1, list(range(1, 11))),
        ("1-10", 4, [1, 5, 9]),
        ("1-10", 10, [1]),
        ("1-10", 100, [1]),
        ("1-10x3", 2, [1, 7]),
        ("10-1", 3, [10, 7, 4, 1]),
        ("1-10:2", 2, [1, 5, 9, 4, 8]),
        ("1-10x2,1-10", 2, [1, 5, 9, 4, 8]),
        ("3,1,3,2", 1, [3, 1, 2]),
    ],
)
def test_a_layer_has_a_frame_for_each_chunk(text: str, chunk: int, frames: list[int]) -> None:
    """Repeats are dropped, and every chunk is represented by its first frame."""
    assert normalise(parse_frame_set(text, DEFAULT_BOUNDS), chunk).tolist() == frames


@pytest.mark.parametrize(
    ("text", "chunk", "number", "frame_spec", "frame_end"),
    [
        ("1-10", 1, 1, "1", 1),
        ("1-10", 1, 10, "10", 10),
        ("1-10", 4, 1, "1-4", 4),
        ("1-10", 4, 9, "9-10", 10),
        ("1-10", 100, 1, "1-10", 10),
        ("1-10x3", 2, 1, "1,4", 4),
        ("1-10x3", 2, 7, "7,10", 10),
        ("10-1", 3, 10, "10-8x-1", 8),
        ("10-1", 3, 1, "1", 1),
        ("1-10:2", 2, 1, "1,3", 3),
        ("1-10:2", 2, 8, "8,10", 10),
    ],
)
def test_a_chunk_is_told_as_a_range(text: str, chunk: int, number: int, frame_spec: str, frame_end: int) -> None:
    """The frames of a chunk and their short form are those of the worked examples."""
    frames = chunk_frames(parse_frame_set(text, DEFAULT_BOUNDS), chunk, number)
    assert compact(frames) == frame_spec
    assert frames[-1] == frame_end


def test_a_frame_outside_the_range_has_no_chunk() -> None:
    """Asking for the chunk of a frame that the layer lacks names the frame."""
    with pytest.raises(NotFound, match="frame 11"):
        chunk_frames(parse_frame_set("1-10", DEFAULT_BOUNDS), 2, 11)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([], ""),
        ([1], "1"),
        ([1, 2], "1-2"),
        ([1, 5], "1,5"),
        ([1, 3, 5], "1-5x2"),
        ([91, 103, 104], "91,103,104"),
        ([5, 7, 9, 11, 31], "5-11x2,31"),
        ([1, 3, 4, 5, 6], "1,3,4,5,6"),
        ([10, 9, 8], "10-8x-1"),
        ([1, 1, 1], "1,1,1"),
    ],
)
def test_frames_are_written_as_clients_know_it(frames: list[int], text: str) -> None:
    """The short form follows OpenCue's examples, even where a shorter one exists."""
    assert compact(frames) == text


@given(FRAME_LIST)
@example([1, 3, 5, 4])
@example([0, 5, 5, 10])
def test_what_was_written_reads_back_the_same(frames: list[int]) -> None:
    """Writing frames as a range and reading it gives the same frames in the same order."""
    assert parse_frame_set(compact(frames), DEFAULT_BOUNDS).tolist() == frames


@given(ranges(), st.integers(1, 30))
@example("1-10x2,1-10", 2)
def test_chunks_render_each_frame_exactly_once(text: str, chunk: int) -> None:
    """All chunks of a layer together are its frames in order, none missing and none twice."""
    frames = parse_frame_set(text, DEFAULT_BOUNDS)
    rendered = [frame for number in normalise(frames, chunk).tolist() for frame in chunk_frames(frames, chunk, number)]
    assert rendered == list(dict.fromkeys(frames.tolist()))


@given(st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 70))
def test_interleaving_only_changes_the_order(first: int, last: int, step: int) -> None:
    """An interleaved range names the frames of the plain one, each once."""
    if step > 1 and last < first:
        step = -step
    if step == 1 and last < first:
        first, last = last, first
    interleaved = parse_frame_set(f"{first}-{last}:{step}", DEFAULT_BOUNDS).tolist()
    assert sorted(interleaved) == sorted(parse_frame_set(f"{first}-{last}", DEFAULT_BOUNDS).tolist())


@given(st.one_of(RANGE_TEXT, st.text(max_size=30)))
@example("1-2147483647x2147483647")
@example("-2147483648")
@example("9" * 4_000)
def test_any_text_is_a_range_or_a_range_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        frames = parse_frame_set(text, DEFAULT_BOUNDS)
    except FrameRangeError:
        return
    assert len(frames)
