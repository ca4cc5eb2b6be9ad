"""The plan: which waiting frame runs on which host."""

from __future__ import annotations

from cuebot.domain import commands as c
from cuebot.sim.small_farm import SmallFarm
from cuebot.sim.specs import job_spec, layer_spec


def test_the_maximum_of_one_job_does_not_limit_another() -> None:
    """A job at its maximum leaves the rest of the farm to the next one."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    farm.launch(job_spec("one", max_cores=100, priority=9))
    farm.launch(job_spec("two"))
    farm.plan()
    assert farm.states("one/render") == "RWWWWWWWWW"
    assert farm.states("two/render") == "RRRRRRRRRW"


def test_jobs_of_a_group_share_its_maximum_within_one_pass() -> None:
    """What one job of a group takes in a pass is no longer there for the next one of it."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    one, two = farm.launch(job_spec("one", layer_spec(range_text="1-2"))), farm.launch(job_spec("two"))
    assert one[0].group_id == two[0].group_id
    farm.do(c.Change("group", one[0].group_id, {"max_cores": 500}))
    farm.plan()
    assert farm.states("one/render") + farm.states("two/render") == "RR" + "RRRWWWWWWW"


def test_a_layer_that_fits_nowhere_does_not_hide_another_behind_it() -> None:
    """Frames that come first but fit nowhere do not use up the budget of a pass."""
    farm = SmallFarm()
    farm.host(cores=400)
    huge = layer_spec("huge", "1-1000", memory_kib=999 * 1_048_576)
    farm.launch(job_spec("one", huge, layer_spec("small", "1-3")))
    farm.do(c.ReorderFrames(farm.layer("one/huge").id, tuple(range(1, 1001)), "FIRST"))
    farm.plan()
    assert farm.states("one/small") == "RRR"
