"""The operating system, as the runner sees it.

`port` says what that is, `linux` implements it. Another system adds a module with the same functions (on Windows, on
Job Objects) and a line in `this_system`. What the runner wants of other processes and of the machine it asks for here.
What any POSIX system has alike it uses itself: the shell, accounts (`pwd`), file locks (`fcntl`) and signals; another
system needs these, too.
"""

from __future__ import annotations

import sys

from rqd.platform.port import RUN_ID_VARIABLE, HostSize, JobUser, Memory, Platform, Process, Traces

__all__ = [
    "RUN_ID_VARIABLE",
    "HostSize",
    "JobUser",
    "Memory",
    "Platform",
    "Process",
    "Traces",
    "UnsupportedSystem",
    "this_system",
]


class UnsupportedSystem(Exception):
    """This operating system has no implementation of the port."""


def this_system() -> Platform:
    """The implementation for the system that we run on; raises UnsupportedSystem where there is none yet."""
    if sys.platform.startswith("linux"):
        from rqd.platform.linux import Linux

        return Linux()
    raise UnsupportedSystem(
        f"rqd does not run frames on {sys.platform} yet, only on Linux; "
        "OpenCue's own agent for this system can stand in the same farm (docs/reference/agent-protocol.md)"
    )
