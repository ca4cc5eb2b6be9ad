"""One class for each kind of thing on the farm."""

from __future__ import annotations

from opencue.wrappers import (
    allocation,
    by_name,
    comment,
    department,
    depend,
    filter,
    frame,
    group,
    host,
    job,
    layer,
    limit,
    monitoring,
    proc,
    service,
    show,
    subscription,
    task,
    util,
)

__all__ = [
    "allocation",
    "by_name",
    "comment",
    "department",
    "depend",
    "filter",
    "frame",
    "group",
    "host",
    "job",
    "layer",
    "limit",
    "monitoring",
    "proc",
    "service",
    "show",
    "subscription",
    "task",
    "util",
]
