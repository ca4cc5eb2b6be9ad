"""Who is asking: what a call tells the server about the person and process behind it."""

from __future__ import annotations

import getpass
import os
import platform
from typing import Optional


def userName() -> str:
    """Return the name of the person who runs this process; of one without an account the number, `uid23456`."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container's user may have no name
        return f"uid{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def uidOf(user: str) -> Optional[int]:
    """Return the number of a user's account on this machine, None where there is none, or it is root's."""
    try:
        import pwd

        return pwd.getpwnam(user).pw_uid or None
    except (ImportError, KeyError, ValueError):  # Windows, nobody's name, a name with a NUL
        return None


def killedBy(
    username: Optional[str] = None,
    pid: Optional[int] = None,
    host_kill: Optional[str] = None,
    reason: Optional[str] = None,
) -> dict[str, Optional[str]]:
    """Return the fields of a kill request that say who kills from where and why."""
    return {
        "username": username or userName(),
        "pid": str(pid or os.getpid()),
        "host_kill": host_kill or platform.node(),
        "reason": reason,
    }
