"""What an agent's main process is told by signals."""

from __future__ import annotations

import signal

STOP = signal.SIGINT
"""End all frames, which wait again, say goodbye, and end: Ctrl-C, and `rqd stop`."""
LEAVE = signal.SIGTERM
"""End at once; frames go on under their supervisors: what a service manager sends."""
HANG_UP = signal.SIGHUP
"""The same: a terminal that was closed."""
RESTART = signal.SIGUSR2
"""Leave, and be the same command anew: `rqd restart`."""

ALL = (STOP, LEAVE, HANG_UP, RESTART)


def keep() -> None:
    """Let none of them act before this process has become an agent that can obey it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)


def obey() -> None:
    """Let those act that came, and those that come."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
