"""Whatever people command in whatever order, the farm adds up, and its rows and its events tell the same."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.apply import apply
from cuebot.domain.errors import FarmError
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.states import Cause, DependType
from cuebot.engine.rows import load_farm
from cuebot.sim.chaos.disk import Disk, compare_farms
from cuebot.sim.chaos.ground_truth import GroundTruth
from cuebot.sim.chaos.invariants import InvariantChecker
from cuebot.sim.chaos.random_specs import random_spec

pytestmark = pytest.mark.slow

COMMANDS = ("retry", "eat", "kill", "release", "done", "depend", "satisfy", "unsatisfy", "finish", "fail", "kill job")


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
        )
    elif what in ("satisfy", "unsatisfy") and depends:
        depend = rng.choice(depends)
        command = c.SatisfyDepends((depend,)) if what == "satisfy" else c.UnsatisfyDepend(depend)
    elif what == "kill job":
        command = c.KillJob(layer.job_id)
    else:
        kinds = {"retry": c.RetryFrames, "eat": c.EatFrames, "kill": c.KillFrames, "release": c.ReleaseFrames}
        command = c.MarkDone(frames, (layer.id,)) if what == "done" else kinds.get(what, c.RetryFrames)(frames)
    if command is not None:
        with contextlib.suppress(FarmError):
            farm.do(command)
    farm.plan()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(COMMANDS), max_size=25))
def test_random_commands_leave_a_farm_that_adds_up(seed: int, whats: list[str]) -> None:
    """`check` holds after every command, and a restart from rows or from events brings back the same farm."""
    rng = random.Random(seed)
    farm = SmallFarm()
    farm.host(cores=800)
    for number in range(2):
        farm.do(c.SubmitJobs(random_spec(rng, f"job{number}")))
    for what in whats:
        carry_out(farm, what, rng)
    folded, rows = Farm(), Disk(InvariantChecker(GroundTruth()))
    for batch in farm.batches:
        for recorded in batch.events:
            apply(folded, recorded.event, recorded.at_us)
        rows.merge(batch.rows)
    compare_farms("memory", farm.farm, "events", folded)
    compare_farms("rows", load_farm(rows.rows(), farm.now_us), "events", folded)
