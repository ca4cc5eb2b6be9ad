"""What is reserved for a layer whose frames need more or less than it asks for."""

from __future__ import annotations

import numpy as np
from scheduling_farm import launch, reasons
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.learning import LESS_TAG
from cuebot.domain.states import Cause
from cuebot.domain.units import SECOND, KiB, Micros, frame_id
from cuebot.engine.farm_rows import load_farm, take_dirty
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import layer_spec


def succeed(farm: SmallFarm, path: str, rss_gib: float, busy: float = 0.0) -> None:
    """Every run of a layer ends well after 100 s, having used so much memory and kept so many cores busy."""
    layer = farm.layer(path)
    farm.wait(100)
    for run_id in list(layer.runs.values()):
        proc = farm.farm.procs[run_id]
        host, frame = farm.farm.hosts[proc.host_id].name, frame_id(proc.layer_id, proc.frame_index)
        rss, run_us = KiB(int(rss_gib * GIB)), Micros(100 * SECOND)
        cpu_us = Micros(int(run_us * busy))
        farm.do(c.ReportOutcome(host, run_id, frame, 0, 0, Cause.EXITED, run_us, rss, cpu_us=cpu_us))


def learnt(
    rss_gib: float, memory_gib: int = 1, *, busy: float = 0.0, services: tuple[str, ...] = (), **fields: object
) -> SmallFarm:
    """A farm of 16 GiB where the first ten frames of a layer of forty have used so much."""
    farm = SmallFarm()
    farm.host(cores=1_600)
    launch(
        farm, "testing", "one", layer_spec(range_text="1-40", memory_kib=memory_gib * GIB, services=services, **fields)
    )
    while farm.layer("one/render").runs_succeeded < 10:
        farm.plan()
        succeed(farm, "one/render", rss_gib, busy)
    return farm


def texts(farm: SmallFarm, code: str) -> list[str]:
    """What `explain` says of the layer under a code."""
    explanation = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us)
    return [reason.text for reason in explanation.reasons if reason.code == code]


def allow_less(farm: SmallFarm, name: str = "default", *, allow: bool = True) -> None:
    """Give a service the tag, or take it."""
    tags = ("general", LESS_TAG) if allow else ("general",)
    farm.do(c.Change("service", farm.farm.service_by_name[name], {"tags": tags}))


def restarted(farm: SmallFarm) -> Farm:
    """The farm as a restart loads it."""
    farm.farm.dirty.rows.clear()
    for kind in ("facility", "allocation", "show", "group", "subscription", "service", "job", "layer", "host", "proc"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    for layer in farm.farm.layers.values():
        farm.farm.dirty.frames[layer.id].append(np.arange(len(layer.frames), dtype=np.int32))
    return load_farm(take_dirty(farm.farm), farm.now_us)


def threaded(busy: float, **fields: object) -> SmallFarm:
    """A farm of 16 cores where ten frames of a threadable layer that asks for four have kept so many busy."""
    return learnt(0.5, busy=busy, cores=400, threadable=True, **fields)


def test_more_is_reserved_where_frames_used_more() -> None:
    """After ten frames of 3 GiB the next get a tenth more than that, so that fewer share a host; `explain` says so."""
    farm = learnt(3)
    runs = farm.plan()
    assert {run.memory for run in runs} == {int(3.5 * GIB)}
    assert len(runs) == 4
    assert set(reasons(farm, farm.layer("one/render"))) == {"BUSY", "MEMORY_LEARNED"}


def test_never_less_is_reserved_than_was_asked() -> None:
    """Frames that use little go on getting what their layer asks for."""
    farm = learnt(0.5, memory_gib=2)
    assert {run.memory for run in farm.plan()} == {2 * GIB}


def test_nothing_is_learned_while_the_optimizer_is_off() -> None:
    """Whoever switches it off gets what the layer asks for, at once."""
    farm = learnt(3)
    farm.do(c.Change("layer", farm.layer("one/render").id, {"memory_optimizer": False}))
    assert {run.memory for run in farm.plan()} == {GIB}


def test_never_more_is_reserved_than_the_hosts_have_that_did_it() -> None:
    """A frame that used more than its host can reserve does not make the layer too big for every host."""
    farm = learnt(15.9)
    assert len(farm.plan()) == 1


def test_nothing_is_learned_from_more_than_a_machine_has() -> None:
    """Frames that are said to have used 40 GiB or 99 cores of a machine with 16 change nothing of what is reserved."""
    farm = learnt(40, cores=400, threadable=True, busy=99.0)
    assert {(run.memory, run.cores) for run in farm.plan()} == {(GIB, 400)}
    assert farm.layer("one/render").max_rss == 16 * GIB


def test_it_is_learned_anew_after_a_restart() -> None:
    """Nothing of it is stored, and the farm that is loaded has learned the same."""
    farm = learnt(3)
    layer = farm.layer("one/render")
    loaded = restarted(farm)
    assert loaded.layers[layer.id].reserved_memory == layer.reserved_memory == int(3.5 * GIB)


def test_less_is_reserved_where_the_service_allows_it() -> None:
    """Frames that use half a GiB get a tenth more than that once their service has the tag, and `explain` says why."""
    farm = learnt(0.5, memory_gib=4)
    allow_less(farm)
    farm.plan()
    assert farm.layer("one/render").reserved_memory == 4 * GIB  # until a frame has succeeded under the new tag
    succeed(farm, "one/render", 0.5)
    assert {run.memory for run in farm.plan()} == {int(0.75 * GIB)}
    (text,) = [
        r.text for r in explain_layer(farm.farm, farm.layer("one/render"), farm.now_us).reasons if "95 %" in r.text
    ]
    assert text == "asks for 4.0 GiB, 0.8 GiB reserved: 95 % of 13 frames used at most 0.5 GiB"


def test_what_was_asked_is_reserved_again_when_the_service_takes_it_back() -> None:
    """Whoever takes the tag off the service gets what the layers ask for, at once."""
    farm = learnt(0.5, memory_gib=2)
    allow_less(farm)
    farm.plan()
    succeed(farm, "one/render", 0.5)
    allow_less(farm, allow=False)
    assert {run.memory for run in farm.plan()} == {2 * GIB}


def test_the_first_service_with_a_record_speaks_for_the_layer() -> None:
    """The tag of another service that the layer names says nothing."""
    farm = learnt(0.5, memory_gib=2, services=("nuke", "default"))
    allow_less(farm)
    farm.plan()
    succeed(farm, "one/render", 0.5)
    assert {run.memory for run in farm.plan()} == {2 * GIB}


def test_the_tag_that_allows_less_is_asked_of_no_host() -> None:
    """A layer that takes its tags from its service takes all but this one."""
    farm = SmallFarm()
    farm.host()
    allow_less(farm)
    launch(farm, "testing", "one", layer_spec(tags=()))
    assert farm.layer("one/render").tags == ("general",)


def test_a_memory_failure_brings_back_what_was_asked_and_more() -> None:
    """A frame that got less than its layer asks for, and failed for it, is tried again with no less than that."""
    farm = learnt(0.5, memory_gib=4)
    allow_less(farm)
    farm.plan()
    succeed(farm, "one/render", 0.5)
    (run, *_) = farm.plan()
    farm.end(run, exit_status=33, max_rss=run.memory)
    assert farm.layer("one/render").reserved_memory == 4 * GIB


def test_more_cores_are_reserved_where_frames_kept_more_busy() -> None:
    """Frames that ask for four cores and keep 5.6 busy get six; `explain` says why."""
    farm = threaded(5.6)
    assert {run.cores for run in farm.plan()} == {600}
    (text,) = texts(farm, "CORES_LEARNED")
    assert text == "asks for 4 cores, 6 cores reserved: 95 % of 10 frames kept at most 5.6 cores busy"


def test_a_little_more_than_was_asked_is_no_further_core() -> None:
    """A quarter of a core over is what reading and writing files takes."""
    assert {run.cores for run in threaded(4.2).plan()} == {400}


def test_what_frames_do_with_learned_cores_teaches_nothing() -> None:
    """Frames that always keep more busy than they have do not get more and more."""
    farm = threaded(5.6)
    for _ in range(5):
        farm.plan()
        succeed(farm, "one/render", 0.5, busy=12)
    assert {run.cores for run in farm.plan()} == {600}


def test_fewer_cores_are_reserved_only_where_the_service_allows_it() -> None:
    """Frames that keep one core and a half of four busy get four, and two once their service has the tag."""
    farm = threaded(1.5)
    assert {run.cores for run in farm.plan()} == {400}
    allow_less(farm)
    succeed(farm, "one/render", 0.5, busy=1.5)
    assert {run.cores for run in farm.plan()} == {200}


def test_never_more_cores_are_learned_than_the_layer_the_job_and_the_host_have() -> None:
    """The layer's maximum, its job's, its group's and its show's burst bound what is learned, and so does the host."""
    assert {run.cores for run in threaded(9.0, max_cores=700).plan()} == {700}
    assert {run.cores for run in threaded(16.0).plan()} == {1_600}
    farm = threaded(9.0)
    farm.do(c.Change("job", farm.job("one").id, {"max_cores": 500}))
    assert {run.cores for run in farm.plan()} == {500}
    farm = threaded(9.0)
    farm.do(c.Change("group", farm.job("one").group_id, {"max_cores": 500}))
    assert {run.cores for run in farm.plan()} == {400}
    succeed(farm, "one/render", 0.5, busy=9.0)
    assert {run.cores for run in farm.plan()} == {500}


def test_no_cores_are_learned_of_layers_that_are_not_threadable() -> None:
    """A layer whose frames cannot use threads gets what it asks for."""
    assert {run.cores for run in learnt(0.5, busy=3.0, threadable=False).plan()} == {100}


def test_no_cores_are_learned_where_the_agent_tells_none() -> None:
    """Agents that report no processor time teach nothing."""
    assert {run.cores for run in threaded(0.0).plan()} == {400}


def test_cores_are_learned_anew_after_a_restart() -> None:
    """What frames kept busy is stored with them."""
    farm = threaded(5.6)
    assert restarted(farm).layers[farm.layer("one/render").id].cores_per_frame == 600
