"""One class for each kind of thing on the farm."""

from __future__ import annotations

from opencue.wrappers import (
    allocation,
    comment,
    depend,
    frame,
    group,
    host,
    job,
    layer,
    limit,
    proc,
    service,
    show,
    subscription,
    util,
)

__all__ = [
    "allocation",
    "comment",
    "depend",
    "frame",
    "group",
    "host",
    "job",
    "layer",
    "limit",
    "proc",
    "service",
    "show",
    "subscription",
    "util",
]
