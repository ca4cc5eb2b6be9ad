"""Frame ranges mean the same to whoever writes them and to the farm."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import Invalid
from cuebot.domain.frame_set import parse_frame_set
from FileSequence import FrameSet

NUMBER = st.one_of(st.integers(-30, 30), st.integers(-(2**31) - 1, 2**31))
PART = st.builds(
    lambda first, last, mark, step: f"{first}{last}{mark}{step if mark else ''}",
    NUMBER,
    st.one_of(st.just(""), NUMBER.map(lambda number: f"-{number}")),
    st.sampled_from(["", "x", "y", ":"]),
    st.one_of(st.integers(-12, 12), NUMBER),
)
TEXT = st.one_of(
    st.lists(PART, min_size=1, max_size=3).map(",".join),
    st.text(alphabet="0123456789-,xy: a", max_size=16),
)


def on_the_farm(text: str) -> list[int] | None:
    """The frames that the server reads, None where it refuses."""
    try:
        return parse_frame_set(text, DEFAULT_BOUNDS).tolist()
    except Invalid:
        return None


def in_a_script(text: str) -> list[int] | None:
    """The frames that scripts read, None where those are refused."""
    try:
        return FrameSet(text).getAll()
    except ValueError:
        return None


@settings(deadline=None)
@given(TEXT)
@example("1-2000001x1000000")
@example("1-2147483647x2147483647")
@example("1-2147483647y1")
@example("1-2000000y2")
@example("1-2000001y2,1")
@example("1-600000,1-600000")
@example("5,10-1x1,7")
@example("10-1x1")
@example("5-5x-1")
@example("2147483648")
@example("-5--3")
@example("١-٣")
def test_a_range_is_read_alike_by_scripts_and_by_the_farm(text: str) -> None:
    """Both take it and find the same frames, or both refuse it; interleaved ones differ in their order alone."""
    scripts, farm = in_a_script(text), on_the_farm(text)
    if ":" in text and scripts and farm:
        scripts, farm = sorted(scripts), sorted(farm)
    assert scripts == farm


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1-2000001x1000000", [1, 1_000_001, 2_000_001]),
        ("-2000000000-2000000000x2000000000", [-2_000_000_000, 0, 2_000_000_000]),
    ],
)
def test_a_wide_range_of_few_frames_is_taken(text: str, frames: list[int]) -> None:
    """The limit counts frames, not how far the last is from the first."""
    assert in_a_script(text) == on_the_farm(text) == frames
