"""One class for each kind of thing on the farm."""

from __future__ import annotations

from opencue.wrappers import (
    allocation,
    by_name,
    comment,
    deed,
    depend,
    frame,
    group,
    host,
    job,
    layer,
    limit,
    monitoring,
    owner,
    proc,
    render_partition,
    service,
    show,
    subscription,
    util,
)

__all__ = [
    "allocation",
    "by_name",
    "comment",
    "deed",
    "depend",
    "frame",
    "group",
    "host",
    "job",
    "layer",
    "limit",
    "monitoring",
    "owner",
    "proc",
    "render_partition",
    "service",
    "show",
    "subscription",
    "util",
]
