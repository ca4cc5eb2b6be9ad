"""How hard a pattern is to fail: that bounds what filters and searches may cost."""

from __future__ import annotations

import re

import pytest

from cuebot.domain.errors import Invalid
from cuebot.domain.patterns import Powers, compile_pattern, powers


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("abc", Powers(0, 0)),
        ("a+b", Powers(1, 0)),
        (r"(a*)\1b", Powers(2, 0)),
        ("(?P<x>a*)(?P=x)b", Powers(2, 0)),
        (r"a\+\\1", Powers(0, 0)),
        ("a?b?", Powers(0, 2)),
    ],
)
def test_what_was_found_before_costs_as_much_as_a_repeat(pattern: str, found: Powers) -> None:
    """A back reference is compared at every length; an escaped backslash before a digit is none."""
    re.compile(pattern)
    assert powers(pattern) == found


def test_a_pattern_with_many_back_references_is_refused() -> None:
    """As one with as many repeats is."""
    with pytest.raises(Invalid, match="repeats"):
        compile_pattern(r"(a*)\1\1\1b", 250)


def test_the_hardest_pattern_that_is_taken_does_fail() -> None:
    """On a long name, before this test's time is up."""
    assert compile_pattern(r"(a*)\1\1b", 250).search("a" * 235 + "000") is None
