"""`check(farm)`: every index and counter is recounted from the rows. Run after every event in tests and simulation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from cuebot.domain.depends import SHAPES, done_of, edges_of, held_frames
from cuebot.domain.farm import Farm
from cuebot.domain.host_ends import ENDS_BESIDE_OTHERS
from cuebot.domain.host_table import why_not_bookable
from cuebot.domain.limit_use import LimitUse, RunUnder, Seen
from cuebot.domain.names import folded, short_host_name
from cuebot.domain.ready import Ready
from cuebot.domain.states import HELD_BY_DEPENDS, FrameState, JobState

_HELD = np.isin(np.arange(len(FrameState)), HELD_BY_DEPENDS)
_WAITING, _RUNNING, _DEPEND = int(FrameState.WAITING), int(FrameState.RUNNING), int(FrameState.DEPEND)


class BrokenInvariant(AssertionError):
    """The farm contradicts itself: a bug in the core."""


def check(farm: Farm) -> None:
    """Raise BrokenInvariant at the first thing that does not add up."""
    _check_layers(farm)
    _check_depends(farm)
    _check_procs(farm)
    _check_hosts(farm)
    _check_places(farm)
    _check_deeds(farm)
    _check_indexes_of_jobs(farm)
    _check_indexes_of_limits(farm)
    _check_names(farm)


def _must_equal(what: str, kept: object, counted: object) -> None:
    if kept != counted:
        raise BrokenInvariant(f"{what}: kept {kept!r}, counted {counted!r}")


def _check_layers(farm: Farm) -> None:
    ready = Ready()
    for job in farm.jobs.values():
        layers = farm.layers_of(job)
        _must_equal(f"layers of {job.name}", {x.job_id for x in layers} - {job.id}, set())
        totals = [0] * len(FrameState)
        for layer in layers:
            counted = layer.frames.counts()
            _must_equal(f"counts of {job.name}/{layer.name}", layer.counts, counted)
            totals = [a + b for a, b in zip(totals, counted, strict=True)]
            frames = layer.frames
            if counted[_RUNNING]:
                without_run = set(frames.in_state(FrameState.RUNNING).tolist()) - set(layer.runs)
                _must_equal(f"running frames of {job.name}/{layer.name} without a run", without_run, set())
            ends = set(np.flatnonzero(frames.host_ends >= ENDS_BESIDE_OTHERS).tolist())
            _must_equal(f"frames of {job.name}/{layer.name} that run alone", frames.alone, ends)
            if job.state is JobState.PENDING and not job.paused:
                alone = sum(int(frames.state[index]) == _WAITING for index in ends)
                if counted[_WAITING] > alone:
                    ready.add(job, layer)
                if alone:
                    ready.add(job, layer, alone=True)
            if counted[FrameState.CHECKPOINT] and layer.id not in farm.frame_marks.checkpointed:
                raise BrokenInvariant(
                    f"frames of {job.name}/{layer.name} are in CHECKPOINT and nobody looks after them"
                )
            held = frames.depend_count > 0
            if (held & _HELD[frames.state]).any():
                raise BrokenInvariant(f"frames of {job.name}/{layer.name} are held and not DEPEND")
            if counted[_DEPEND] and ((frames.state == _DEPEND) & ~held).any():
                raise BrokenInvariant(f"frames of {job.name}/{layer.name} are DEPEND and nothing holds them")
        _must_equal(f"counts of {job.name}", job.counts, totals)
    _must_equal("queues of ready layers", farm.ready.view(), ready.view())


def _check_depends(farm: Farm) -> None:
    expected = {layer.id: np.zeros(len(layer.frames), dtype=np.int32) for layer in farm.layers.values()}
    for depend in farm.depends.values():
        if SHAPES[depend.type].pairs:
            done = done_of(farm, depend)
            np.add.at(expected[depend.er_layer or ""], edges_of(farm, depend).er[~done], 1)
            if len(done):
                _must_equal(f"activity of depend {depend.id}", depend.active, not done.all())
        elif depend.active:
            for layer, indices in held_frames(farm, depend):
                expected[layer.id][slice(None) if indices is None else indices] += 1
    for layer in farm.layers.values():
        if not np.array_equal(layer.frames.depend_count, expected[layer.id]):
            raise BrokenInvariant(f"depend counts of layer {layer.name} differ from its depends")


def _check_procs(farm: Farm) -> None:
    cores: dict[str, int] = {}
    gpus: dict[str, int] = {}

    def count(key: str, by: int) -> None:
        cores[key] = cores.get(key, 0) + by

    seen: set[tuple[str, int]] = set()
    limit_use = LimitUse()
    for limit in farm.limits.values():
        if limit.captured_us:
            limit_use.reported(limit.name, Seen(limit.holders.keys(), limit.captured_us, limit.since_us))
    for proc in farm.procs.values():
        host, layer, job = farm.hosts[proc.host_id], farm.layers[proc.layer_id], farm.jobs[proc.job_id]
        if (layer.id, proc.frame_index) in seen:
            raise BrokenInvariant(f"frame {farm.frame_name(layer, proc.frame_index)} has two runs")
        seen.add((layer.id, proc.frame_index))
        _must_equal(f"run of frame {proc.frame_index} of {layer.name}", layer.runs.get(proc.frame_index), proc.id)
        if proc.id not in host.proc_ids:
            raise BrokenInvariant(f"run {proc.id} is missing at its host {host.name}")
        limit_use.add(layer.limits, proc.id, RunUnder(host.row, host.name, proc.booked_us))
        if proc.partition_id:
            continue
        subscription = farm.subscription_of.get((proc.show_id, host.allocation_id), "")
        for key in (layer.id, job.id, job.group_id, host.allocation_id, subscription):
            count(key, proc.cores)
        for key in (job.id, job.group_id):
            gpus[key] = gpus.get(key, 0) + proc.gpus
    holders: list[Any] = [*farm.layers.values(), *farm.jobs.values(), *farm.groups.values()]
    for holder in [*holders, *farm.allocations.values(), *farm.subscriptions.values()]:
        _must_equal(f"reserved cores of {holder.id}", holder.reserved_cores, cores.get(holder.id, 0))
    capped: list[Any] = [*farm.jobs.values(), *farm.groups.values()]
    for holder in capped:
        _must_equal(f"reserved GPUs of {holder.name}", holder.reserved_gpus, gpus.get(holder.id, 0))
    _must_equal("use of limits", farm.limit_use.view(), limit_use.view())
    _must_equal("runs that frames name", sum(len(x.runs) for x in farm.layers.values()), len(farm.procs))


def _check_hosts(farm: Farm) -> None:
    table = farm.hosts_table
    for host in farm.hosts.values():
        held = farm.used_on(host)
        alone = sum(farm.procs[id].alone for id in host.proc_ids)
        _must_equal(f"runs on {host.name} that are alone", int(table.alone[host.row]), alone)
        if alone and len(host.proc_ids) > 1:
            raise BrokenInvariant(f"a run on {host.name} is to be alone, and {len(host.proc_ids)} are there")
        if host.removed:
            _must_equal(f"runs of removed host {host.name}", host.proc_ids, set())
            continue
        _must_equal(f"idle cores of host {host.name}", int(table.idle_cores[host.row]), host.cores - held.cores)
        for name, column in table.idle.items():
            counted = getattr(host, name) - held.amounts[name]
            _must_equal(f"idle {name} of host {host.name}", int(column[host.row]), counted)
        _must_equal(f"bookable {host.name}", bool(table.bookable[host.row]), not why_not_bookable(host))


def _check_places(farm: Farm) -> None:
    held: dict[str, set[str]] = {}
    for redirect in farm.redirects.values():
        if redirect.until_us:
            held.setdefault(redirect.host_id, set()).add(redirect.id)
        elif redirect.id not in farm.procs:
            raise BrokenInvariant(f"redirect {redirect.id} is of no run, and holds no place")
    _must_equal("places that are held", {id: set(places) for id, places in farm.places_of_host.items()}, held)


def _check_deeds(farm: Farm) -> None:
    rows: dict[str, set[int]] = {}
    for deed in farm.deeds.values():
        rows.setdefault(farm.owners[deed.owner_id].show_id, set()).add(farm.hosts[deed.host_id].row)
    _must_equal("hosts of owners' shows", dict(farm.owned_rows), rows)
    _must_equal("deeds by host", farm.deed_of_host, {deed.host_id: deed.id for deed in farm.deeds.values()})


def _check_indexes_of_jobs(farm: Farm) -> None:
    for index, side in (
        (farm.depends_of_job, "er_job"),
        (farm.depends_on_job, "on_job"),
        (farm.depends_on_layer, "on_layer"),
    ):
        expected: dict[str, set[str]] = {}
        for depend in farm.depends.values():
            expected.setdefault(getattr(depend, side) or "", set()).add(depend.id)
        expected.pop("", None)
        _must_equal(f"depends by {side}", {key: ids for key, ids in index.items() if ids}, expected)
    comments: dict[str, set[str]] = {}
    for comment in farm.comments.values():
        if comment.job_id:
            comments.setdefault(comment.job_id, set()).add(comment.id)
    _must_equal("comments by job", {key: ids for key, ids in farm.comments_of_job.items() if ids}, comments)
    shown: dict[str, dict[tuple[int, int], str]] = {}
    for override in farm.frame_marks.overrides.values():
        shown.setdefault(override.layer_id, {})[override.frame_index, int(override.state)] = override.id
    kept_shown = {key: ids for key, ids in farm.frame_marks.overrides_of.items() if ids}
    _must_equal("display overrides by layer", kept_shown, shown)


def _check_indexes_of_limits(farm: Farm) -> None:
    rules = {limit.exit_status: limit.id for limit in farm.limits.values() if limit.exit_status}
    _must_equal("limits by exit status", farm.limit_use.limit_by_exit, rules)
    short: dict[str, set[int]] = {}
    for host in farm.hosts.values():
        if not host.removed:
            short.setdefault(short_host_name(host.name), set()).add(host.row)
    _must_equal("rows by short name", dict(farm.limit_use.rows_by_short_name), short)
    bound: dict[str, set[str]] = {}
    for layer in farm.layers.values():
        for name in layer.limits:
            bound.setdefault(name, set()).add(layer.id)
    _must_equal("layers by limit", dict(farm.limit_use.layers_by_limit), bound)


def _check_names(farm: Farm) -> None:
    jobs_of: dict[str, set[str]] = {}
    for job in farm.jobs.values():
        jobs_of.setdefault(job.group_id, set()).add(job.id)
    for group in farm.groups.values():
        _must_equal(f"jobs of group {group.name}", group.job_ids, jobs_of.get(group.id, set()))
    _must_equal("layers by key", farm.layer_by_key, {layer.key: layer.id for layer in farm.layers.values()})
    posts = sorted((job.parent_id, job.id) for job in farm.jobs.values() if job.parent_id)
    _must_equal("post jobs", sorted((parent, id) for parent, ids in farm.post_jobs.items() for id in ids), posts)
    _must_equal("facilities by name", farm.facility_by_name, {f.name: f.id for f in farm.facilities.values()})
    by_name = {(a.facility_id, a.name): a.id for a in farm.allocations.values()}
    _must_equal("allocations by facility and name", farm.allocation_by_name, by_name)
    _must_equal("shows by name", farm.show_by_name, {folded(s.name): s.id for s in farm.shows.values()})
    _must_equal("hosts by name", farm.host_by_name, {h.name: h.id for h in farm.hosts.values() if not h.removed})
    named = [(h.name, farm.host_names[h.row]) for h in farm.hosts.values()]
    _must_equal("names of rows", [kept for _, kept in named], [name for name, _ in named])
    _must_equal("services by name", farm.service_by_name, {s.name: s.id for s in farm.services.values()})
    overrides = {(s.show_id, s.name): s.id for s in farm.service_overrides.values()}
    _must_equal("service overrides by show and name", farm.override_of, overrides)
    _check_filters_and_departments(farm)
    _must_equal("limits by name", farm.limit_by_name, {limit.name: limit.id for limit in farm.limits.values()})
    kept = {(s.show_id, s.allocation_id): s.id for s in farm.subscriptions.values()}
    _must_equal("subscriptions by show and allocation", farm.subscription_of, kept)
    active = [job for job in farm.jobs.values() if job.state is not JobState.FINISHED]
    _must_equal("active jobs by name", farm.active_job_by_name, {job.name: job.id for job in active})
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for job in active:
        alike[folded(job.name)].add(job.id)
    _must_equal("active jobs in any spelling", farm.active_jobs_alike, alike)
    _must_equal("names of active jobs", len(farm.active_job_by_name), len(active))


def _check_filters_and_departments(farm: Farm) -> None:
    of_shots: dict[tuple[str, str], set[str]] = {}
    for job in farm.jobs.values():
        of_shots.setdefault((job.show_id, job.shot), set()).add(job.id)
    _must_equal("jobs by shot", dict(farm.jobs_of_shot), of_shots)
    by_name = {(one.show_id, one.name): one.id for one in farm.filters.values()}
    _must_equal("filters by show and name", farm.filter_by_name, by_name)
    of_show: dict[str, set[str]] = {}
    for one in farm.filters.values():
        of_show.setdefault(one.show_id, set()).add(one.id)
    _must_equal("filters by show", {show: ids for show, ids in farm.filters_of_show.items() if ids}, of_show)
    for show_id, ids in of_show.items():
        orders = sorted(farm.filters[id].order for id in ids)
        _must_equal(f"places of the filters of {show_id}", orders, list(range(1, len(ids) + 1)))
    names = {one.name: one.id for one in farm.department_names.values()}
    _must_equal("names of departments", farm.department_name_by_name, names)
    departments = {(one.show_id, one.name): one.id for one in farm.departments.values()}
    _must_equal("departments by show and name", farm.department_of, departments)
    tasks = {(one.department_id, one.shot): one.id for one in farm.tasks.values()}
    _must_equal("tasks by department and shot", farm.task_of, tasks)
    aliases = {folded(name): show.id for show in farm.shows.values() for name in show.aliases}
    _must_equal("aliases of shows", farm.alias_of_show, aliases)
