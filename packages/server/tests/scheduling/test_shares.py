"""Shares between shows."""

from __future__ import annotations

from scheduling_farm import add_show, cores_of, end_all, launch
from small_farm import SmallFarm

from cuebot.domain.units import MINUTE
from cuebot.sim.specs import layer_spec

MANY = layer_spec(range_text="1-1000")


def two_shows(sizes: tuple[int, int], **host: int) -> SmallFarm:
    """A farm with the shows `red` and `blue`, and a host."""
    farm = SmallFarm()
    add_show(farm, "red", sizes[0])
    add_show(farm, "blue", sizes[1])
    farm.host(**host)
    return farm


def test_shows_get_cores_in_proportion_to_their_sizes() -> None:
    """A show with three times the size gets three times the cores, whoever came first and whatever the priorities."""
    farm = two_shows((1_000, 3_000), cores=4_000, total_memory=64 << 20, free_memory=64 << 20)
    red, blue = launch(farm, "red", "red", MANY, priority=200), launch(farm, "blue", "blue", MANY)
    farm.plan()
    assert (cores_of(farm, red), cores_of(farm, blue)) == (10, 30)


def test_a_show_takes_what_no_other_show_wants() -> None:
    """A show may hold more than its size while nobody else waits."""
    farm = two_shows((100, 3_000), cores=1_000)
    red = launch(farm, "red", "red", MANY)
    farm.plan()
    assert cores_of(farm, red) == 10


def test_a_burst_is_never_exceeded_however_idle_the_farm() -> None:
    """The burst caps a show even where nobody else wants the cores."""
    farm = SmallFarm()
    add_show(farm, "red", 1_000, burst=300)
    farm.host(cores=1_000)
    red = launch(farm, "red", "red", MANY)
    farm.plan()
    assert cores_of(farm, red) == 3


def test_the_show_that_had_less_lately_comes_first() -> None:
    """Of two shows that hold nothing now, the one that had the farm in the last minutes waits for the other."""
    farm = two_shows((1_000, 1_000), cores=1_000)
    early = launch(farm, "red", "early", layer_spec(range_text="1-10"))
    farm.plan()
    farm.wait(20 * 60)
    red, blue = launch(farm, "red", "red", MANY), launch(farm, "blue", "blue", MANY)
    end_all(farm, early)
    farm.plan()
    assert cores_of(farm, blue) > cores_of(farm, red)


def test_what_a_show_had_long_ago_is_forgotten() -> None:
    """After many half-lives both shows count the same again."""
    farm = two_shows((1_000, 1_000), cores=1_000)
    early = launch(farm, "red", "early", layer_spec(range_text="1-10"))
    farm.plan()
    farm.wait(60)
    end_all(farm, early)
    farm.wait(10 * 3600)
    farm.report(cores=1_000)
    red, blue = launch(farm, "red", "red", MANY), launch(farm, "blue", "blue", MANY)
    farm.plan()
    assert (cores_of(farm, blue), cores_of(farm, red)) == (5, 5)


def test_the_average_follows_what_is_held() -> None:
    """After one half-life an average is half way to what has been held since."""
    farm = two_shows((1_000, 1_000), cores=1_000)
    launch(farm, "red", "red", MANY)
    farm.plan()
    subscription = next(s for s in farm.farm.subscriptions.values() if s.reserved_cores)
    now_us = subscription.average_us + 30 * MINUTE
    assert abs(subscription.held_lately(now_us) - 500) < 1
