"""Job specifications for simulations and tests, from a few words or at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.frame_set import normalise, parse_frame_set
from cuebot.spec import DependSpec, JobSpec, LayerSpec, Spec

_LAYER = LayerSpec(
    name="render",
    type="RENDER",
    command="render #IFRAME#",
    range_text="1-10",
    chunk=1,
    frame_count=10,
    cores=100,
    max_cores=None,
    threadable=False,
    memory_kib=1_048_576,
    gpus=None,
    gpu_memory_kib=None,
    timeout_minutes=None,
    timeout_llu_minutes=None,
    max_retries=None,
    tags=("general",),
    limits=(),
    env={},
    services=(),
    outputs=(),
)
_JOB = JobSpec(
    name="testing-sh1-ann_one",
    short_name="one",
    paused=False,
    priority=1,
    max_retries=1,
    max_cores=None,
    max_gpus=None,
    autoeat=False,
    os=None,
    env={},
    layers=(_LAYER,),
)


def layer_spec(name: str = "render", range_text: str = "1-10", chunk: int = 1, **fields: Any) -> LayerSpec:
    """A layer that needs one core and 1 GiB unless said otherwise."""
    count = len(normalise(parse_frame_set(range_text, STORED_BOUNDS), chunk))
    return replace(_LAYER, name=name, range_text=range_text, chunk=chunk, frame_count=count, **fields)


def job_spec(name: str = "one", *layers: LayerSpec, **fields: Any) -> JobSpec:
    """A job of show `testing` by its short name; with one layer of ten frames unless said otherwise."""
    return replace(_JOB, name=full_name(name), short_name=name, layers=layers or (_LAYER,), **fields)


def spec_of(*jobs: JobSpec, depends: Sequence[DependSpec] = (), **fields: Any) -> Spec:
    """A submission to show `testing`."""
    spec = Spec(
        version="1.15",
        facility=None,
        show="testing",
        shot="sh1",
        user="ann",
        email=None,
        uid=1000,
        jobs=jobs,
        depends=tuple(depends),
        warnings=(),
    )
    return replace(spec, **fields)


def depend_spec(
    type: Any,
    er: str,
    on: str,
    *,
    er_frame: int | None = None,
    on_frame: int | None = None,
    any_frame: bool = False,
    on_failure: bool = False,
) -> DependSpec:
    """A depend between `job/layer` and `job/layer`, or `job` where the type means a whole job; frames by number."""
    er_job, _, er_layer = er.partition("/")
    on_job, _, on_layer = on.partition("/")
    return DependSpec(
        type=type,
        any_frame=any_frame,
        on_failure=on_failure,
        er_job=full_name(er_job),
        er_layer=er_layer or None,
        er_frame=er_frame,
        on_job=full_name(on_job),
        on_layer=on_layer or None,
        on_frame=on_frame,
    )


def full_name(short_name: str) -> str:
    """The full name of a job of show `testing`."""
    return f"testing-sh1-ann_{short_name}"
