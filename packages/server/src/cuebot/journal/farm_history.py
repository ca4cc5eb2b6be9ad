"""What became of hosts, and what the farm came to, in SQL.

Events have no index but their number, so that writing them stays cheap: a time is found by halving, and of what is in
it so many are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Integer, Table, delete, func, insert, select, type_coerce

from cuebot.domain.commands import Envelope
from cuebot.domain.events import decode
from cuebot.engine.ports import FoundEvents, Recorded
from cuebot.journal.months import event_table, month_of
from cuebot.journal.tables import FARM_SUMS

HOST_EVENTS_MAX: Final = 10_000
"""Most events that one search returns."""
_KINDS: Final = ("Added", "Changed", "Removed")
_OF_HOSTS: Final = '{"kind":"host",%'
"""How the bodies of such events begin (`domain.events.encode`)."""


def host_events(
    connection: Connection, kept: Sequence[tuple[str, int]], since_us: int, until_us: int, looks: int
) -> FoundEvents:
    """Events in which a host was added, changed or removed, among the last `looks` of a time, the newest first.

    `kept` are the months that there are.
    """
    found: list[Recorded] = []
    for month, first_seq in reversed(kept):
        if until_us and month > month_of(until_us):
            continue
        if month < month_of(since_us):
            break
        events = event_table(month)
        last_seq = _last_seq(connection, events, first_seq, until_us)
        first_seq = (
            max(first_seq, _last_seq(connection, events, first_seq, since_us - 1) + 1) if since_us else first_seq
        )
        lowest = max(first_seq, last_seq - looks + 1)
        page = (
            select(events)
            .where(events.c.seq.between(lowest, last_seq))
            .where(events.c.kind.in_(_KINDS), events.c.body.like(_OF_HOSTS))
            .order_by(events.c.seq.desc())
            .limit(HOST_EVENTS_MAX + 1 - len(found))
        )
        found += [recorded(row) for row in connection.execute(page)]
        looks -= max(last_seq - lowest + 1, 0)
        if len(found) > HOST_EVENTS_MAX or lowest > first_seq:
            return FoundEvents(found[:HOST_EVENTS_MAX], is_all=False)
    return FoundEvents(found, is_all=True)


def _last_seq(connection: Connection, events: Table, first_seq: int, until_us: int) -> int:
    """The number of the last event up to a time, 0 being for ever; one less than the first where there is none."""
    last_seq = connection.execute(select(func.max(events.c.seq))).scalar_one_or_none() or first_seq - 1
    if not until_us:
        return last_seq
    low, high = first_seq - 1, last_seq  # the answer is from low to high
    while low < high:
        middle = (low + high + 1) // 2
        at = select(events.c.seq, events.c.at_us).where(events.c.seq >= middle).order_by(events.c.seq).limit(1)
        row = connection.execute(at).one()
        if row.at_us <= until_us:
            low = max(row.seq, middle)
        else:
            high = middle - 1
    return low


def farm_sums(connection: Connection, since_us: int, until_us: int, interval_us: int, limit: int) -> list[bytes]:
    """The last sums of each interval, oldest first; of them the last `limit`."""
    at_us = FARM_SUMS.c.at_us
    interval = type_coerce(at_us.op("/")(interval_us), Integer)
    last = select(func.max(at_us)).where(at_us >= since_us, at_us <= until_us).group_by(interval)
    query = select(FARM_SUMS.c.body).where(at_us.in_(last)).order_by(at_us.desc()).limit(limit)
    return [body.encode() for body in reversed(connection.execute(query).scalars().all())]


def keep_farm_sums(connection: Connection, at_us: int, body: bytes) -> None:
    """Keep what the farm came to; of one moment once."""
    is_kept = connection.execute(select(FARM_SUMS.c.at_us).where(FARM_SUMS.c.at_us == at_us)).one_or_none()
    if is_kept is None:
        connection.execute(insert(FARM_SUMS).values(at_us=at_us, body=body.decode()))


def drop_farm_sums_before(connection: Connection, month: str) -> None:
    """Forget what the farm came to before a month, such as `2026_11`."""
    first = datetime.strptime(month, "%Y_%m").replace(tzinfo=UTC)
    connection.execute(delete(FARM_SUMS).where(FARM_SUMS.c.at_us < int(first.timestamp()) * 1_000_000))


def recorded(row: Any) -> Recorded:
    """An event with its place in history."""
    envelope = Envelope(row.actor, row.origin, row.reason, row.request_id)
    return Recorded(row.seq, row.at_us, envelope, decode(row.kind, row.body.encode()))
