"""A job specification becomes jobs here: names, defaults from services, depends, post layers."""

from __future__ import annotations

from collections import ChainMap
from copy import copy
from dataclasses import replace
from itertools import chain
from typing import cast

from cuebot.decide.context import Context
from cuebot.decide.cycles import find_cycle
from cuebot.decide.depends import added, check_new, signature
from cuebot.decide.filters import applied
from cuebot.domain import events as ev
from cuebot.domain.advice import advise
from cuebot.domain.commands import SubmitJobs
from cuebot.domain.errors import AlreadyExists, FarmError, Invalid, NotFound, Refused
from cuebot.domain.farm import Farm, restore
from cuebot.domain.filtering import Outcome, filters_of, group_defaults, run_filters
from cuebot.domain.indexes import initial_frames
from cuebot.domain.learning import LESS_TAG, service_of
from cuebot.domain.log_paths import log_folder, log_folder_name
from cuebot.domain.names import folded, post_job_name
from cuebot.domain.nouns import Depend, Filter, Group, Job, Layer, Service, Show, stored_values
from cuebot.domain.states import DependType, JobState, LayerType
from cuebot.domain.units import MIN_CORE_UNITS, MIN_MEMORY, ONE_CORE, CoreUnits, KiB, layer_id_from
from cuebot.spec import DependSpec, JobSpec, LayerSpec, Spec

POST_JOB_RETRIES = 2


def submit_jobs(farm: Farm, command: SubmitJobs, context: Context) -> tuple[list[ev.Event], list[str]]:
    """Launch all jobs of a specification, or refuse all of them. Replies with the ids of the jobs."""
    show = farm.show_for_jobs(command.spec.show)
    spec = _as_the_show_is_spelled(command.spec, show)
    if not show.active:
        enable = advise("show.set_active", show=show.name)
        raise Refused(f"show {show.name!r} is not active; {enable} makes it so")
    facility_id = _facility(farm, spec, context)
    names = [job.name for job in spec.jobs]
    for name in names:
        if name in farm.active_job_by_name or names.count(name) > 1:
            raise AlreadyExists(
                f"a job {name!r} is active already; submit under another name, or end it with"
                f" {advise('job.kill', job=name)}"
            )
    built = _Built(farm, spec, show, facility_id, context, filters_of(farm, show.id))
    for job_spec in spec.jobs:
        built.add(job_spec)
    # The new jobs are tried out beside the real ones: what they wait for is checked before any event exists.
    depends = _depends(built, spec)
    return [*built.events(), *depends], built.launched


def try_filters(farm: Farm, given: Spec, filters: list[Filter], context: Context) -> list[tuple[str, Outcome]]:
    """What filters would do to each job of a specification, by its name. Nothing is launched."""
    show = farm.show_for_jobs(given.show)
    spec = _as_the_show_is_spelled(given, show)
    built = _Built(farm, spec, show, _facility(farm, spec, context), context, filters)
    for job_spec in spec.jobs:
        built.add(job_spec)
    return [(job.name, built.outcomes[job.id]) for job in built.jobs.values()]


def _as_the_show_is_spelled(spec: Spec, show: Show) -> Spec:
    """A show is found under any spelling, or stands for another; the names of its jobs begin with its own."""
    if show.name == spec.show:
        return spec
    own, given = show.name.lower(), spec.show.lower()
    named = {job.name: own + job.name.removeprefix(given) for job in spec.jobs}
    jobs = tuple(replace(job, name=named[job.name]) for job in spec.jobs)
    depends = tuple(
        replace(depend, er_job=named.get(depend.er_job, depend.er_job), on_job=named.get(depend.on_job, depend.on_job))
        for depend in spec.depends
    )
    return replace(spec, show=show.name, jobs=jobs, depends=depends)


class _Built:
    """The jobs of one specification, as they will be."""

    def __init__(
        self, farm: Farm, spec: Spec, show: Show, facility_id: str, context: Context, filters: list[Filter]
    ) -> None:
        self.farm, self.spec, self.show, self.facility_id, self.context = farm, spec, show, facility_id, context
        self.jobs: dict[str, Job] = {}
        self.layers: dict[str, list[Layer]] = {}
        self.launched: list[str] = []
        self._next_key = farm.next_layer_key
        self._filters = filters
        self.outcomes: dict[str, Outcome] = {}
        """What filters did to each job."""

    def add(self, job_spec: JobSpec) -> None:
        """Build a job, and a second one for its post layers."""
        main = [layer for layer in job_spec.layers if layer.type != "POST"]
        post = [layer for layer in job_spec.layers if layer.type == "POST"]
        if not main:
            raise Invalid(f"job {job_spec.name!r} needs at least one layer that is not of type Post")
        job = self._job(job_spec)
        self._keep(job, main, job_spec)
        if job_spec.max_cores is not None:  # what a specification says of its most, no filter changes
            job.max_cores = CoreUnits(job_spec.max_cores)
        if job_spec.max_gpus is not None:
            job.max_gpus = job_spec.max_gpus
        self.launched.append(job.id)
        if post:
            self._keep(self._post_job(job), post, job_spec)

    def events(self) -> list[ev.Event]:
        """One event a job, with its layers, and what filters did to it."""
        launched: list[ev.Event] = [
            ev.JobLaunched(stored_values(job), [stored_values(layer) for layer in self.layers[job.id]])
            for job in self.jobs.values()
        ]
        filtered = (applied(self.farm, job, self.outcomes[job.id]) for job in self.jobs.values())
        return [*launched, *chain.from_iterable(filtered)]

    def _keep(self, job: Job, specs: list[LayerSpec], job_spec: JobSpec) -> None:
        self.jobs[job.id] = job
        order = {layer.name: place for place, layer in enumerate(job_spec.layers, start=1)}
        layers = self.layers[job.id] = [self._layer(job, layer, order[layer.name]) for layer in specs]
        self._filter(job, layers)

    def _filter(self, job: Job, layers: list[Layer]) -> None:
        """Have the show's filters act on a job."""
        outcome = self.outcomes[job.id] = run_filters(self.farm, self._filters, job, layers)
        for name, value in outcome.job.items():
            setattr(job, name, value)
        for layer in layers:
            for name, value in outcome.layers.get(layer.id, {}).items():
                setattr(layer, name, value)

    def _job(self, job_spec: JobSpec) -> Job:
        spec, context = self.spec, self.context
        job_id = context.new_id()
        job = Job(
            id=job_id,
            name=job_spec.name,
            show_id=self.show.id,
            group_id=self.show.root_group_id,
            facility_id=self.facility_id,
            shot=spec.shot,
            user=spec.user,
            log_dir=log_folder(context.settings.log_root, spec.show, spec.shot, job_spec.name, job_id),
            submitted_us=context.now_us,
            paused=job_spec.paused,
            max_retries=job_spec.max_retries,
            auto_eat=job_spec.autoeat,
            time_limit_minutes=job_spec.time_limit_minutes,
            uid=spec.uid,
            specification_id=self.launched[0] if self.launched else job_id,
            email=spec.email or "",
            os=job_spec.os or "",
            env=dict(job_spec.env),
        )
        for name, value in job_defaults(self.show, self.farm.groups[job.group_id]).items():
            setattr(job, name, value)
        if job_spec.priority is not None:
            job.priority = job_spec.priority
        return job

    def _post_job(self, job: Job) -> Job:
        """A job for the post layers: it waits as POSTED until its parent has ended (opencue-behaviour: post-jobs)."""
        job_id, stamp_ms = self.context.new_id(), self.context.now_us // 1000
        name = post_job_name(self.spec.show, job.shot, job.user, job.name, stamp_ms)
        return replace(
            job,
            id=job_id,
            name=name,
            user="monitor",
            log_dir=job.log_dir.replace(log_folder_name(job.name, job.id), log_folder_name(name, job_id)),
            state=JobState.POSTED,
            paused=False,
            priority=1,
            max_retries=POST_JOB_RETRIES,
            auto_eat=False,
            email="",
            env={**job.env, "CUE_PARENT_JOB_ID": job.id, "CUE_PARENT_JOB": job.name},
            parent_id=job.id,
            layer_ids=[],
            counts=[0] * len(job.counts),
        )

    def _layer(self, job: Job, spec: LayerSpec, order: int) -> Layer:
        service = _service(self.farm, spec, self.show.id)
        cores = spec.cores if spec.cores is not None else service.min_cores
        if 0 < cores < MIN_CORE_UNITS:
            cores = ONE_CORE
        threadable = spec.threadable if spec.threadable is not None else service.threadable
        memory = spec.memory_kib if spec.memory_kib is not None else service.min_memory
        key, self._next_key = self._next_key, self._next_key + 1
        return Layer(
            id=layer_id_from(self.context.new_id()),
            key=key,
            job_id=job.id,
            name=spec.name,
            type=LayerType[spec.type],
            command=spec.command,
            range_text=spec.range_text,
            chunk=spec.chunk,
            dispatch_order=order,
            min_cores=CoreUnits(cores),
            max_cores=CoreUnits(spec.max_cores if spec.max_cores is not None else service.max_cores),
            threadable=threadable and not 0 < cores < ONE_CORE,
            min_memory=KiB(max(memory, MIN_MEMORY)),
            tags=spec.tags or tuple(tag for tag in service.tags if tag.lower() != LESS_TAG),
            services=spec.services or (service.name,),
            min_gpus=spec.gpus if spec.gpus is not None else service.min_gpus,
            max_gpus=service.max_gpus,
            min_gpu_memory=KiB(spec.gpu_memory_kib if spec.gpu_memory_kib is not None else service.min_gpu_memory),
            timeout_minutes=spec.timeout_minutes if spec.timeout_minutes is not None else service.timeout_minutes,
            timeout_llu_minutes=(
                spec.timeout_llu_minutes if spec.timeout_llu_minutes is not None else service.timeout_llu_minutes
            ),
            limits=spec.limits,
            env=dict(spec.env),
            outputs=spec.outputs,
            max_retries=spec.max_retries,
        )


def job_defaults(show: Show, group: Group) -> dict[str, int]:
    """What a new job gets where its specification does not say: its show's values, and over them its group's."""
    of_show = {
        name: int(getattr(show, f"default_{name}")) for name in ("min_cores", "max_cores", "min_gpus", "max_gpus")
    }
    return {**of_show, **group_defaults(group)}


def _facility(farm: Farm, spec: Spec, context: Context) -> str:
    name = spec.facility or context.settings.default_facility
    facility_id = farm.facility_by_name.get(name.lower())
    if facility_id is None:
        raise NotFound(f"there is no facility {name!r}; there are {', '.join(sorted(farm.facility_by_name))}")
    return facility_id


def _service(farm: Farm, spec: LayerSpec, show_id: str) -> Service:
    """Raises NotFound where there is none."""
    service = service_of(farm, spec.services, show_id)
    if service is None:
        raise NotFound(f"layer {spec.name!r} names no known service, and this farm has no service `default`")
    return service


def _depends(built: _Built, spec: Spec) -> list[ev.Event]:
    """The depends of a specification, each checked; none of it is in the farm yet."""
    if not spec.depends:
        return []
    trial = _with_jobs_of(built)
    depends: dict[tuple[object, ...], Depend] = {}
    for depend_spec in spec.depends:
        if _is_over(built, depend_spec.on_job):
            continue
        depend = _depend(built, trial, depend_spec)
        check_new(trial, depend, built.context.bounds)
        depends[signature(depend)] = depend
    cycle = find_cycle(trial, depends.values())
    if cycle:
        raise Invalid(f"the depends of this specification make a circle in which nothing can ever run: {cycle}")
    return [added(trial, depend) for depend in depends.values()]


def _with_jobs_of(built: _Built) -> Farm:
    """The farm as it is, seen with the jobs that are being submitted laid over it. Nothing of it is copied."""
    trial = copy(built.farm)
    trial.jobs = cast(dict[str, Job], ChainMap({}, built.farm.jobs))
    trial.layers = cast(dict[str, Layer], ChainMap({}, built.farm.layers))
    for job in built.jobs.values():
        shown = restore("job", stored_values(job))
        trial.jobs[job.id] = shown
        for layer in built.layers[job.id]:
            layer.frames = initial_frames(layer, job)
            layer.counts = layer.frames.counts()
            shown.counts = [a + b for a, b in zip(shown.counts, layer.counts, strict=True)]
            shown.layer_ids.append(layer.id)
            trial.layers[layer.id] = layer
    return trial


def _depend(built: _Built, trial: Farm, spec: DependSpec) -> Depend:
    er_job, on_job = _job_named(built, spec.er_job), _job_named(built, spec.on_job)
    try:
        er_layer = trial.layer_named(trial.jobs[er_job], spec.er_layer) if spec.er_layer else None
        on_layer = trial.layer_named(trial.jobs[on_job], spec.on_layer) if spec.on_layer else None
    except FarmError as error:
        raise Invalid(f"depend {spec.type}: {error}") from error
    return Depend(
        id=built.context.new_id(),
        type=DependType[spec.type],
        er_job=er_job,
        on_job=on_job,
        er_layer=er_layer.id if er_layer else None,
        er_frame=_frame(spec, er_layer, spec.er_frame),
        on_layer=on_layer.id if on_layer else None,
        on_frame=_frame(spec, on_layer, spec.on_frame),
        any_frame=spec.any_frame and spec.type == "LAYER_ON_LAYER",
        on_failure=spec.on_failure,
        created_us=built.context.now_us,
    )


def _job_named(built: _Built, name: str) -> str:
    for job in built.jobs.values():
        if folded(job.name) == folded(name):
            return job.id
    found = built.farm.active_job_id(name)
    if not found:
        refusal = Invalid(f"a depend names the job {name!r}, which is neither in this specification nor active")
        raise refusal.may_be_past(name)
    return found


def _is_over(built: _Built, name: str) -> bool:
    """A job that is complete holds nobody up, whether it still has its name or not."""
    any_spelling = folded(name)
    if built.farm.active_job_id(name) or any(folded(job.name) == any_spelling for job in built.jobs.values()):
        return False
    return any(job.complete and folded(job.name) == any_spelling for job in built.farm.jobs.values())


def _frame(spec: DependSpec, layer: Layer | None, number: int | None) -> int | None:
    if layer is None or number is None:
        return None
    index = layer.frames.index_of(number)
    if index is None:
        raise Invalid(
            f"depend {spec.type} names frame {number} of layer {layer.name!r}, whose range is {layer.range_text}"
        )
    return index
