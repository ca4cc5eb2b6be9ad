"""Finding things by text: parts of names, beginnings of ids, and regular expressions that cannot hold up the farm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Invalid
from cuebot.domain.patterns import compile_pattern
from cuebot.domain.units import is_id

Clock = Callable[[], float]
"""Seconds that only go forward."""


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
    compiled = [compile_pattern(pattern, bounds.pattern_characters) for pattern in patterns]
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
