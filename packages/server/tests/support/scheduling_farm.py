"""Farms with several shows, hosts and groups in a few words."""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.silence import Silence
from cuebot.domain.units import Micros
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import job_spec
from cuebot.spec import LayerSpec


def cores_of(farm: SmallFarm, job: Job) -> float:
    """Cores that a job holds."""
    return farm.farm.jobs[job.id].reserved_cores / 100


def add_show(farm: SmallFarm, name: str, size: int, burst: int = 1_000_000) -> str:
    """A show with a subscription to the seed's allocation, in core units. Returns its id."""
    show_id: str = farm.do(c.CreateShow(name))
    (allocation,) = farm.farm.allocations.values()
    farm.do(c.CreateSubscription(show_id, allocation.id, size, burst))
    return show_id


def launch(farm: SmallFarm, show: str, name: str, *layers: LayerSpec, **fields: object) -> Job:
    """A job of a show; with one layer of ten frames of a core unless said otherwise."""
    spec = job_spec(name, *layers, **fields)
    (job,) = farm.launch(spec, show=show)
    return job


def reasons(farm: SmallFarm, layer: Layer) -> dict[str, int]:
    """Codes and counts of what a layer waits for, where no host is silent."""
    heard = Silence(awake_us=Micros(farm.now_us))
    return {reason.code: reason.count for reason in explain_layer(farm.farm, layer, farm.now_us, silence=heard).reasons}


def end_all(farm: SmallFarm, job: Job, *, exit_status: int = 0, run_s: float = 1) -> None:
    """Every run of a job ends."""
    for layer in farm.farm.layers_of(farm.farm.jobs[job.id]):
        for run_id in list(layer.runs.values()):
            farm.end(farm.farm.procs[run_id], exit_status, run_s=run_s)
