"""Frame ranges, frame sets and file sequences."""

from __future__ import annotations

import pytest

from FileSequence import FileSequence, FrameRange, FrameSet


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", [7]),
        ("-7", [-7]),
        ("1-3", [1, 2, 3]),
        ("3-1", [3, 2, 1]),
        ("1-10x3", [1, 4, 7, 10]),
        ("1-10y3", [2, 3, 5, 6, 8, 9]),
        ("10-1x-1", list(range(10, 0, -1))),
        ("10-1y-3", [9, 8, 6, 5, 3, 2]),
        ("1-10:5", [1, 6, 2, 4, 8, 10, 3, 5, 7, 9]),
        ("1-10:3", [1, 4, 7, 10, 2, 3, 5, 6, 8, 9]),
        ("10-1:-4", [10, 6, 2, 9, 7, 5, 3, 1, 8, 4]),
        ("-5--1", [-5, -4, -3, -2, -1]),
        ("5-5", [5]),
    ],
)
def test_a_range_names_its_frames_in_order(text: str, frames: list[int]) -> None:
    """Each form of a range gives its frames in the order in which they run."""
    assert FrameRange(text).getAll() == frames


@pytest.mark.parametrize(
    "text",
    [
        "10-1x1",
        "1-10y1",
        "2147483648",
        "",
        "a",
        "1-",
        "1 - 2",
        "1-10x0",
        "1-10x-2",
        "10-1x2",
        "5-5x-1",
        "1-10:0",
        "1-10X2",
        "1-10x2:2",
        "1-9999999",
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    """Text that is no range, or whose step leads nowhere, raises ValueError."""
    with pytest.raises(ValueError, match="range"):
        FrameRange(text)


def test_the_limit_counts_frames_and_not_the_distance() -> None:
    """A wide range of few frames is taken, and nothing of the range's width is made."""
    assert list(FrameSet("1-2000001x1000000")) == [1, 1_000_001, 2_000_001]
    assert list(FrameSet("1-2000000000x1000000000,-3")) == [1, 1_000_000_001, -3]
    with pytest.raises(ValueError, match="more than 1000000 frames"):
        FrameSet("1-600000,1-600000")


def test_a_set_is_made_of_numbers() -> None:
    """Frames that a script has counted need no text."""
    assert list(FrameSet.of([3, 1, 3])) == [3, 1, 3]


def test_a_set_joins_its_ranges_and_keeps_repeats() -> None:
    """A comma list is concatenated in order, and normalize() sorts and drops repeats."""
    frames = FrameSet("1-5x2,6-10,3")
    assert frames.getAll() == [1, 3, 5, 6, 7, 8, 9, 10, 3]
    assert (frames.size(), frames.get(1), frames[-1], frames[1:3]) == (9, 3, 3, [3, 5])
    assert (frames.index(7), frames.index(99)) == (4, -1)
    assert str(frames) == "1,3,5,6,7,8,9,10,3"
    frames.normalize()
    assert list(frames) == [1, 3, 5, 6, 7, 8, 9, 10]


def test_a_sequence_names_its_parts() -> None:
    """A path is taken apart at the frame number, and put together again for each frame."""
    sequence = FileSequence("/a/foo.1-3###.tar.gz")
    assert (sequence.getPrefix(), sequence.getSuffix()) == ("/a/foo.", ".tar.gz")
    assert (sequence.getDirname(), sequence.getBasename(), sequence.getPadSize()) == ("/a/", "foo", 3)
    assert sequence.getFileList() == ["/a/foo.001.tar.gz", "/a/foo.002.tar.gz", "/a/foo.003.tar.gz"]
    assert sequence.getFileList(FrameSet("3,9")) == ["/a/foo.003.tar.gz"]
    assert sequence(12) == "/a/foo.012.tar.gz"
    assert (sequence[0], len(sequence), list(sequence)[-1]) == ("/a/foo.001.tar.gz", 3, "/a/foo.003.tar.gz")
    assert sequence.getOpenRVPath() == "/a/foo.1-3@@@.tar.gz"
    assert sequence.getOpenRVPath(FrameSet("8-9")) == "/a/foo.8-9@@@.tar.gz"
    assert str(sequence) == "/a/foo.1-3###.tar.gz"


@pytest.mark.parametrize(
    ("path", "pad_size"), [("foo.#.exr", 1), ("foo.0001-0010.exr", 4), ("foo.0001-0010#.exr", 1), ("foo.1-10@@.exr", 1)]
)
def test_padding_comes_from_hashes_or_leading_zeros(path: str, pad_size: int) -> None:
    """Trailing hashes give the padding; without any, the leading zeros of the range do."""
    assert FileSequence(path).getPadSize() == pad_size


def test_a_time_in_the_name_is_a_number_like_another() -> None:
    """A file that is numbered by the time of its writing is a sequence of one."""
    assert list(FileSequence("/a/take.20260131120000.exr")) == ["/a/take.20260131120000.exr"]


@pytest.mark.parametrize("path", ["foo_####.exr", "foo.exr", "foo.#", "foo.10-1#.exr"])
def test_a_path_without_a_frame_number_between_dots_is_refused(path: str) -> None:
    """A frame number has to stand between two dots, and its range has to count up."""
    with pytest.raises(ValueError, match="file sequence"):
        FileSequence(path)
