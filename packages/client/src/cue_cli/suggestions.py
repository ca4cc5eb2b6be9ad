"""Command lines whose slips are answered with what was likely meant."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn, Optional, Sequence

CLOSE_ENOUGH = 0.6


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

    def _check(self, word: str) -> None:
        flag = word.split("=", 1)[0]
        if not re.match(r"--?[A-Za-z]", flag) or " " in flag or flag in self._option_string_actions:
            return
        like = suggestion(flag, self._option_string_actions)
        self.error(f"there is no {flag}{f'; did you mean {like}?' if like else f' ({self.prog} -h lists all flags)'}")

    def error(self, message: str) -> NoReturn:
        """Print the message without the whole usage, and end with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def suggestion(flag: str, known: Any) -> str:
    """Return the known flag that a mistyped one is most like, or nothing."""
    bare = {name.lstrip("-"): name for name in known}
    found = difflib.get_close_matches(flag.lstrip("-").lower(), bare, 1, CLOSE_ENOUGH)
    return bare[found[0]] if found else ""
