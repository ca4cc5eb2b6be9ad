"""Command lines whose slips are answered with what was likely meant."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, Iterable, NoReturn, Optional, Sequence

CLOSE_ENOUGH = 0.6
VERY_CLOSE = 0.75
"""Of 1, which is the same: several of these are all likely."""
ALIKE_MAX = 2
UNKNOWN = "unrecognized arguments:"


class SuggestingParser(argparse.ArgumentParser):
    """A parser that takes flags as they are written in full, and says which one a mistyped flag is like."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})
        # argparse takes a word with a dash for an option unless it is a negative number; `-5--3` is a range of such.
        self._negative_number_matcher = re.compile(r"-\d")

    def parse_known_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Look at the flags before argparse does, which would read `-eatt` as `-e att`."""
        for word in args or ():
            if word == "--":
                break
            self._check(word)
        return super().parse_known_args(args, namespace)

    def has_flag(self, word: str) -> bool:
        """Whether a word is a flag of this parser, with or without a value behind `=`."""
        return word.split("=", 1)[0] in self._option_string_actions

    def takes_value(self, word: str) -> bool:
        """Whether a flag has its value in the next word; one that there is not ends the line."""
        self._check(word)
        action = self._option_string_actions.get(word)
        return action is not None and action.nargs != 0

    def _check(self, word: str) -> None:
        flag = word.split("=", 1)[0]
        if not re.match(r"--?[A-Za-z]", flag) or " " in flag or flag in self._option_string_actions:
            return
        self.error(f"there is no {flag}{self._meant(flag)}")

    def _meant(self, flag: str) -> str:
        shown = [name for name, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
        alike = suggestions(flag, shown)
        return f"; did you mean {' or '.join(alike)}?" if alike else f" ({self.prog} -h lists all flags)"

    def error(self, message: str) -> NoReturn:
        """Print the message without the whole usage, and end with status 2."""
        if message.startswith(UNKNOWN):  # words: flags have been looked at
            message += f"; {self.prog} -h lists what there is"
        self.exit(2, f"{self.prog}: error: {message}\n")


def suggestions(flag: str, known: Iterable[str]) -> list[str]:
    """Return the known flags that a mistyped one is most like, with either number of dashes, perhaps none."""
    bare: dict[str, str] = {}
    for name in sorted(known, key=lambda name: name.startswith("--") != flag.startswith("--")):
        bare.setdefault(name.lstrip("-"), name)
    typed = flag.lstrip("-").lower()
    found = difflib.get_close_matches(typed, bare, ALIKE_MAX, VERY_CLOSE)
    return [bare[name] for name in found or difflib.get_close_matches(typed, bare, 1, CLOSE_ENOUGH)]
