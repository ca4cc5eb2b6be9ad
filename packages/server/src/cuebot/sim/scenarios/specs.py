"""Job specifications of a scenario's jobs."""

from __future__ import annotations

from cuebot.domain.units import UNLIMITED
from cuebot.sim.scenarios.scenario import JobKind, LayerPlan
from cuebot.spec import DependSpec, JobSpec, LayerSpec, Spec
from cuebot.spec.model import DependType


def spec_for(kind: JobKind, show: str, number: int) -> Spec:
    """The submission of one job of a kind, the `number`-th of its show."""
    short_name = f"{kind.name}_{number:05d}"
    name = f"{show}-sh-ann_{short_name}"
    job = JobSpec(
        name=name,
        short_name=short_name,
        paused=False,
        priority=kind.priority,
        max_retries=0,
        max_cores=kind.max_cores,
        max_gpus=UNLIMITED,
        autoeat=False,
        os=None,
        env={},
        layers=tuple(_layer(plan) for plan in kind.layers),
    )
    return Spec(
        version=None,
        facility=None,
        show=show,
        shot="sh",
        user="ann",
        email=None,
        uid=1000,
        jobs=(job,),
        depends=tuple(depend for plan in kind.layers for depend in _depends(plan, name)),
        warnings=(),
    )


def _layer(plan: LayerPlan) -> LayerSpec:
    return LayerSpec(
        name=plan.name,
        type="RENDER",
        command="render #IFRAME#",
        range_text=f"1-{plan.frames}",
        chunk=1,
        frame_count=plan.frames,
        cores=plan.cores,
        max_cores=None,
        threadable=plan.cores == 0,
        memory_kib=plan.memory,
        gpus=plan.gpus,
        gpu_memory_kib=plan.gpu_memory,
        timeout_minutes=None,
        timeout_llu_minutes=None,
        max_retries=plan.retries,
        tags=plan.tags,
        limits=plan.limits,
        env={},
        services=(),
        outputs=(),
    )


def _depends(plan: LayerPlan, job: str) -> list[DependSpec]:
    layers = [_depend("LAYER_ON_LAYER", plan.name, other, job) for other in plan.after]
    return layers + [_depend("FRAME_BY_FRAME", plan.name, other, job) for other in plan.after_frames]


def _depend(type: DependType, er_layer: str, on_layer: str, job: str) -> DependSpec:
    return DependSpec(
        type=type,
        any_frame=False,
        on_failure=False,
        er_job=job,
        er_layer=er_layer,
        er_frame=None,
        on_job=job,
        on_layer=on_layer,
        on_frame=None,
    )
