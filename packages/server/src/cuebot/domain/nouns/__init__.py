"""The things of the farm: shows, groups, jobs, layers, depends, hosts, procs and what they belong to.

Each class is a row of the journal. A field made by `derived()` is none: it is computed when the farm is loaded and kept
current by `apply`. A field made by `volatile()` is telemetry: what hosts said last, forgotten on a restart.
"""

from __future__ import annotations

from cuebot.domain.nouns.departments import Department, DepartmentName, Task
from cuebot.domain.nouns.depends import Depend, Edges
from cuebot.domain.nouns.fields import derived, no_counts, stored_fields, stored_values, volatile
from cuebot.domain.nouns.filters import Filter, FilterAction, Matcher
from cuebot.domain.nouns.hosts import SYSTEM_MEMORY, Deed, Host, Owner, Partition, Proc, Redirect
from cuebot.domain.nouns.jobs import Job, Layer, Learned
from cuebot.domain.nouns.limits import Binding, Holder, Limit
from cuebot.domain.nouns.records import Comment, DisplayOverride, Request
from cuebot.domain.nouns.shows import (
    SHARE_HALF_LIFE_US,
    Allocation,
    Facility,
    Group,
    Service,
    ServiceOverride,
    Show,
    Subscription,
)

__all__ = [
    "NOUNS",
    "SHARE_HALF_LIFE_US",
    "SYSTEM_MEMORY",
    "Allocation",
    "Binding",
    "Comment",
    "Deed",
    "Department",
    "DepartmentName",
    "Depend",
    "DisplayOverride",
    "Edges",
    "Facility",
    "Filter",
    "FilterAction",
    "Group",
    "Holder",
    "Host",
    "Job",
    "Layer",
    "Learned",
    "Limit",
    "Matcher",
    "Owner",
    "Partition",
    "Proc",
    "Redirect",
    "Request",
    "Service",
    "ServiceOverride",
    "Show",
    "Subscription",
    "Task",
    "derived",
    "no_counts",
    "stored_fields",
    "stored_values",
    "volatile",
]

NOUNS: dict[str, type] = {
    "facility": Facility,
    "allocation": Allocation,
    "show": Show,
    "group": Group,
    "subscription": Subscription,
    "service": Service,
    "service_override": ServiceOverride,
    "filter": Filter,
    "department_name": DepartmentName,
    "department": Department,
    "task": Task,
    "limit": Limit,
    "job": Job,
    "layer": Layer,
    "depend": Depend,
    "host": Host,
    "proc": Proc,
    "redirect": Redirect,
    "owner": Owner,
    "deed": Deed,
    "partition": Partition,
    "comment": Comment,
    "request": Request,
    "display_override": DisplayOverride,
}
"""Every kind of row, in an order in which they can be loaded."""
