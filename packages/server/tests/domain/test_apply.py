"""What the appliers count and note besides states: runs of a layer, jobs of a group."""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.units import SECOND
from cuebot.sim.specs import job_spec, layer_spec


def test_a_layer_knows_its_shortest_and_its_longest_run_that_succeeded() -> None:
    """Whichever of them comes first; what failed counts for neither."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-4"), max_retries=0))
    farm.plan()
    farm.wait(100)
    for index, (run_s, exit_status) in enumerate(((20, 0), (50, 0), (10, 0), (1, 1))):
        farm.end(farm.run_of("one/render", index), exit_status, run_s=run_s)
    layer = farm.layer("one/render")
    assert (layer.shortest_us, layer.longest_us) == (10 * SECOND, 50 * SECOND)


def test_a_job_that_was_moved_is_one_of_its_new_group_only() -> None:
    """What is said of all jobs of its old group is not said of it any more."""
    farm = SmallFarm()
    (job,) = farm.launch(job_spec("one"))
    old = job.group_id
    new = farm.do(c.CreateGroup("lighting", old))
    farm.do(c.MoveJob(job.id, new))
    assert (farm.farm.groups[old].job_ids, farm.farm.groups[new].job_ids) == (set(), {job.id})
