"""Being the same command anew, in the same process."""

from __future__ import annotations

import contextlib
import os
import sys

from rqd import signals
from rqd.platform import proc


class Anew:
    """The command line of this process, and where it was given."""

    def __init__(self) -> None:
        self._folder = os.getcwd()
        self._words = [os.fsdecode(word) for word in proc.read("/proc/self/cmdline").split(b"\0")[:-1]]

    def run(self) -> None:
        """Start over. Raises OSError where the program is no more. What comes by signal meanwhile is kept for then."""
        signals.keep()
        with contextlib.suppress(OSError):  # its words may name files from here
            os.chdir(self._folder)
        os.execv(sys.executable, [sys.executable, *self._words[1:]])
