"""Job specifications at random: small jobs that want all that a job may want, and sometimes what no host has."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Final

from cuebot.sim.specs import depend_spec, job_spec, layer_spec, spec_of
from cuebot.spec import DependSpec, LayerSpec, Spec

GIB: Final = 1_048_576

LIMITS: Final = ("nuke", "houdini")
"""Names of limits that simulated farms have; the first counts frames at first, the second counts hosts."""
NO_LICENCE: Final = 97
"""With this exit status frames end that found no licence of the first."""


def random_spec(rng: random.Random, name: str, show: str = "testing") -> Spec:
    """One job of a few layers that wait for each other in a few ways."""
    fancy = rng.random() < 0.6
    layers = [_layer(rng, f"layer_{place}", fancy=fancy) for place in range(rng.randint(1, 4))]
    if rng.random() < 0.2:
        layers.append(layer_spec("clean", "1", type="POST"))
    depends = []
    for place in range(1, sum(layer.type != "POST" for layer in layers)):
        er, on = f"{name}/layer_{place}", f"{name}/layer_{rng.randrange(place)}"
        if rng.random() < 0.8:
            type = rng.choice(("LAYER_ON_LAYER", "FRAME_BY_FRAME", "FRAME_BY_FRAME", "PREVIOUS_FRAME"))
            any_frame = type == "LAYER_ON_LAYER" and rng.random() < 0.3
            depends.append(_of_show(depend_spec(type, er, on, any_frame=any_frame), show))
    job = job_spec(
        name,
        *layers,
        priority=rng.randint(1, 200),
        max_retries=rng.randint(0, 3),
        max_cores=rng.choice((None, None, 400, -1)),
        autoeat=rng.random() < 0.1,
        paused=rng.random() < 0.1,
        os=rng.choice((None, None, None, "Linux")),
    )
    return spec_of(replace(job, name=_in_show(job.name, show)), depends=depends, show=show)


def _layer(rng: random.Random, name: str, *, fancy: bool) -> LayerSpec:
    first = rng.randint(1, 5)
    range_text, chunk = f"{first}-{first + rng.choice((0, 2, 5, 9))}", rng.choice((1, 1, 1, 2, 3))
    asked: dict[str, Any] = {
        "cores": rng.choice((50, 100, 100, 200, 400, 0, -100)),
        "memory_kib": rng.choice((GIB // 2, GIB, 4 * GIB)),
        "max_retries": rng.choice((None, None, 0, 3)),
    }
    if fancy:
        asked.update(_fancy(rng))
    return layer_spec(name, range_text, chunk, **asked)


def _fancy(rng: random.Random) -> dict[str, Any]:
    """What not every layer asks for."""
    asked: dict[str, Any] = {}
    if rng.random() < 0.5:
        asked["limits"] = rng.choice(((LIMITS[0],), (LIMITS[1],), LIMITS, ("unknown",), (LIMITS[0], "unknown")))
    if rng.random() < 0.3:
        asked["gpus"] = rng.choice((0, 1, 1, 2))
        asked["gpu_memory_kib"] = rng.choice((0, 2 * GIB, 8 * GIB))
    if rng.random() < 0.3:
        asked["tags"] = rng.choice((("general", "desktop"), ("desktop",), ("Host1",), ("host0", "night"), None))
        asked["services"] = rng.choice(((), ("nuke",), ("night",), ("shell", "night")))
    if rng.random() < 0.15:
        asked["memory_kib"] = rng.choice((7 * GIB, 14 * GIB, 30 * GIB, 60 * GIB))
    if rng.random() < 0.5:
        asked["timeout_minutes"] = rng.choice((None, 3, 5, 20))
        asked["timeout_llu_minutes"] = rng.choice((None, 3, 3))
    if rng.random() < 0.05:
        asked["cores"] = rng.choice((800, 1_600, -300))
    return asked


def _of_show(depend: DependSpec, show: str) -> DependSpec:
    return replace(depend, er_job=_in_show(depend.er_job, show), on_job=_in_show(depend.on_job, show))


def _in_show(job_name: str, show: str) -> str:
    return show + job_name.removeprefix("testing")
