"""Every setter of the interface changes something that can be seen, or is answered with a warning that names it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.nouns import Learned
from cuebot.domain.nouns.filters import ActionType, FilterType, MatchSubject, MatchType
from cuebot.domain.states import Enforcement, HostState, LockState
from cuebot.domain.units import HOUR, CoreUnits, KiB
from cuebot.sim.specs import job_spec, layer_spec
from cuebot.wire.agents.streams import AgentStreams
from cuebot.wire.server import offered_services, service_descriptors
from cuebot.wire.without_effect import SETTERS_WITHOUT_EFFECT

SETTER = re.compile(r"Set|Enable|Add|Remove|Rename|Register|Lock|Unlock|Pause|Resume|Update|DropLimit")
OFFERED = offered_services(streams=AgentStreams(), bounds=DEFAULT_BOUNDS, allow_root=False)

Commands = Callable[[SmallFarm], Iterable[c.Command]]
Look = Callable[[SmallFarm], object]
Effect = Callable[[bool], object]


# --- what is looked at --------------------------------------------------------------------------------------------


def bookings(farm: SmallFarm) -> object:
    """What a plan books where, and with what."""
    booked = farm.plan()
    return sorted(
        (farm.farm.layers[p.layer_id].name, farm.farm.jobs[p.job_id].name, p.cores, p.memory, p.gpus, p.gpu_memory)
        for p in booked
    )


def environments(farm: SmallFarm) -> object:
    """What frames find in their environment."""
    farm.plan()
    return [order.environment.get("CUE_THREADABLE") for _, orders in farm.orders.launches for order in orders]


def after_failure(**outcome: Any) -> Look:
    """What becomes of a frame that fails."""

    def look(farm: SmallFarm) -> object:
        farm.plan()
        run = farm.run_of("one/render")
        farm.wait(outcome.get("run_s", 0))
        farm.end(run, 1, **outcome)
        return farm.states("one/render")[0]

    return look


def after_no_licence(farm: SmallFarm) -> object:
    """What becomes of a frame and its layer when it ends with the status 330."""
    farm.plan()
    farm.end(farm.run_of("one/render"), 330)
    layer = farm.layer("one/render")
    return farm.states("one/render")[0], layer.limits, layer.start_after_us


def bookings_later(farm: SmallFarm) -> object:
    """What a plan books half an hour later."""
    farm.wait(1_800)
    return bookings(farm)


def next_job(farm: SmallFarm) -> object:
    """What a job launched now gets."""
    job = farm.launch(job_spec("next", priority=None))[0]
    return job.priority, job.max_cores, job.max_gpus


def next_layer(farm: SmallFarm) -> object:
    """What a layer launched now gets of its service."""
    spec = layer_spec(cores=None, memory_kib=None, tags=None, services=("shell",))
    farm.launch(job_spec("next", spec))
    layer = farm.layer("next/render")
    return layer.min_cores, layer.min_memory, layer.tags, layer.timeout_minutes


def rows(kind: str) -> Look:
    """The things of a kind that lists show."""
    return lambda farm: sorted(repr(thing) for thing in farm.farm.table(kind).values())


# --- what is changed ----------------------------------------------------------------------------------------------


def seen(commands: Commands, look: Look = bookings, *jobs: Any, before: Commands | None = None, **host: Any) -> Effect:
    """An effect: what is seen on a farm with a host and jobs where commands were carried out, and where not."""

    def effect(is_changed: bool) -> object:
        farm = SmallFarm()
        farm.host(**host)
        farm.launch(*(jobs or (job_spec("one"),)))
        for command in before(farm) if before else ():
            farm.do(command)
        for command in commands(farm) if is_changed else ():
            farm.do(command)
        return look(farm)

    return effect


def job(**values: Any) -> Commands:
    """Change the job `one`."""
    return lambda farm: [c.Change("job", farm.job("one").id, values)]


def layer(**values: Any) -> Commands:
    """Change the layer `one/render`."""
    return lambda farm: [c.Change("layer", farm.layer("one/render").id, values)]


def show(**values: Any) -> Commands:
    """Change the show."""
    return lambda farm: [c.Change("show", farm.job("one").show_id, values)]


def group(**values: Any) -> Commands:
    """Change the group of the job `one`."""
    return lambda farm: [c.Change("group", farm.job("one").group_id, values)]


def only(kind: str, **values: Any) -> Commands:
    """Change the first thing of a kind."""
    return lambda farm: [c.Change(kind, next(iter(farm.farm.table(kind))), values)]


def on_host(make: Callable[[str], c.Command]) -> Commands:
    """A command on the host."""
    return lambda farm: [make(farm.farm.host_named("host0").id)]


def limited(farm: SmallFarm) -> Iterable[c.Command]:
    """A limit of one frame, on the layer."""
    limit = farm.do(c.CreateLimit("nuke", 1))
    return [c.AddLayerLimit(farm.layer("one/render").id, limit)]


def limited_by_host(farm: SmallFarm) -> Iterable[c.Command]:
    """The same of one host."""
    limit = farm.do(c.CreateLimit("nuke", 1, per_host=True))
    return [c.AddLayerLimit(farm.layer("one/render").id, limit)]


def other_limit(farm: SmallFarm) -> Iterable[c.Command]:
    """A limit that no layer names."""
    farm.do(c.CreateLimit("nuke", 1))
    return []


def reported(farm: SmallFarm) -> Iterable[c.Command]:
    """A limit on the layer of which a workstation uses all."""
    return [*limited(farm), c.ReportUsage((c.UsageReport("nuke", (c.HostUsage("ws1", 1),)),), "rlm")]


def learned(farm: SmallFarm) -> Iterable[c.Command]:
    """The layer's frames were seen to keep three cores busy, and to use more memory than it asks for."""
    found = farm.layer("one/render")
    farm.do(c.Change("layer", found.id, {"threadable": True}))
    found.learned = Learned(9, memory=KiB(3 * GIB), cores=CoreUnits(300), cores_asked=CoreUnits(100))
    farm.farm.requeue(farm.job("one"))
    return []


def another_group(farm: SmallFarm) -> Iterable[c.Command]:
    """The job moves into a group that may use one core."""
    id = farm.do(c.CreateGroup("small", farm.job("one").group_id))
    farm.do(c.Change("group", id, {"max_cores": 100}))
    return [c.MoveJob(farm.job("one").id, id)]


def nested(farm: SmallFarm) -> Iterable[c.Command]:
    """Of two groups one moves below the other."""
    root = farm.job("one").group_id
    first, second = farm.do(c.CreateGroup("a", root)), farm.do(c.CreateGroup("b", root))
    return [c.MoveGroups((second,), first)]


def minimum_first(farm: SmallFarm) -> Iterable[c.Command]:
    """The group of the job `two` should have cores."""
    id = farm.do(c.CreateGroup("urgent", farm.job("two").group_id))
    farm.do(c.MoveJob(farm.job("two").id, id))
    return [c.Change("group", id, {"min_cores": 400})]


def second_allocation(farm: SmallFarm) -> str:
    """An allocation that no show may use."""
    return str(farm.do(c.CreateAllocation("other", "other", farm.farm.facility_by_name["local"])))


def new_host_goes_to(farm: SmallFarm) -> object:
    """The allocation of a host that reports for the first time."""
    host = farm.host("new")
    return farm.farm.allocation_name(farm.farm.allocations[host.allocation_id])


def filtered(farm: SmallFarm, kind: FilterType = FilterType.MATCH_ALL) -> Iterable[c.Command]:
    """Two filters give new jobs a priority: one to jobs that it fits in one of two ways, and one to all."""
    for name, priority, shot in (("some", 60, "elsewhere"), ("all", 70, "sh1")):
        id = farm.do(c.CreateFilter(farm.job("one").show_id, name))
        farm.do(c.AddMatcher(id, MatchSubject.USER, MatchType.IS, "ann"))
        farm.do(c.AddMatcher(id, MatchSubject.SHOT, MatchType.IS, shot))
        farm.do(c.AddFilterAction(id, ActionType.SET_JOB_PRIORITY, priority))
    farm.do(c.Change("filter", the_filter(farm, "some"), {"type": kind}))
    return []


def both_fit(farm: SmallFarm) -> Iterable[c.Command]:
    """The same, and both fit any job: the second has the last word."""
    return filtered(farm, FilterType.MATCH_ANY)


def the_filter(farm: SmallFarm, name: str) -> str:
    """The id of a filter."""
    return farm.farm.filter_by_name[farm.job("one").show_id, name]


def the_department(farm: SmallFarm) -> str:
    """The id of the department that the job `one` is in."""
    return farm.farm.department_of[farm.job("one").show_id, "Unknown"]


def with_task(farm: SmallFarm) -> Iterable[c.Command]:
    """The shot of the job `one` should have four cores."""
    return [c.SetTasks(the_department(farm), {"sh1": CoreUnits(400)})]


def minimum_of_the_job(farm: SmallFarm) -> object:
    """What the job `one` should have."""
    return farm.job("one").min_cores


def own_service(farm: SmallFarm) -> Iterable[c.Command]:
    """The show has a service `shell` of its own."""
    return [c.CreateServiceOverride(farm.job("one").show_id, {"name": "shell"})]


GPUS: dict[str, Any] = {"gpus": 2, "gpu_memory": KiB(8 * GIB)}
WITH_GPUS = job_spec("one", layer_spec(gpus=1))
TWO_JOBS = (job_spec("one"), job_spec("two"))
TWO_LAYERS = job_spec("one", layer_spec("first"), layer_spec("render"))
TAGGED = job_spec("one", layer_spec(tags=("night",)))
SMALL: dict[str, Any] = {"cores": CoreUnits(100)}

EFFECTS: dict[str, Effect] = {
    "department.DepartmentInterface.AddDepartmentName": seen(
        lambda farm: [c.AddDepartmentName("Crowd")], rows("department_name")
    ),
    "department.DepartmentInterface.RemoveDepartmentName": seen(
        lambda farm: [c.Delete("department_name", farm.farm.department_called("Hair").id)], rows("department_name")
    ),
    "department.DepartmentInterface.AddTask": seen(with_task, minimum_of_the_job),
    "department.DepartmentInterface.AddTasks": seen(with_task, minimum_of_the_job),
    "department.DepartmentInterface.EnableTiManaged": seen(
        lambda farm: [c.ManageDepartment(the_department(farm), "film:fx", CoreUnits(500))], rows("department")
    ),
    "department.DepartmentInterface.SetManagedCores": seen(only("department", min_cores=700), rows("department")),
    "filter.FilterInterface.SetEnabled": seen(
        lambda farm: [c.Change("filter", the_filter(farm, "all"), {"enabled": False})], next_job, before=filtered
    ),
    "filter.FilterInterface.SetName": seen(only("filter", name="others"), rows("filter"), before=filtered),
    "filter.FilterInterface.SetOrder": seen(
        lambda farm: [c.PlaceFilter(the_filter(farm, "all"), 1)], next_job, before=both_fit
    ),
    "filter.FilterInterface.SetType": seen(
        lambda farm: [
            c.Change("filter", the_filter(farm, "some"), {"type": FilterType.MATCH_ANY}),
            c.PlaceFilter(the_filter(farm, "some"), c.Place.LAST),
        ],
        next_job,
        before=filtered,
    ),
    "job.GroupInterface.SetDepartment": seen(
        lambda farm: [c.SetGroupDepartment(farm.job("one").group_id, "FX")], rows("group")
    ),
    "service.ServiceOverrideInterface.Update": seen(
        only("service_override", min_cores=300), next_layer, before=own_service
    ),
    "task.TaskInterface.SetMinCores": seen(
        lambda farm: [c.SetTaskCores(next(iter(farm.farm.tasks)), CoreUnits(700))], minimum_of_the_job, before=with_task
    ),
    "cuefarm.v1.FarmInterface.SetLayerMaxRetries": seen(layer(max_retries=0), after_failure()),
    "facility.AllocationInterface.SetDefault": seen(
        lambda farm: [c.SetDefaultAllocation(second_allocation(farm))], new_host_goes_to
    ),
    "facility.AllocationInterface.SetName": seen(only("allocation", name="farm"), rows("allocation")),
    "facility.AllocationInterface.SetTag": seen(
        lambda farm: [c.Change("allocation", farm.farm.host_named("host0").allocation_id, {"tag": "day"})]
    ),
    "facility.FacilityInterface.Rename": seen(only("facility", name="site"), rows("facility")),
    "host.HostInterface.AddComment": seen(
        on_host(lambda id: c.AddComment("ann", "fan", "is loud", host_id=id)), rows("comment")
    ),
    "host.HostInterface.AddTags": seen(on_host(lambda id: c.AddHostTags(id, ("night",))), bookings, TAGGED),
    "host.HostInterface.RemoveTags": seen(
        on_host(lambda id: c.RemoveHostTags(id, ("night",))),
        bookings,
        TAGGED,
        before=on_host(lambda id: c.AddHostTags(id, ("night",))),
    ),
    "host.HostInterface.RenameTag": seen(
        on_host(lambda id: c.AddHostTags(id, ("night",))),
        bookings,
        TAGGED,
        before=on_host(lambda id: c.AddHostTags(id, ("day",))),
    ),
    "host.HostInterface.Lock": seen(on_host(lambda id: c.LockHost(id, LockState.LOCKED))),
    "host.HostInterface.Unlock": seen(
        on_host(lambda id: c.LockHost(id, LockState.OPEN)), before=on_host(lambda id: c.LockHost(id, LockState.LOCKED))
    ),
    "host.HostInterface.SetAllocation": seen(
        lambda farm: [c.MoveHosts((farm.farm.host_named("host0").id,), second_allocation(farm))]
    ),
    "host.HostInterface.SetHardwareState": seen(on_host(lambda id: c.SetHostState(id, HostState.REPAIR))),
    "job.GroupInterface.SetDefaultJobMaxCores": seen(group(default_job_max_cores=200), next_job),
    "job.GroupInterface.SetDefaultJobMaxGpus": seen(group(default_job_max_gpus=1), next_job),
    "job.GroupInterface.SetDefaultJobPriority": seen(group(default_job_priority=77), next_job),
    "job.GroupInterface.SetGroup": seen(nested, rows("group")),
    "job.GroupInterface.SetMaxCores": seen(group(max_cores=100)),
    "job.GroupInterface.SetMaxGpus": seen(group(max_gpus=1), bookings, WITH_GPUS, **GPUS),
    "job.GroupInterface.SetMinCores": seen(minimum_first, bookings, *TWO_JOBS, **SMALL),
    "job.GroupInterface.SetName": seen(group(name="shots"), rows("group")),
    "job.JobInterface.AddComment": seen(
        lambda farm: [c.AddComment("ann", "look", "at frame 3", job_id=farm.job("one").id)], rows("comment")
    ),
    "job.JobInterface.Pause": seen(job(paused=True)),
    "job.JobInterface.Resume": seen(job(paused=False), bookings, job_spec("one", paused=True)),
    "job.JobInterface.SetAutoEat": seen(job(auto_eat=True), after_failure()),
    "job.JobInterface.SetGroup": seen(another_group),
    "job.JobInterface.SetMaxCores": seen(job(max_cores=100)),
    "job.JobInterface.SetMaxGpus": seen(job(max_gpus=1), bookings, WITH_GPUS, **GPUS),
    "job.JobInterface.SetMaxRetries": seen(job(max_retries=0), after_failure()),
    "job.JobInterface.SetPriority": seen(
        lambda farm: [c.Change("job", farm.job("two").id, {"priority": 90})], bookings, *TWO_JOBS, **SMALL
    ),
    "job.LayerInterface.AddLimit": seen(limited),
    "job.LayerInterface.DropLimit": seen(
        lambda farm: [c.DropLayerLimit(farm.layer("one/render").id, farm.farm.limit_by_name["nuke"])], before=limited
    ),
    "job.LayerInterface.EnableMemoryOptimizer": seen(layer(memory_optimizer=False), before=learned),
    "job.LayerInterface.RegisterOutputPath": seen(
        lambda farm: [c.AddOutput(farm.layer("one/render").id, "/a.#.exr")], rows("layer")
    ),
    "job.LayerInterface.SetDispatchOrder": seen(
        lambda farm: [c.Change("layer", farm.layer("one/first").id, {"dispatch_order": 9})],
        bookings,
        TWO_LAYERS,
        **SMALL,
    ),
    "job.LayerInterface.SetMaxCores": seen(layer(max_cores=200), before=learned),
    "job.LayerInterface.SetMinCores": seen(layer(min_cores=200)),
    "job.LayerInterface.SetMinGpuMemory": seen(layer(min_gpu_memory=6 * GIB), bookings, WITH_GPUS, **GPUS),
    "job.LayerInterface.SetMinGpus": seen(layer(min_gpus=2), bookings, WITH_GPUS, **GPUS),
    "job.LayerInterface.SetMinMemory": seen(layer(min_memory=2 * GIB)),
    "job.LayerInterface.SetStartAfter": seen(layer(start_after_us=2**61)),
    "job.LayerInterface.SetTags": seen(layer(tags=("night",))),
    "job.LayerInterface.SetThreadable": seen(layer(threadable=True), environments),
    "job.LayerInterface.SetTimeout": seen(
        layer(timeout_minutes=30), after_failure(run_s=HOUR // 1_000_000), job_spec("one", max_retries=3)
    ),
    "limit.LimitInterface.Rename": seen(
        lambda farm: [c.RenameLimit(farm.farm.limit_by_name["nuke"], "nuke_x")], rows("limit"), before=limited
    ),
    "limit.LimitInterface.SetEnforcement": seen(only("limit", enforcement=Enforcement.ADVISORY), before=limited),
    "limit.LimitInterface.SetFailureRule": seen(
        lambda farm: [c.SetFailureRule(farm.farm.limit_by_name["nuke"], 330, 5, True)],
        after_no_licence,
        before=other_limit,
    ),
    "limit.LimitInterface.SetReportTtl": seen(only("limit", report_ttl_s=0), bookings_later, before=reported),
    "limit.LimitInterface.SetSoftValue": seen(only("limit", soft_value=0), before=limited_by_host),
    "limit.LimitInterface.SetMaxValue": seen(only("limit", max_value=3), before=limited),
    "limit.LimitInterface.SetType": seen(only("limit", per_host=True), before=limited),
    "service.ServiceInterface.Update": seen(
        lambda farm: [c.Change("service", farm.farm.service_by_name["shell"], {"min_cores": 200, "tags": ("x",)})],
        next_layer,
    ),
    "show.ShowInterface.EnableBooking": seen(show(booking_enabled=False)),
    "show.ShowInterface.EnableDispatching": seen(show(dispatch_enabled=False)),
    "show.ShowInterface.SetActive": seen(show(active=False)),
    "show.ShowInterface.SetDefaultMaxCores": seen(show(default_max_cores=300), next_job),
    "show.ShowInterface.SetDefaultMaxGpus": seen(show(default_max_gpus=3), next_job),
    "subscription.SubscriptionInterface.SetBurst": seen(only("subscription", burst=100)),
}

ELSEWHERE: dict[str, str] = {
    **{
        f"job.{noun}Interface.AddRenderPartition": "decide/test_partitions.py: it runs on its user's own host, too"
        for noun in ("Frame", "Job", "Layer")
    },
    "renderPartition.RenderPartitionInterface.SetMaxResources": "decide/test_partitions.py: a part is made larger",
    "host.OwnerInterface.SetShow": "decide/test_owners.py: another show comes first on the owner's hosts",
    "cuefarm.v1.FarmInterface.AddDepend": "wire/test_job_settings.py: frames wait by it",
    "cuefarm.v1.FarmInterface.SetJobOwner": "wire/test_job_settings.py: frames that start are the new owner's",
    "cuefarm.v1.FarmInterface.SetJobTimeLimit": "decide/test_time_limits.py: the job is killed when its time is up",
    "job.FrameInterface.SetCheckpointState": "decide/test_frame_marks.py: a frame waits for its checkpoint",
    "job.FrameInterface.SetFrameStateDisplayOverride": "wire/test_frame_marks.py: clients are told what to show",
    "job.JobInterface.AddSubscriber": "app/test_job_mail.py: mail is sent",
    "job.LayerInterface.SetTimeoutLLU": "decide: a run whose log is silent for longer is ended",
    "subscription.SubscriptionInterface.SetSize": "scheduling/test_shares.py: shows get hosts by their shares",
}
"""Setters whose effect other tests show, and which."""


def setters() -> list[str]:
    """Every RPC that is offered and gives something a new value."""
    return [
        f"{service.full_name}.{method.name}"
        for service in service_descriptors()
        for method in service.methods
        if SETTER.match(method.name) and method.name in dir(OFFERED.get(service.full_name))
    ]


def test_every_setter_has_a_row() -> None:
    """A new setter is walked too: it has an effect here or in another test, or a warning."""
    warned = {f"{service}.{rpc}" for service, rpcs in SETTERS_WITHOUT_EFFECT.items() for rpc in rpcs}
    known = [*EFFECTS, *ELSEWHERE, *warned]
    assert sorted(known) == sorted(set(known)) == sorted(setters())


@pytest.mark.parametrize("rpc", EFFECTS)
def test_what_a_setter_says_happens(rpc: str) -> None:
    """What is booked, what becomes of a failure, or what lists show is other than without it."""
    assert EFFECTS[rpc](True) != EFFECTS[rpc](False)


def test_the_builders_of_this_page_are_deterministic() -> None:
    """Without a change two farms look the same, so a difference is the setter's."""
    for rpc, effect in EFFECTS.items():
        assert effect(False) == effect(False), rpc
