"""Random commands on random things of a small farm."""

from __future__ import annotations

import contextlib
import random

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import FarmError
from cuebot.domain.frames import as_indices
from cuebot.domain.states import Cause, CheckpointState, DependType

COMMANDS = (
    "retry", "eat", "kill", "release", "hold", "done", "depend", "satisfy", "unsatisfy", "finish", "fail", "kill job",
    "stagger", "checkpoint",
)  # fmt: skip


def carry_out(farm: SmallFarm, what: str, rng: random.Random) -> None:
    """Do one thing to a random target. A refusal is an answer, too."""
    layer, other = rng.choice(list(farm.farm.layers.values())), rng.choice(list(farm.farm.layers.values()))
    frames = {layer.id: as_indices(sorted(rng.sample(range(len(layer.frames)), rng.randint(1, len(layer.frames)))))}
    depends = list(farm.farm.depends)
    procs = list(farm.farm.procs.values())
    command: c.Command | None = None
    if what in ("finish", "fail") and procs:
        status = 0 if what == "finish" else rng.choice((1, 33, 256, 286))
        farm.end(rng.choice(procs), status, cause=rng.choice((Cause.EXITED, Cause.RUNNER_LOST)))
    elif what == "depend":
        command = c.AddDepend(
            rng.choice(list(DependType)),
            layer.job_id,
            other.job_id,
            er_layer=layer.id,
            er_frame=rng.randrange(len(layer.frames)),
            on_layer=other.id,
            on_frame=rng.randrange(len(other.frames)),
            on_failure=rng.random() < 0.3,
        )
    elif what in ("satisfy", "unsatisfy") and depends:
        depend = rng.choice(depends)
        command = c.SatisfyDepends((depend,)) if what == "satisfy" else c.UnsatisfyDepend(depend)
    elif what == "stagger":
        command = c.StaggerFrames(layer.id, tuple(range(1, len(layer.frames) + 1)), rng.randint(1, 4))
    elif what == "checkpoint":
        command = c.SetCheckpoint(layer.id, rng.randrange(len(layer.frames)), rng.choice(list(CheckpointState)))
    elif what == "kill job":
        command = c.KillJob(layer.job_id)
    else:
        kinds = {"eat": c.EatFrames, "kill": c.KillFrames, "release": c.ReleaseFrames, "hold": c.HoldFrames}
        command = c.MarkDone(frames, (layer.id,)) if what == "done" else kinds.get(what, c.RetryFrames)(frames)
    if command is not None:
        with contextlib.suppress(FarmError):
            farm.do(command)
    farm.plan()
