"""A booking that does not hold is refused, and nothing of its plan is carried out."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import Refused
from cuebot.domain.states import LockState
from cuebot.domain.units import CoreUnits, KiB
from cuebot.sim.specs import job_spec


@pytest.fixture
def farm() -> SmallFarm:
    """A host of four cores, and a job of ten frames."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one"))
    return farm


def booking(farm: SmallFarm, index: int, **fields: Any) -> c.Booking:
    """A place for a frame of `one/render` on the host."""
    values: dict[str, Any] = {"cores": CoreUnits(100), "memory": KiB(1_048_576)} | fields
    return c.Booking(farm.layer("one/render").id, index, farm.farm.host_named("host0").id, **values)


def test_frames_of_a_plan_become_runs(farm: SmallFarm) -> None:
    """Each booking is a run with an id of its own, and the host has that much less."""
    farm.do(c.Book((booking(farm, 4), booking(farm, 1))))
    assert farm.states("one/render") == "WRWWRWWWWW"
    assert farm.farm.hosts_table.idle_cores[0] == 200
    assert len(farm.farm.procs) == 2


def test_a_frame_that_does_not_wait_is_not_booked(farm: SmallFarm) -> None:
    """A running frame is refused."""
    farm.do(c.Book((booking(farm, 0),)))
    with pytest.raises(Refused, match="0001-render is not waiting"):
        farm.do(c.Book((booking(farm, 0),)))


def test_a_host_cannot_give_more_than_it_has(farm: SmallFarm) -> None:
    """Cores and memory of a whole plan count together, and a refused plan books nothing."""
    with pytest.raises(Refused, match="has not what this plan takes"):
        farm.do(c.Book(tuple(booking(farm, index) for index in range(5))))
    with pytest.raises(Refused, match="has not what this plan takes"):
        farm.do(c.Book((booking(farm, 0, memory=KiB(17 * 1_048_576)),)))
    assert not farm.farm.procs


def test_a_locked_host_is_not_booked(farm: SmallFarm) -> None:
    """A host that takes nothing is refused by name."""
    farm.do(c.LockHost(farm.farm.host_named("host0").id, LockState.LOCKED))
    with pytest.raises(Refused, match="'host0' takes nothing now"):
        farm.do(c.Book((booking(farm, 0),)))
