"""Which job of a show comes first."""

from __future__ import annotations

from scheduling_farm import cores_of, launch
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.sim.specs import layer_spec

MANY = layer_spec(range_text="1-1000")


def group(farm: SmallFarm, name: str, **values: int) -> str:
    """A group of the show `testing`. Returns its id."""
    show = farm.farm.show_named("testing")
    id: str = farm.do(c.CreateGroup(name, show.root_group_id))
    farm.do(c.Change("group", id, values))
    return id


def test_the_higher_priority_comes_first_and_the_older_job_among_equals() -> None:
    """Priority decides, then age."""
    farm = SmallFarm()
    farm.host(cores=1_500)
    old, young = launch(farm, "testing", "old"), launch(farm, "testing", "young")
    urgent = launch(farm, "testing", "urgent", layer_spec(range_text="1-3"), priority=2)
    farm.plan()
    assert [cores_of(farm, job) for job in (urgent, old, young)] == [3, 10, 2]


def test_a_group_below_its_minimum_comes_before_a_higher_priority() -> None:
    """A department gets its minimum of cores first, and no more than that ahead of its turn."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    lighting = group(farm, "lighting", min_cores=300)
    launch(farm, "testing", "urgent", MANY, priority=40)
    light = launch(farm, "testing", "light", MANY)
    farm.do(c.MoveJob(light.id, lighting))
    farm.plan()
    assert cores_of(farm, light) == 3


def test_a_higher_tier_comes_even_before_a_minimum() -> None:
    """A job of the tier from 50 on does not wait for the minimum of a group in the tier below."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    lighting = group(farm, "lighting", min_cores=300)
    urgent = launch(farm, "testing", "urgent", MANY, priority=50)
    light = launch(farm, "testing", "light", MANY)
    farm.do(c.MoveJob(light.id, lighting))
    farm.plan()
    assert (cores_of(farm, urgent), cores_of(farm, light)) == (10, 0)


def test_a_job_at_its_maximum_books_again_when_a_run_of_it_ends() -> None:
    """A job that left the queues at its maximum comes back as soon as it holds less."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    job = launch(farm, "testing", "one", max_cores=200)
    farm.plan()
    assert farm.states("one/render") == "RRWWWWWWWW"
    farm.finish("one/render", 0)
    farm.plan()
    assert farm.states("one/render") == "SRRWWWWWWW"
    farm.do(c.Change("job", job.id, {"max_cores": -1}))
    farm.plan()
    assert farm.states("one/render") == "SRRRRRRRRR"


def test_frames_that_were_moved_to_the_front_run_first() -> None:
    """A new dispatch order of frames is what the next pass follows, also for frames that wait again."""
    farm = SmallFarm()
    farm.host(cores=200)
    launch(farm, "testing", "one")
    layer = farm.layer("one/render")
    farm.do(c.ReorderFrames(layer.id, (9, 10), "FIRST"))
    farm.plan()
    assert farm.states("one/render") == "WWWWWWWWRR"
    farm.finish("one/render", 8, exit_status=1)
    farm.plan()
    assert farm.states("one/render") == "WWWWWWWWRR"


def test_frames_that_are_moved_while_their_layer_runs_are_next() -> None:
    """A new dispatch order holds from the next pass on, although frames were booked by the old one before."""
    farm = SmallFarm()
    farm.host(cores=200)
    launch(farm, "testing", "one", MANY)
    farm.plan()
    farm.do(c.ReorderFrames(farm.layer("one/render").id, (999, 1_000), "FIRST"))
    farm.finish("one/render")
    farm.plan()
    assert sorted(farm.layer("one/render").runs) == [998, 999]
