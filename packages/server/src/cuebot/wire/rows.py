"""Jobs and hosts as bytes, kept until they change, and lists as their bytes joined.

Nearly all of a list is the same as it was a second ago, and most of what a list costs is to make messages of things.
What may look different is known exactly: `Farm.touched` has it from the only code that changes jobs and hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job
from cuebot.queries.comments import commented
from cuebot.queries.hosts import host_row
from cuebot.queries.jobs import job_row
from cuebot.wire.messages.hosts import host_message
from cuebot.wire.messages.jobs import job_message

LENGTH_DELIMITED = 2


class KeptRows:
    """The rows of one farm. Whoever takes some calls `refresh` first, and again after every wait."""

    def __init__(self, farm: Farm, most: int) -> None:
        self._farm = farm
        self._most = most
        self._jobs: dict[str, bytes] = {}
        self._hosts: dict[str, bytes] = {}
        self._commented: set[str] | None = None

    def __len__(self) -> int:
        return len(self._jobs) + len(self._hosts)

    def refresh(self) -> None:
        """Drop the rows of everything that has changed."""
        touched = self._farm.touched.take()
        if touched.all:
            self._jobs.clear()
            self._hosts.clear()
        if touched.comments:
            self._commented = None
        for rows, ids in ((self._jobs, touched.jobs), (self._hosts, touched.hosts)):
            for id in ids:
                rows.pop(id, None)

    def job(self, job: Job) -> bytes:
        """A job as one row of a list."""
        return self._jobs.get(job.id) or self._keep(self._jobs, job, job_row, job_message)

    def host(self, host: Host) -> bytes:
        """A host as one row of a list; nothing where it was removed since it was found."""
        if host.removed:
            return b""
        return self._hosts.get(host.id) or self._keep(self._hosts, host, host_row, host_message)

    def _keep(
        self,
        rows: dict[str, bytes],
        thing: Any,
        as_row: Callable[[Farm, Any, set[str]], Any],
        message: Callable[[Any], Any],
    ) -> bytes:
        if self._commented is None:
            self._commented = commented(self._farm)
        if len(rows) >= self._most:
            del rows[next(iter(rows))]  # the one that was made first
        row = rows[thing.id] = row_of(message(as_row(self._farm, thing, self._commented)))
        return row


def row_of(message: Message) -> bytes:
    """A message as one row of a list: the value of a repeated field with the number 1."""
    data: bytes = message.SerializeToString()
    return _head(1, len(data)) + data


def list_of(rows: list[bytes]) -> bytes:
    """A response whose field 1 is a sequence, whose field 1 are the rows, such as HostGetHostsResponse."""
    return within(1, rows)


def within(number: int, parts: list[bytes]) -> bytes:
    """The bytes of a message, in parts, as the value of a field of another one."""
    return b"".join([_head(number, sum(map(len, parts))), *parts])


def as_field(number: int, row: bytes) -> bytes:
    """A row as the value of a field with another number."""
    return _varint(number << 3 | LENGTH_DELIMITED) + row[1:]


def _head(number: int, length: int) -> bytes:
    """What stands before a message within another one: its field's number and kind, and its length."""
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(length)


def _varint(value: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
