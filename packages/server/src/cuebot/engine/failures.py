"""What ends a server: memory that is not the truth any more, or that nothing keeps."""

from __future__ import annotations


class JournalLost(RuntimeError):
    """The journal has failed for too long, or belongs to another server now; memory holds what the disk does not."""


class JournalHung(JournalLost):
    """A commit has not returned for too long, and its thread may never end: the process must not wait for it."""


class FarmUnsound(RuntimeError):
    """A bug left memory half changed; nothing of it is committed, and a restart loads what is durable."""
