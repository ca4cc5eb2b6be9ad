"""How many files, connections among them, a process may have open: many for a server, and for frames what was there.

Systems start programs with a low limit that they may raise themselves, because old ones cannot do with more. Whoever
serves raises it, so that idle connections of a stranger leave room for others; what he starts must not inherit that.
"""

from __future__ import annotations

import contextlib
import resource

FEW = 4_096
"""Where no more can be had, a few hundred clients and a stranger's idle connections use them up."""
MOST = 1 << 20
"""More than that costs memory on some systems and is of no use."""


def may_open() -> int:
    """How many a process of this user may allow itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)


def allowed() -> int:
    """How many this process may have open now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)


def raise_limit() -> int:
    """Allow this process as many as it may have; returns how many it had before, as `put_back` takes it."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before != resource.RLIM_INFINITY and before < may_open():
        with contextlib.suppress(OSError, ValueError):  # it goes on with what it has
            resource.setrlimit(resource.RLIMIT_NOFILE, (may_open(), hard))
    return before


def put_back(before: int, pid: int = 0) -> None:
    """Give a process that was just started, or this one, the limit that was there; what it starts inherits it."""
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (before, hard))
