"""Why a server cannot listen where it was told to."""

from __future__ import annotations

import errno
import os


def address_problem(error: OSError) -> str:
    """Why an address cannot be listened on. Python's own text repeats the address as it holds it."""
    if error.errno == errno.EADDRINUSE:
        return "is in use by another program"
    if error.errno == errno.EADDRNOTAVAIL:
        return "is not an address of this machine"
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"cannot be used ({why})"
