"""Requests by what they name: a hundred published messages have a field `job`, and nothing else in common."""

from __future__ import annotations

from typing import Protocol

from opencue_proto import department_pb2, facility_pb2, filter_pb2, host_pb2, job_pb2, show_pb2, subscription_pb2


class OfJob(Protocol):
    """Names a job."""

    @property
    def job(self) -> job_pb2.Job:
        """The job, of which the id counts."""


class OfFramesOfJob(OfJob, Protocol):
    """Names frames of a job by criteria."""

    @property
    def req(self) -> job_pb2.FrameSearchCriteria:
        """Which frames."""


class OfLayer(Protocol):
    """Names a layer."""

    @property
    def layer(self) -> job_pb2.Layer:
        """The layer, of which the id counts."""


class OfFrame(Protocol):
    """Names a frame."""

    @property
    def frame(self) -> job_pb2.Frame:
        """The frame, of which the id counts."""


class OfGroup(Protocol):
    """Names a group."""

    @property
    def group(self) -> job_pb2.Group:
        """The group, of which the id counts."""


class OfHost(Protocol):
    """Names a host."""

    @property
    def host(self) -> host_pb2.Host:
        """The host, of which the id counts."""


class OfProc(Protocol):
    """Names a proc."""

    @property
    def proc(self) -> host_pb2.Proc:
        """The proc, of which the id counts."""


class OfShow(Protocol):
    """Names a show."""

    @property
    def show(self) -> show_pb2.Show:
        """The show, of which the id counts."""


class OfFilter(Protocol):
    """Names a filter."""

    @property
    def filter(self) -> filter_pb2.Filter:
        """The filter, of which the id counts."""


class OfDepartment(Protocol):
    """Names a department of a show."""

    @property
    def department(self) -> department_pb2.Department:
        """The department, of which the id counts."""


class OfAllocation(Protocol):
    """Names an allocation."""

    @property
    def allocation(self) -> facility_pb2.Allocation:
        """The allocation, by id or name."""


class OfSubscription(Protocol):
    """Names a subscription."""

    @property
    def subscription(self) -> subscription_pb2.Subscription:
        """The subscription, of which the id counts."""


class OfName(Protocol):
    """Names a thing by its name."""

    name: str


class OfSpec(Protocol):
    """Carries a job specification."""

    spec: str


class OfKill(Protocol):
    """Says who kills, and why."""

    username: str
    pid: str
    host_kill: str
    reason: str
