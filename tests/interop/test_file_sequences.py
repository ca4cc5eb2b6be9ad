"""`FileSequence` against upstream's: thousands of texts, read by both."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PEER = Path(__file__).with_name("frame_peer.py")
Case = tuple[str, str]

ODD_RANGES = """
    1|-1|01|007|1-|-|--1|1--1||x|1x|1-5x|1-5X2|1-5xx2|1 - 5| 1|1 |1-5 |1-5x2y3|1.5|1-5:2:2|+1|1-+5|1-5x+2|1-5#|00-5|-0
    |1-5x02|1-5x-0|abc|1-5z2|1-a|1,,2|,1|1,|1, 2|1-3,5-|1-3;5
"""
FRAMES = [
    "#",
    "##",
    "####",
    "1-10#",
    "1-10####",
    "0001-0010",
    "0001-0010#",
    "1-10@",
    "1-10@@@",
    "@",
    "@@",
    "#@",
    "@#",
    "1-10#@",
    "1,2,3",
    "1-3,5#",
    "1-10x2#",
    "1-10y2#",
    "1-10:2#",
    "10-1#",
    "10-1",
    "1",
    "01",
    "0001",
    "-1",
    "-1-5#",
    "-5--1#",
    "-005-5",
    "1--",
    "x",
    "-",
    ",",
    ",,",
    "0-5",
    "00-05",
    "-01",
    "1-5x",
    "5-1x-1#",
    "1,1,3#",
    "3,1",
    "3,2,5",
    "1-10x2",
    "0",
    "%04d",
    "1a",
]
PREFIXES = ("foo.", "/a/b/foo.", "/a/b.c/foo.bar.", "./foo.", "/a b/foo.", ".", "/.", "foo", "foo_", "", "a..", "/a/")
SUFFIXES = (".exr", ".tar.gz", "", ".", "exr", ".e-x", ".1", ".e x", ".exr/", "..exr")


def _ranges() -> Iterator[str]:
    for first in range(-4, 13, 2):
        for last in range(-4, 13, 2):
            yield f"{first}-{last}"
            for step in (-7, -3, -2, -1, 0, 1, 2, 3, 5):
                yield from (f"{first}-{last}{mark}{step}" for mark in "xy:")
    yield from (text.strip("\n") for text in ODD_RANGES.split("|"))


def _sets(seed: int) -> Iterator[str]:
    chance = random.Random(seed)

    def part() -> str:
        first, last = chance.randint(-20, 40), chance.randint(-20, 40)
        step = f"{chance.choice('xy:')}{chance.randint(-9, 9)}"
        return chance.choice((f"{first}", f"{first}-{last}", f"{first}-{last}{step}"))

    for _ in range(3000):
        yield ",".join(part() for _ in range(chance.randint(1, 4)))


def _answers(python: Path | str, cases: list[Case]) -> list[Any]:
    ended = subprocess.run(
        [str(python), str(PEER)], input=json.dumps(cases), capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(ended.stdout)


def _compared(upstream_bin: Path, cases: list[Case]) -> list[tuple[str, Any, Any]]:
    """Return each text with what upstream reads in it and what we do, where the two differ."""
    theirs, ours = _answers(upstream_bin / "python", cases), _answers(sys.executable, cases)
    assert sum(answer is not None for answer in theirs) > len(cases) / 10, "most of these texts say nothing"
    rows = zip(cases, theirs, ours, strict=True)
    return [(text, their, our) for (_, text), their, our in rows if their != our]


@pytest.mark.parametrize("kind", ["range", "set"])
def test_ranges_name_the_frames_that_upstream_reads(upstream_bin: Path, kind: str) -> None:
    """Every range of upstream's means the same frames in the same order; only one without any frame is refused."""
    texts = list(_ranges()) if kind == "range" else [*_ranges(), *_sets(20260101)]
    different = _compared(upstream_bin, [(kind, text) for text in texts])
    assert [row for row in different if row[1:] != ([], None)] == []
    assert different, "ranges such as 10-1x1 are among the texts"


def test_sequences_have_the_parts_that_upstream_finds(upstream_bin: Path) -> None:
    """Every path that upstream takes for a sequence has the same range, padding and files."""
    paths = [prefix + frames + suffix for prefix in PREFIXES for frames in FRAMES for suffix in SUFFIXES]
    assert _compared(upstream_bin, [("sequence", path) for path in paths]) == []


def test_what_stands_behind_the_padding_is_refused(upstream_bin: Path) -> None:
    """Upstream forgets the `x2` of `1-10##x2` and the `-10` of `1#-10#`; such a path is refused rather than misread."""
    paths = [f"foo.{frames}.exr" for frames in ("1-10##x2", "1#-10#", "1-10#1", "#1")]
    assert [our for _, their, our in _compared(upstream_bin, [("sequence", p) for p in paths]) if their] == [None] * 4


@pytest.mark.parametrize("text", ["1\n", "１"])
def test_digits_are_ascii_digits(upstream_bin: Path, text: str) -> None:
    """A line's end behind a number, or digits of another script, are no frame number."""
    assert re.fullmatch(r"\d+\s?", text)
    assert _answers(upstream_bin / "python", [("range", text)]) == [[1]]
    assert _answers(sys.executable, [("range", text)]) == [None]
