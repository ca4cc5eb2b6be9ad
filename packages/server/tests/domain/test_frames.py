"""The columns of a layer's frames."""

from __future__ import annotations

from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.sim.specs import job_spec, layer_spec


def test_a_layer_starts_with_the_earliest_of_its_frames_latest_runs() -> None:
    """Nothing before the first run; then that one's booking, also when others come later; a retry begins anew."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec("render", "1-2")))
    frames = farm.layer("one/render").frames
    assert frames.first_start_us() == 0
    farm.host(cores=100)
    farm.plan()
    first_us = farm.run_of("one/render", 0).booked_us
    farm.wait(60)
    farm.finish("one/render", 0)
    farm.plan()
    second_us = farm.run_of("one/render", 1).booked_us
    assert (frames.first_start_us(), second_us > first_us) == (first_us, True)
    farm.finish("one/render", 1)
    farm.do(c.RetryFrames(farm.frames("one/render", 0)))
    farm.plan()
    assert frames.first_start_us() == second_us


def test_frames_are_found_by_their_numbers_in_the_order_of_these() -> None:
    """Numbers that no frame has are left out, without a look at every frame for each."""
    farm = SmallFarm()
    farm.launch(job_spec("one", layer_spec("render", "10-13")))
    frames = farm.layer("one/render").frames
    assert frames.indices_of((13, 99, 10, 11)).tolist() == [3, 0, 1]
    assert frames.indices_of(range(1_000_000)).tolist() == [0, 1, 2, 3]
