"""What the exit statuses of `cuefarm serve` and `cuefarm up` tell a supervisor: restart it, or ask a person.

The numbers are those of BSD's sysexits.h. 2 is a command line that makes no sense, as everywhere.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from cuebot.app.file_modes import GroupUnusable
from cuebot.app.token_file import TokenUnusable
from cuebot.journal import JournalUnusable

STOPPED: Final = 0
"""It was told to stop."""
RESTART_MAY_MEND: Final = 75
"""EX_TEMPFAIL: the database is away or hangs, a disk is full, an address is in use, another server is there still."""
PERSON_MUST_MEND: Final = 78
"""EX_CONFIG: a file, a password, an address or an option is wrong; the next start would end in the same way."""

_PASSING_ERRNOS: Final = frozenset(
    {
        errno.EADDRINUSE,
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ETIMEDOUT,
        socket.EAI_AGAIN,
    }
)


class CannotStart(RuntimeError):
    """The server cannot start as it was told to; a person must change something. The message says what."""


class CannotStartNow(CannotStart):
    """The server cannot start at this moment, and may later without anybody's doing."""


def status_of(error: Exception) -> int:
    """The exit status of a server that could not start, or go on, for this."""
    if isinstance(error, CannotStartNow):
        return RESTART_MAY_MEND
    if isinstance(error, OSError):
        return RESTART_MAY_MEND if passes(error) else PERSON_MUST_MEND
    if isinstance(error, (CannotStart, GroupUnusable, JournalUnusable, TokenUnusable)):
        return PERSON_MUST_MEND
    return RESTART_MAY_MEND


def passes(error: OSError) -> bool:
    """Whether the system may not report this the next time: something was full or taken."""
    return error.errno is None or error.errno in _PASSING_ERRNOS
