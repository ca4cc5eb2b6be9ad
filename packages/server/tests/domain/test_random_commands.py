"""Whatever people command in whatever order, the farm adds up, and its rows and its events tell the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_commands import COMMANDS, carry_out
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.apply import apply
from cuebot.domain.farm import Farm
from cuebot.engine.farm_rows import load_farm
from cuebot.sim.chaos.disk import Disk, compare_farms
from cuebot.sim.chaos.ground_truth import GroundTruth
from cuebot.sim.chaos.invariants import InvariantChecker
from cuebot.sim.chaos.random_specs import random_spec

pytestmark = pytest.mark.slow


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
