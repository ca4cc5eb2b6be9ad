"""One supervisor a run: a small program between the runner and the command, which depends on neither.

`program/` is that program; `stand_in.py` does the same where it was not compiled. `book.py` is what they share with
the runner.
"""

from __future__ import annotations

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def program() -> list[str]:
    """The words that a supervisor's command line begins with."""
    compiled = os.path.join(_FOLDER, "supervise")
    if os.access(compiled, os.X_OK):
        return [compiled]
    return stand_in()


def stand_in() -> list[str]:
    """The same for the program in Python."""
    return [sys.executable, "-I", "-S", os.path.join(_FOLDER, "stand_in.py")]
