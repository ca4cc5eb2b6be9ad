"""Owners and deeds as messages."""

from __future__ import annotations

from collections.abc import Iterable

from opencue_proto import host_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Deed, Owner
from cuebot.queries.owners import deed_row, owner_row


def owner_message(farm: Farm, owner: Owner) -> host_pb2.Owner:
    """Somebody who owns hosts."""
    row = owner_row(farm, owner)
    return host_pb2.Owner(id=row.id, name=row.name, show=row.show, host_count=row.host_count)


def deed_message(farm: Farm, deed: Deed) -> host_pb2.Deed:
    """A host that somebody owns."""
    row = deed_row(farm, deed)
    return host_pb2.Deed(id=row.id, host=row.host, owner=row.owner, show=row.show)


def deed_seq(farm: Farm, deeds: Iterable[Deed]) -> host_pb2.DeedSeq:
    """Several deeds."""
    return host_pb2.DeedSeq(deeds=[deed_message(farm, deed) for deed in deeds])
