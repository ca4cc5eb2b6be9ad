"""The standard descriptors of a process: a program that was started without one of them (`2>&-`) gets /dev/null there.

Where a number from 0 to 2 is free, the next file or socket that is opened gets it; then a library's message goes into a
connection, or an event loop closes what it should not.
"""

from __future__ import annotations

import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_missing() -> None:
    """Open /dev/null for whichever of stdin, stdout and stderr is closed; the first thing that a program does."""
    while (number := os.open(os.devnull, os.O_RDWR)) < len(_STREAMS):
        os.set_inheritable(number, True)  # what is started from here on has it too
    os.close(number)
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
