"""Finding things by text: parts of names, beginnings of ids, and regular expressions that cannot hold up the farm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Invalid, quoted
from cuebot.domain.units import is_id

PATTERN_EFFORT: Final = 18
"""How hard a pattern may be to fail: what the longest name then takes is some 0.1 s, and twice that for each more."""
REPEAT_EFFORT: Final = 6
"""Each repeat multiplies that time by up to the length of a name."""
CHOICE_EFFORT: Final = 2
"""Each `?`, and each `|` in a pattern with groups, doubles it."""

Clock = Callable[[], float]
"""Seconds that only go forward."""

_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What stands for one character in a pattern, whatever else it has in it."""
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPEAT = re.compile(r"(?:[*+]|\{\d*,\d*\})[?+]?")
_OPTIONAL = re.compile(r"(?<!\()\?")
_AT_THE_ENDS = re.compile(r"^\^?\.\*(?![?+*{])|(?<!\\)\.\*\$?$")
"""Whatever stands before or behind is no matter to a search, so it need not be looked for."""


def check_count(words: int, bounds: Bounds) -> None:
    """Refuse criteria of more words than anybody means: each may be looked for in every name of the farm."""
    if words > bounds.search_words:
        raise Invalid(
            f"a search has at most {bounds.search_words} words (limit search_words), this one has {words}; ask several"
            " times, or for a part that the names share"
        )


def text_filter(parts: Iterable[str], patterns: Sequence[str], bounds: Bounds, clock: Clock) -> Callable[..., bool]:
    """Names that contain one of `parts`, or whose ids begin so, and in which a regular expression is found.

    Raises Invalid; the filter raises Exhausted when its patterns have taken too long.
    """
    if len(patterns) > bounds.search_patterns:
        raise Invalid(
            f"a search has at most {bounds.search_patterns} patterns (limit search_patterns), this one has"
            f" {len(patterns)}; name the jobs or hosts, or parts of their names"
        )
    contained = list(dict.fromkeys(parts))
    ids = tuple(part.lower() for part in contained if is_id(part))
    compiled = [_compile(pattern, bounds.pattern_characters) for pattern in patterns]
    searched_s = 0.0

    def matches(name: str, id: str = "") -> bool:
        nonlocal searched_s
        if contained and not any(part in name for part in contained) and not id.startswith(ids):
            return False
        if not compiled:
            return True
        if searched_s * 1_000 > bounds.pattern_ms:
            raise Exhausted(
                f"the search by pattern took more than {bounds.pattern_ms} ms (limit pattern_ms); ask with a simpler"
                " pattern"
            )
        began = clock()
        found = any(pattern.search(name) for pattern in compiled)
        searched_s += clock() - began
        return found

    return matches


def _compile(pattern: str, most_characters: int) -> re.Pattern[str]:
    """A caller's regular expression. Those that can take for ever to fail would hold up the whole farm: refused."""
    if len(pattern) > most_characters:
        raise Invalid(
            f"a search pattern has at most {most_characters} characters (limit pattern_characters), this one has"
            f" {len(pattern)}"
        )
    pattern = _AT_THE_ENDS.sub("", pattern)
    plain = _ONE_CHARACTER.sub("x", pattern)
    if _REPEATED_GROUP.search(plain) or _effort(plain) > PATTERN_EFFORT:
        raise Invalid(
            f"the search pattern {quoted(pattern)!r} repeats a group, has more than {PATTERN_EFFORT // REPEAT_EFFORT}"
            f" repeats, or more than {PATTERN_EFFORT // CHOICE_EFFORT} choices; name the jobs or hosts, or use several"
            " shorter patterns"
        )
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Invalid(f"{quoted(pattern)!r} is no regular expression: {error}") from error


def _effort(plain: str) -> int:
    """How hard a pattern without escapes and sets is to fail, by the powers of PATTERN_EFFORT."""
    single, repeats = _REPEAT.subn("", plain)
    choices = len(_OPTIONAL.findall(single)) + (single.count("|") if "(" in single else 0)
    return REPEAT_EFFORT * repeats + CHOICE_EFFORT * choices
