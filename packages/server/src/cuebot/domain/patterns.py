"""Regular expressions that somebody else writes, and that cannot hold up the farm."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cuebot.domain.errors import Invalid, quoted

PATTERN_EFFORT: Final = 18
"""How hard a pattern may be to fail: what the longest name then takes is some 0.1 s, and twice that for each more."""
REPEAT_EFFORT: Final = 6
"""Each repeat multiplies that time by up to the length of a name."""
CHOICE_EFFORT: Final = 2
"""Each `?`, and each `|` in a pattern with groups, doubles it."""

_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What stands for one character in a pattern, whatever else it has in it."""
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPEAT = re.compile(r"(?:[*+]|\{\d*,\d*\})[?+]?")
_OPTIONAL = re.compile(r"(?<!\()\?")
_AT_THE_ENDS = re.compile(r"^\^?\.\*(?![?+*{])|(?<!\\)\.\*\$?$")
"""Whatever stands before or behind is no matter to a search, so it need not be looked for."""


def compile_pattern(
    pattern: str, most_characters: int, *, effort: int = PATTERN_EFFORT, ignore_case: bool = False
) -> re.Pattern[str]:
    """A caller's regular expression. Those that can take for ever to fail would hold up the whole farm: refused.

    `effort` is how hard it may be to fail. Raises Invalid, with the column of what is written wrongly.
    """
    if len(pattern) > most_characters:
        raise Invalid(
            f"a search pattern has at most {most_characters} characters (limit pattern_characters), this one has"
            f" {len(pattern)}"
        )
    try:
        re.compile(pattern)
    except re.error as error:
        column = f", column {error.pos + 1}" if error.pos is not None else ""
        raise Invalid(f"{quoted(pattern)!r} is no regular expression{column}: {error.msg}") from error
    except (OverflowError, RecursionError) as error:
        raise Invalid(f"{quoted(pattern)!r} is no regular expression: {error}") from error

    pattern = _AT_THE_ENDS.sub("", pattern)
    plain = _ONE_CHARACTER.sub("x", pattern)
    if _REPEATED_GROUP.search(plain) or _effort(plain, _back_references(pattern)) > effort:
        raise Invalid(
            f"the search pattern {quoted(pattern)!r} repeats a group, has more than {effort // REPEAT_EFFORT}"
            f" repeats, or more than {effort // CHOICE_EFFORT} choices; name what is meant, or use several"
            " shorter patterns"
        )
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0)


class Powers(NamedTuple):
    """What makes a pattern hard to fail."""

    repeats: int
    choices: int

    def steps(self, length: int) -> int:
        """How many steps it takes at most on a name of some length."""
        return int((length + 1) ** (self.repeats + 1)) << self.choices


def powers(pattern: str) -> Powers:
    """What makes a pattern of `compile_pattern` hard to fail."""
    return _powers(_ONE_CHARACTER.sub("x", pattern), _back_references(pattern))


def _back_references(pattern: str) -> int:
    """How often what a group has found is to be there again: to compare it takes as long as a repeat."""
    escapes = (one.group()[1:] for one in _ONE_CHARACTER.finditer(pattern) if one.group().startswith("\\"))
    return sum(escape.isdigit() and escape != "0" for escape in escapes) + pattern.count("(?P=")


def _powers(plain: str, back_references: int) -> Powers:
    """The same of one without escapes and sets."""
    single, repeats = _REPEAT.subn("", plain)
    choices = len(_OPTIONAL.findall(single)) + (single.count("|") if "(" in single else 0)
    return Powers(repeats + back_references, choices)


def _effort(plain: str, back_references: int) -> int:
    """How hard a pattern without escapes and sets is to fail, by the powers of PATTERN_EFFORT."""
    found = _powers(plain, back_references)
    return REPEAT_EFFORT * found.repeats + CHOICE_EFFORT * found.choices
