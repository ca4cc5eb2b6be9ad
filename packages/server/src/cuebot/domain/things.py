"""Every thing of a farm by id, and the tables of things by kind."""

from __future__ import annotations

from typing import Any

from cuebot.domain.frame_marks import FrameMarks
from cuebot.domain.nouns import (
    Allocation,
    Comment,
    Deed,
    Depend,
    Facility,
    Group,
    Host,
    Job,
    Layer,
    Limit,
    Owner,
    Partition,
    Proc,
    Redirect,
    Request,
    Service,
    Show,
    Subscription,
)
from cuebot.domain.of_shows import OfShows


class Things(OfShows):
    """The things of a farm; `Farm` adds how they are found and counted."""

    def __init__(self) -> None:
        super().__init__()
        self.facilities: dict[str, Facility] = {}
        self.allocations: dict[str, Allocation] = {}
        self.shows: dict[str, Show] = {}
        self.groups: dict[str, Group] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.services: dict[str, Service] = {}
        self.limits: dict[str, Limit] = {}
        self.jobs: dict[str, Job] = {}
        self.layers: dict[str, Layer] = {}
        self.depends: dict[str, Depend] = {}
        self.hosts: dict[str, Host] = {}
        self.procs: dict[str, Proc] = {}
        self.redirects: dict[str, Redirect] = {}
        self.owners: dict[str, Owner] = {}
        self.partitions: dict[str, Partition] = {}
        self.deeds: dict[str, Deed] = {}
        self.comments: dict[str, Comment] = {}
        self.requests: dict[str, Request] = {}
        self.frame_marks = FrameMarks()

    def table(self, kind: str) -> dict[str, Any]:
        """The things of one kind by id."""
        tables: dict[str, dict[str, Any]] = {
            "facility": self.facilities,
            "allocation": self.allocations,
            "show": self.shows,
            "group": self.groups,
            "subscription": self.subscriptions,
            "service": self.services,
            **self.tables_of_shows(),
            "limit": self.limits,
            "job": self.jobs,
            "layer": self.layers,
            "depend": self.depends,
            "host": self.hosts,
            "proc": self.procs,
            "redirect": self.redirects,
            "owner": self.owners,
            "deed": self.deeds,
            "partition": self.partitions,
            "comment": self.comments,
            "request": self.requests,
            "display_override": self.frame_marks.overrides,
        }
        return tables[kind]
