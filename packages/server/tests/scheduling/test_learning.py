"""What is reserved for a layer whose frames need more memory than it asks for."""

from __future__ import annotations

from scheduling_farm import launch, reasons

from cuebot.domain import commands as c
from cuebot.domain.states import Cause
from cuebot.domain.units import KiB, Micros, frame_id
from cuebot.engine.rows import load_farm, take_dirty
from cuebot.sim.small_farm import GIB, SmallFarm
from cuebot.sim.specs import layer_spec


def succeed(farm: SmallFarm, path: str, rss_gib: float) -> None:
    """Every run of a layer ends well, having used so much memory."""
    layer = farm.layer(path)
    for run_id in list(layer.runs.values()):
        proc = farm.farm.procs[run_id]
        host, frame = farm.farm.hosts[proc.host_id].name, frame_id(proc.layer_id, proc.frame_index)
        rss = KiB(int(rss_gib * GIB))
        farm.do(c.ReportOutcome(host, run_id, frame, 0, 0, Cause.EXITED, Micros(1_000_000), rss))


def learnt(rss_gib: float, memory_gib: int = 1) -> SmallFarm:
    """A farm of 16 GiB where the first ten frames of a layer of forty have used so much memory."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    launch(farm, "testing", "one", layer_spec(range_text="1-40", memory_kib=memory_gib * GIB))
    while farm.layer("one/render").runs_succeeded < 10:
        farm.plan()
        succeed(farm, "one/render", rss_gib)
    return farm


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


def test_it_is_learned_anew_after_a_restart() -> None:
    """Nothing of it is stored, and the farm that is loaded has learned the same."""
    farm = learnt(3)
    farm.farm.dirty.rows.clear()
    for kind in ("facility", "allocation", "show", "group", "subscription", "service", "job", "layer", "host"):
        for id in farm.farm.table(kind):
            farm.farm.dirty.row(kind, id)
    layer = farm.layer("one/render")
    farm.farm.dirty.frames[layer.id].append(layer.frames.in_state(layer.frames.state[0]))
    loaded = load_farm(take_dirty(farm.farm), farm.now_us)
    assert loaded.layers[layer.id].reserved_memory == layer.reserved_memory == int(3.5 * GIB)
