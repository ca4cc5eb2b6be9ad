"""What `explain` says of one frame."""

from __future__ import annotations

import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.states import Cause, FrameState
from cuebot.domain.units import KiB
from cuebot.scheduling.explain.dead_frames import deaths
from cuebot.scheduling.explain.frame import FrameExplanation, explain_frame
from cuebot.sim.specs import depend_spec, job_spec, layer_spec
from cuebot.wire.advice import for_people


def explain(farm: SmallFarm, path: str, index: int) -> FrameExplanation:
    """All that is said of a frame."""
    return explain_frame(farm.farm, farm.layer(path), index, farm.now_us)


def two_layers(kind: str, on_chunk: int = 1, **fields: object) -> SmallFarm:
    """A job on a host of four cores, whose layer `comp` waits for its layer `beauty`."""
    farm = SmallFarm()
    farm.host()
    layers = (layer_spec("beauty", "1-6"), layer_spec("comp", "1-6", on_chunk))
    farm.launch(
        job_spec("one", *layers, max_retries=0), depends=[depend_spec(kind, "one/comp", "one/beauty", **fields)]
    )
    farm.plan()
    return farm


def test_a_frame_held_frame_by_frame_names_the_frames_that_it_waits_for() -> None:
    """A chunk waits for both of its frames by name and state, and for one alone once the other is done."""
    farm = two_layers("FRAME_BY_FRAME", on_chunk=2)
    farm.finish("one/beauty", 2)
    (reason,) = explain(farm, "one/comp", 1).reasons
    assert (reason.code, reason.count) == ("DEPEND_FRAME_BY_FRAME", 1)
    assert reason.text == "it waits for 0004-beauty (running on host0)"
    (reason,) = explain(farm, "one/comp", 2).reasons
    assert (reason.count, reason.text) == (2, "it waits for 0005-beauty (waiting), 0006-beauty (waiting)")
    farm.finish("one/beauty", 3, exit_status=1)
    root, reason = explain(farm, "one/comp", 1).reasons
    assert reason.text == "it waits for 0004-beauty (dead)"
    assert (root.code, root.text) == ("WAITS_FOR_DEAD", "waits for 1 dead frame of layer beauty")
    assert f"`cueadmin -retry-frames {farm.job('one').name} beauty 4`" in for_people(root.remedy)


def test_a_frame_held_by_a_layer_says_how_far_that_is() -> None:
    """Done and running frames of the other layer are counted; what is left is the count."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.finish("one/beauty", 0)
    (reason,) = explain(farm, "one/comp", 0).reasons
    assert (reason.code, reason.count, reason.counts) == ("DEPEND_LAYER_ON_LAYER", 5, "frames")
    assert reason.text == "it waits for layer beauty: 1 of 6 frames done, 3 running"


def test_a_frame_that_waits_for_one_frame_or_a_job_says_which() -> None:
    """Depends between jobs name the job; one on a frame says what that frame does."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("on", layer_spec("beauty", "1-2")))
    on_frame = depend_spec("FRAME_ON_FRAME", "er/comp", "on/beauty", er_frame=1, on_frame=2)
    on_job = depend_spec("LAYER_ON_JOB", "er/comp", "on")
    farm.launch(job_spec("er", layer_spec("comp", "1-2")), depends=[on_frame, on_job])
    farm.plan()
    texts = {reason.code: reason.text for reason in explain(farm, "er/comp", 0).reasons}
    job = farm.job("on").name
    assert texts == {
        "DEPEND_FRAME_ON_FRAME": f"it waits for frame 0002-beauty of {job} (running on host0)",
        "DEPEND_LAYER_ON_JOB": f"it waits for job {job}: 0 of 2 frames done, 2 running",
    }
    assert [reason.code for reason in explain(farm, "er/comp", 1).reasons] == ["DEPEND_LAYER_ON_JOB"]


def test_a_waiting_frame_knows_its_place_in_its_layers_order() -> None:
    """Behind five that wait as well; after it was put first, behind none."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-10")))
    farm.plan()
    explanation = explain(farm, "one/render", 9)
    assert (explanation.state, explanation.place) == (FrameState.WAITING, 5)
    assert [reason.code for reason in explanation.reasons] == ["BUSY", "BEHIND"]
    farm.do(c.ReorderFrames(farm.layer("one/render").id, (10,), "FIRST"))
    assert explain(farm, "one/render", 9).place == 0


def test_the_estimate_counts_the_frames_before_it() -> None:
    """Frames of 100 s on four cores: the tenth starts about 100 s after the sixth."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-14")))
    farm.plan()
    farm.wait(100)
    for index in range(4):
        farm.end(farm.run_of("one/render", index), run_s=100)
    farm.plan()
    first, fifth = explain(farm, "one/render", 8), explain(farm, "one/render", 12)
    assert first.starts_in_s is not None
    assert fifth.starts_in_s is not None
    assert (first.place, fifth.place, fifth.starts_in_s - first.starts_in_s) == (0, 4, 100)


def test_a_frame_that_failed_says_how_and_where_before_it_runs_again() -> None:
    """Its last exit status, its host and the retries that are allowed."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=2))
    farm.plan()
    farm.end(farm.run_of("one/render"), 33, max_rss=GIB)
    farm.layer("one/render").min_memory = KiB(GIB)  # as it was, before it got more
    retrying = next(reason for reason in explain(farm, "one/render", 0).reasons if reason.code == "RETRYING")
    assert (retrying.count, retrying.counts) == (1, "runs")
    assert retrying.text == (
        "it waits for another run (2 retries are allowed): its last run, on host0, ended with exit status 33 (it needed"
        " more memory than its host had)"
    )


@pytest.mark.parametrize("status", [33, 137])
def test_a_memory_status_of_a_frame_that_had_enough_is_not_taken_for_a_want_of_memory(status: int) -> None:
    """What it used and what is asked for stand in the text, and the way is to its log, not to more memory."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1", memory_kib=GIB // 4), max_retries=0))
    farm.plan()
    farm.end(farm.run_of("one/render"), status, max_rss=KiB(3 * 1024))
    reason = explain(farm, "one/render", 0).reasons[0]
    assert "used at most 3 MB, and its layer asks for 256 MB" in reason.text
    assert "-log" in for_people(reason.remedy)
    assert "-layer-memory" not in for_people(reason.remedy)
    (death,) = deaths(farm.farm, farm.layer("one/render"))
    assert (death.code, "-layer-memory" in for_people(death.first)) == ("FRAMES_DEAD", False)
    assert "used at most 3 MB" in death.text


@pytest.mark.parametrize("used", [0, GIB // 4 * 81 // 100])
def test_a_memory_status_is_believed_where_nearly_all_was_used_or_nothing_measured(used: int) -> None:
    """Then the way is to more memory."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1", memory_kib=GIB // 4), max_retries=0))
    farm.plan()
    farm.end(farm.run_of("one/render"), 1, max_rss=KiB(used))
    farm.layer("one/render").frames.exit_status[0] = 137
    (death,) = deaths(farm.farm, farm.layer("one/render"))
    assert (death.code, "-layer-memory" in for_people(death.first)) == ("FRAMES_OUT_OF_MEMORY", True)


def test_a_dead_frame_says_how_it_died_and_how_to_retry_it() -> None:
    """The last exit status, how many runs there were, and the command that retries it."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.finish("one/beauty", 1, exit_status=7)
    explanation = explain(farm, "one/beauty", 1)
    assert explanation.summary == "it is dead after 1 run: its last run, on host0, ended with exit status 7"
    assert for_people(explanation.reasons[0].remedy).endswith(
        f"`cueadmin -retry-frames {farm.job('one').name} beauty 2` runs it again"
    )


@pytest.mark.parametrize(("retries", "words"), [(0, "failed and has no retry"), (1, "failed too often")])
def test_frames_that_may_not_be_retried_did_not_fail_too_often(retries: int, words: str) -> None:
    """Of a frame that has no retries at all it is said so."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=retries))
    while farm.states("one/render") != "X":
        farm.wait(3_600)  # another try on the same host
        farm.report()
        farm.plan()
        farm.finish("one/render", exit_status=1)
    (death,) = deaths(farm.farm, farm.layer("one/render"))
    assert death.text.startswith(words)


@pytest.mark.parametrize("status", [9, 15, 143])
def test_a_frame_that_wrote_nothing_for_too_long_says_so_with_the_way_to_more_time(status: int) -> None:
    """Whatever it exits with when it is told to end; one that ended in less time, or otherwise, failed."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1-3", timeout_llu_minutes=1), max_retries=5))
    farm.plan()
    farm.wait(70)
    farm.end(farm.run_of("one/render", 0), status, cause=Cause.SILENT, run_s=70)
    reason = explain(farm, "one/render", 0).reasons[0]
    assert reason.text.endswith("; it wrote nothing to its log for the 1 minute that the layer allows")
    job = farm.job("one").name
    assert for_people(reason.remedy) == (
        f"`cueadmin -layer-timeout-llu {job} render 2` gives more time, then `cueadmin -retry-frames {job} render 1`"
        " runs it again"
    )


def test_a_running_frame_says_where_with_what_and_how_long_it_may_take() -> None:
    """Host, cores, memory and time, and the average once frames of the layer have ended."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.farm.procs[farm.run_of("one/beauty", 0).id].launched = True
    farm.wait(29)
    farm.report(runs=list(farm.farm.procs.values()))
    farm.wait(1)
    text = explain(farm, "one/beauty", 0).summary
    assert text.startswith("it runs on host0 with 1 core and 1.0 GB for 30 s")
    farm.end(farm.run_of("one/beauty", 1), run_s=20)
    assert explain(farm, "one/beauty", 0).summary.endswith("frames of this layer took 20 s on average")
    farm.do(c.KillProcs((farm.run_of("one/beauty", 0).id,), "too slow"))
    assert explain(farm, "one/beauty", 0).summary.endswith("it is being ended: too slow")


def test_a_frame_that_is_booked_and_not_confirmed_says_so() -> None:
    """Until its agent has said that it has it, a run is a booking."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.farm.procs[farm.run_of("one/beauty", 0).id].launched = False
    assert explain(farm, "one/beauty", 0).summary.endswith("the agent there has not confirmed it yet")


def test_a_run_that_its_host_does_not_report_says_when_it_is_given_up() -> None:
    """From the first report without it on, with the time that is left; nothing is said of a run there."""
    farm = two_layers("LAYER_ON_LAYER")
    run = farm.run_of("one/beauty", 0)
    run.launched = True
    farm.wait(20)
    assert explain(farm, "one/beauty", 0).summary.startswith("it runs on host0")
    farm.report()
    (reason,) = explain(farm, "one/beauty", 0).reasons
    assert (reason.code, reason.text) == (
        "NOT_REPORTED", "host0 does not report it; given up in 40 s, and it waits again then"
    )  # fmt: skip
    farm.report("host0", [run])
    assert explain(farm, "one/beauty", 0).summary.startswith("it runs on host0")


def test_a_frame_that_runs_says_whether_it_would_be_tried_again() -> None:
    """The retries that are left, or that it would be dead."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec(range_text="1"), max_retries=1))
    farm.plan()
    left = explain(farm, "one/render", 0).reasons[1]
    assert (left.code, left.count, left.text) == (
        "RETRIES_LEFT", 1, "should it fail it is tried again (1 retry is left)"
    )  # fmt: skip
    farm.end(farm.run_of("one/render"), 1)
    farm.wait(3_600)
    farm.report()
    farm.plan()
    left = explain(farm, "one/render", 0).reasons[1]
    assert (left.count, left.text) == (0, "should it fail it is dead (0 retries are left)")


def test_a_frame_that_is_over_says_so() -> None:
    """Done: where and for how long. Eaten: that it counts as done and satisfies nothing."""
    farm = two_layers("LAYER_ON_LAYER")
    farm.wait(10)
    farm.finish("one/beauty", 0)
    assert explain(farm, "one/beauty", 0).summary == "it is done; it ran on host0 for 10 s"
    farm.do(c.EatFrames(farm.frames("one/beauty", 5), ""))
    assert explain(farm, "one/beauty", 5).reasons[0].code == "EATEN"
