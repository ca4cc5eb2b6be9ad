"""The farm: every thing by id, and the indexes that make the core quick.

Only `apply` (and, for volatile fields, `telemetry`) changes a Farm. Everything else reads.
"""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from functools import cache
from typing import Any, get_type_hints

import msgspec

from cuebot.domain.advice import advise
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import NotFound, Refused
from cuebot.domain.frames import IndexArray
from cuebot.domain.holds import Holds
from cuebot.domain.host_ends import LostRuns
from cuebot.domain.host_table import Held, HostTable
from cuebot.domain.limit_use import LimitUse
from cuebot.domain.names import folded
from cuebot.domain.nouns import (
    NOUNS,
    Allocation,
    Depend,
    Host,
    Job,
    Layer,
    Owner,
    Proc,
    Redirect,
    Show,
    stored_fields,
)
from cuebot.domain.ready import Ready
from cuebot.domain.settings import DEFAULT_SETTINGS
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.tags import split_tags
from cuebot.domain.things import Things
from cuebot.domain.units import is_id, split_frame_id

_OF_JOBS = frozenset({"job", "layer", "depend", "comment"})
"""Kinds of things that may be on disk with their finished job."""
ALIKE_MAX = 3
"""Names or ids that a message suggests."""


class Dirty:
    """Which rows differ from the journal's: what the next commit writes."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, None]] = defaultdict(dict)
        self.removed: dict[str, dict[str, None]] = defaultdict(dict)
        self.frames: dict[str, list[IndexArray]] = defaultdict(list)
        self.archived: dict[str, Any] = {}
        """Finished jobs that have left the farm, as `domain.archive.ArchivedJob`, by id."""
        self.recalled: dict[str, None] = {}
        """Jobs that are in the farm again."""

    def row(self, kind: str, id: str) -> None:
        """A thing was added or changed."""
        self.rows[kind][id] = None
        self.removed[kind].pop(id, None)

    def gone(self, kind: str, id: str) -> None:
        """A thing was removed."""
        self.rows[kind].pop(id, None)
        self.removed[kind][id] = None

    def __bool__(self) -> bool:
        return any(self.rows.values()) or any(self.removed.values()) or bool(self.frames or self.archived)


class Touched:
    """Which jobs and hosts may look different now: whoever keeps what they look like takes it from here.

    As many ids as the farm has jobs and hosts, at most.
    """

    def __init__(self) -> None:
        self.jobs: set[str] = set()
        self.hosts: set[str] = set()
        self.comments = False
        """A comment was added or removed."""
        self.all = False
        """A name has changed that many of them show: of a show, a group, a facility or an allocation."""

    def take(self) -> Touched:
        """All that was touched since the last time."""
        taken = copy(self)
        self.jobs, self.hosts, self.comments, self.all = set(), set(), False, False
        return taken


class Farm(Things):
    """All state of a farm in memory."""

    settings = DEFAULT_SETTINGS
    """What whoever runs the farm chose; no part of its state."""
    bounds = DEFAULT_BOUNDS
    """Likewise."""

    def __init__(self) -> None:
        super().__init__()
        self.facility_by_name: dict[str, str] = {}
        self.show_by_name: dict[str, str] = {}
        """By the name as it is found (`folded`)."""
        self.service_by_name: dict[str, str] = {}
        self.limit_by_name: dict[str, str] = {}
        self.owner_by_name: dict[str, str] = {}
        self.host_by_name: dict[str, str] = {}
        self.allocation_by_name: dict[tuple[str, str], str] = {}
        self.subscription_of: dict[tuple[str, str], str] = {}
        self.active_job_by_name: dict[str, str] = {}
        self.active_jobs_alike: defaultdict[str, set[str]] = defaultdict(set)
        """Ids of active jobs by the name as it is found (`folded`), which jobs of different shots may share."""
        self.layer_by_key: dict[int, str] = {}
        self.depends_of_job: dict[str, set[str]] = defaultdict(set)
        self.depends_on_job: dict[str, set[str]] = defaultdict(set)
        self.depends_on_layer: dict[str, set[str]] = defaultdict(set)
        """Also those on single frames of the layer."""
        self.comments_of_job: dict[str, set[str]] = defaultdict(set)
        self.places_of_host: dict[str, dict[str, None]] = {}
        """Redirects that hold a place on a host, the first to be held first; only hosts that have one."""
        self.deed_of_host: dict[str, str] = {}
        """The deed of a host that somebody owns, by the host's id."""
        self.owned_rows: defaultdict[str, set[int]] = defaultdict(set)
        """Rows of hosts whose owner works for a show, by its id."""
        self.post_jobs: dict[str, list[str]] = defaultdict(list)
        """The jobs that wait for the end of a job, by its id."""
        self.ready = Ready()
        self.limit_use = LimitUse()
        self.hosts_table = HostTable()
        self.holds = Holds()
        """Telemetry: what is tried one launch at a time after a fault of the farm."""
        self.lost_runs = LostRuns()
        """Telemetry: what ran on hosts that fell silent."""
        self.host_names: list[str] = []
        self.next_layer_key = 1
        self.dirty = Dirty()
        self.touched = Touched()
        self.change = 0
        """Counts applied events since the start: a cheap "did anything happen"."""

    def get(self, kind: str, id: str) -> Any:
        """The thing of a kind with this id. Raises NotFound."""
        found = self.table(kind).get(id)
        if found is None or (kind == "host" and found.removed):
            raise NotFound(f"there is no {kind} with the id {id!r}").may_be_past(id if kind in _OF_JOBS else "")
        return found

    def show_id_of(self, name: str) -> str:
        """The id of the show that has this name in any spelling, or had it and was archived; or the empty text."""
        archived = self.archived_show(name)
        return self.show_by_name.get(folded(name)) or (archived.id if archived else "")

    def archived_show(self, name: str) -> Show | None:
        """The show that had this name before it was archived."""
        any_spelling = folded(name)
        if any_spelling in self.show_by_name:
            return None
        return next((show for show in self.shows.values() if folded(show.archived_name) == any_spelling), None)

    def show_for_jobs(self, name: str) -> Show:
        """The show to which jobs of this name go: one that was archived has another in its place. Raises NotFound."""
        id = self.show_by_name.get(folded(name))
        return (self.shows[id] if id else self.stand_in(name)) or self.show_named(name)

    def stand_in(self, name: str) -> Show | None:
        """The show to which jobs of an archived show of this name go; where that was archived too, the one for it."""
        show = self.shows.get(self.alias_of_show.get(folded(name), ""))
        return self.stand_in(show.archived_name) if show is not None and show.archived_name else show

    def show_named(self, name: str) -> Show:
        """The show with this name in any spelling.

        Raises:
            NotFound: there is none; it says how to create it.
            Refused: it was archived. Another show is not meant by its name, whatever stands for it at launches.
        """
        id = self.show_by_name.get(folded(name))
        archived = self.archived_show(name)
        if archived is not None:
            stand_in = self.stand_in(name)
            jobs = f", and new jobs of its name go to {stand_in.name!r}" if stand_in else ""
            raise Refused(
                f"show {name!r} was archived: it is called {archived.name!r} now{jobs};"
                f" {advise('show.set_active', show=archived.name)} brings it back"
            )
        if not id:
            known = ", ".join(sorted(show.name for show in self.shows.values())[:10])
            create = advise("show.create", name=name)
            places = {"allocation": "ALLOCATION", "size_centicores": "SIZE", "burst_centicores": "BURST"}
            subscribe = advise("subscription.create", show=name, **places)
            raise NotFound(
                f"there is no show {name!r} (known: {known}); create it with {create}, then give it hosts with"
                f" {subscribe}"
            )
        return self.shows[id]

    def host_named(self, name: str) -> Host:
        """The host with this name. Raises NotFound."""
        id = self.host_by_name.get(name)
        if id is None:
            raise NotFound(f"there is no host {name!r}; {advise('host.read')} lists those that have reported")
        return self.hosts[id]

    def owner_named(self, name: str) -> Owner:
        """The owner of hosts with this name. Raises NotFound."""
        id = self.owner_by_name.get(name)
        if id is None:
            raise NotFound(f"there is no owner {name!r}; {advise('owner.create', name=name, show='SHOW')} makes one")
        return self.owners[id]

    def active_job_id(self, name: str) -> str:
        """The id of the active job with this name: as it is spelled, else in any spelling. None is the empty text.

        Raises:
            NotFound: several are meant.
        """
        id = self.active_job_by_name.get(name)
        if id:
            return id
        alike = self.active_jobs_alike.get(folded(name), set())
        if len(alike) > 1:
            names = ", ".join(sorted(self.jobs[id].name for id in alike)[:ALIKE_MAX])
            raise NotFound(f"{name!r} may mean {len(alike)} jobs; write it as it is spelled: {names}")
        return next(iter(alike), "")

    def job_named(self, name: str) -> Job:
        """The active job with this name, or the job with this id, whatever its state. Raises NotFound."""
        id = self.active_job_id(name)
        found = self.jobs[id] if id else self.job_by_id(name)
        if found is None:
            refusal = NotFound(f"there is no active job {name!r}; {advise('job.read')} lists those that there are")
            raise refusal.may_be_past(name if is_id(name) else "")
        return found

    def job_by_id(self, text: str) -> Job | None:
        """The job with this id, or the only one whose id begins so. Raises NotFound where several ids do."""
        if text in self.jobs:
            return self.jobs[text]
        found = [job for id, job in self.jobs.items() if id.startswith(text.lower())] if is_id(text) else []
        if len(found) > 1:
            ids = ", ".join(sorted(job.id for job in found)[:ALIKE_MAX])
            raise NotFound(f"the ids of {len(found)} jobs begin with {text}; write more of it: {ids}")
        return found[0] if found else None

    def namesakes(self, job: Job) -> list[Job]:
        """The other jobs of its name, the one that was submitted last first."""
        found = [other for other in self.jobs.values() if other.name == job.name and other is not job]
        return sorted(found, key=lambda other: (other.submitted_us, other.id), reverse=True)

    def word_for(self, job: Job) -> str:
        """What a command is given to mean this job: its name, or its id where the name means another one."""
        active_id = self.active_job_by_name.get(job.name)
        if active_id:
            return job.name if active_id == job.id else job.id
        if job.superseded:
            return job.id
        newer = any((other.submitted_us, other.id) > (job.submitted_us, job.id) for other in self.namesakes(job))
        return job.id if newer else job.name

    def layer_named(self, job: Job, name: str) -> Layer:
        """The layer of a job by name, in any spelling. Raises NotFound."""
        for layer_id in job.layer_ids:
            if self.layers[layer_id].name == folded(name):
                return self.layers[layer_id]
        names = ", ".join(self.layers[layer_id].name for layer_id in job.layer_ids)
        raise NotFound(f"job {job.name!r} has no layer {name!r}; it has {names}")

    def allocation_named(self, name: str) -> Allocation:
        """The allocation `facility.name`, or `name` alone where only one facility has it. Raises NotFound.

        (decisions: lists-with-commas.)
        """
        facility, _, short = name.rpartition(".")
        found = [
            a
            for a in self.allocations.values()
            if a.name == short and (not facility or self.facilities[a.facility_id].name == facility)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{name!r} is ambiguous: {', '.join(sorted(self.allocation_name(a) for a in found))}")
        known = ", ".join(sorted(self.allocation_name(a) for a in self.allocations.values()))
        raise NotFound(f"there is no allocation {name!r}; there are {known}")

    def allocation_name(self, allocation: Allocation) -> str:
        """An allocation's full name, `facility.name`."""
        return f"{self.facilities[allocation.facility_id].name}.{allocation.name}"

    def frame(self, id: str) -> tuple[Layer, int]:
        """The layer and frame index of a frame id. Raises NotFound."""
        parts = split_frame_id(id)
        layer = self.layers.get(parts[0]) if parts else None
        if parts is None or layer is None or parts[1] >= len(layer.frames):
            raise NotFound(f"there is no frame with the id {id!r}").may_be_past(id)
        return layer, parts[1]

    def frame_name(self, layer: Layer, index: int) -> str:
        """A frame's name, such as `0001-beauty`."""
        return f"{int(layer.frames.number[index]):04d}-{layer.name}"

    def proc_of(self, layer: Layer, index: int) -> Proc | None:
        """The run of a frame that is not known to have ended."""
        run_id = layer.runs.get(index)
        return self.procs[run_id] if run_id else None

    def layers_of(self, job: Job) -> list[Layer]:
        """A job's layers in dispatch order."""
        return [self.layers[id] for id in job.layer_ids]

    def depends_on(self, layer: Layer) -> list[Depend]:
        """Active and inactive depends that wait for a layer or for frames of it."""
        return [self.depends[id] for id in sorted(self.depends_on_layer.get(layer.id, ()))]

    def host_tags(self, host: Host) -> frozenset[str]:
        """Everything a layer's tag can match on this host, lower case; nothing on one that was removed."""
        if host.removed:  # its allocation may be gone, too
            return frozenset()
        allocation_tag = self.allocations[host.allocation_id].tag  # may be several (decisions: lists-with-commas)
        tags = split_tags((*host.manual_tags, *host.hardware_tags, host.name, allocation_tag))
        return frozenset(tag.lower() for tag in tags)

    def used_on(self, host: Host) -> Held:
        """What a host's procs hold, and what is held there for others."""
        return Held.by([*(self.procs[id] for id in host.proc_ids), *self.places_on(host)])

    def places_on(self, host: Host) -> list[Redirect]:
        """The places that are held on a host, the first to be held first."""
        return [self.redirects[id] for id in self.places_of_host.get(host.id, ())]

    def update_ready(self, layer: Layer) -> None:
        """Keep `ready` true for one layer, after its frames or its job's state changed."""
        job = self.jobs[layer.job_id]
        may_book = job.state is JobState.PENDING and not job.paused
        if layer.frames.alone:
            self._set_ready(job, layer, may_book and layer.waiting(alone=True) > 0, alone=True)
            self._set_ready(job, layer, may_book and layer.waiting(alone=False) > 0, alone=False)
        else:
            self._set_ready(job, layer, may_book and layer.counts[FrameState.WAITING] > 0, alone=False)

    def _set_ready(self, job: Job, layer: Layer, waits: bool, *, alone: bool) -> None:
        if waits is not self.ready.has(layer.id, alone=alone):
            if waits:
                self.ready.add(job, layer, alone=alone)
            else:
                self.ready.discard(layer.id, alone=alone)

    def requeue(self, job: Job) -> None:
        """Keep `ready` true for a job, after what its layers demand or its place in the order changed."""
        for layer_id in job.layer_ids:
            self.ready.discard(layer_id)
            self.ready.discard(layer_id, alone=True)
        for layer in self.layers_of(job):
            self.update_ready(layer)


def restore(kind: str, values: dict[str, Any]) -> Any:
    """A noun from its stored values, as JSON or SQL hand them back; in one call, since a restart makes many."""
    return msgspec.convert(values, NOUNS[kind], strict=False)


def typed(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Some stored values of a noun with the types of its fields; what is no field is left out."""
    hints = _hints(NOUNS[kind])
    return {name: msgspec.convert(values[name], hints[name], strict=False) for name in values if name in hints}


@cache
def _hints(noun: type) -> dict[str, Any]:
    by_name = get_type_hints(noun)
    return {name: by_name[name] for name in stored_fields(noun)}
