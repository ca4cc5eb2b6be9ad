"""Eating gives frames up, marking done lets go what depends on them, and one action does both: by every client."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import main
from cuebot.domain import commands as c
from cuebot.sim.specs import depend_spec, job_spec, layer_spec

JOB = "testing-sh1-ann_one"


def failed(kind: str = "FRAME_BY_FRAME", **fields: object) -> SmallFarm:
    """A job of which the second of three frames of `sim` is dead or eaten, and `ren` depends on `sim`."""
    farm = SmallFarm()
    farm.host(cores=1_000)
    layers = (layer_spec("sim", "1-3"), layer_spec("ren", "1-3"))
    fields = {"max_retries": 0, **fields}
    farm.launch(job_spec("one", *layers, **fields), depends=[depend_spec(kind, "one/ren", "one/sim")])
    farm.plan()
    farm.finish("one/sim", 0, 2)
    farm.finish("one/sim", 1, exit_status=1)
    return farm


def the_frame() -> opencue.wrappers.frame.Frame:
    """The frame that failed."""
    return opencue.api.findFrame(JOB, "sim", 2)


def on_job(method: str) -> Callable[[], object]:
    """A call on frames of the job that are dead."""
    dead = [opencue.compiled_proto.job_pb2.DEAD]
    return lambda: getattr(opencue.api.findJob(JOB), method)(layer=["sim"], state=dead)


EATS: dict[str, Callable[[], object]] = {
    "cueadmin": lambda: main(["-force", "-eat-frames", JOB, "sim", "2"]),
    "frame": lambda: the_frame().eat(),
    "layer": lambda: opencue.api.findLayer(JOB, "sim").eatFrames(),
    "job": on_job("eatFrames"),
}
RELEASES: dict[str, Callable[[], object]] = {
    "cueadmin": lambda: main(["-force", "-markdone-frames", JOB, "sim", "2"]),
    "frame": lambda: the_frame().markAsDone(),
    "layer": lambda: opencue.api.findLayer(JOB, "sim").markdoneFrames(),
    "job": on_job("markdoneFrames"),
}
BOTH: dict[str, Callable[[], object]] = {
    "cueadmin": lambda: main(["-force", "-eat-frames", JOB, "sim", "2", "-markdone"]),
    "frame": lambda: the_frame().eatAndMarkAsDone(),
    "layer": lambda: opencue.api.findLayer(JOB, "sim").eatAndMarkdoneFrames(),
    "job": on_job("eatAndMarkdoneFrames"),
}
KINDS = ("FRAME_BY_FRAME", "LAYER_ON_LAYER")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", EATS)
def test_what_depends_on_an_eaten_frame_goes_on_waiting(client: str, kind: str) -> None:
    """Whoever eats it: the frame is given up, and what depends on it is held."""
    farm = failed(kind)
    with served(farm):
        EATS[client]()
    assert farm.states("one/sim") == "SES"
    assert farm.states("one/ren")[1] == "D"


@pytest.mark.parametrize("kind", KINDS)
def test_what_depends_on_a_frame_that_was_eaten_automatically_goes_on_waiting(kind: str) -> None:
    """A job that eats its failed frames holds what depends on them just so."""
    farm = failed(kind, autoeat=True)
    assert farm.states("one/sim") == "SES"
    assert farm.states("one/ren")[1] == "D"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", RELEASES)
def test_marking_done_lets_go_and_leaves_the_frames_as_they_are(client: str, kind: str) -> None:
    """What depends on the frame, or on its layer whose other frames are done, may run; the frame stays dead."""
    farm = failed(kind)
    with served(farm):
        RELEASES[client]()
    assert farm.states("one/sim") == "SXS"
    assert "D" not in farm.states("one/ren")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", BOTH)
def test_eating_and_marking_done_are_one_action(client: str, kind: str) -> None:
    """The frame is given up, and what depends on it may run."""
    farm = failed(kind)
    with served(farm):
        BOTH[client]()
    assert farm.states("one/sim") == "SES"
    assert "D" not in farm.states("one/ren")


def test_an_eaten_frame_can_be_marked_done_later() -> None:
    """The way out after an eat alone."""
    farm = failed("LAYER_ON_LAYER")
    with served(farm):
        EATS["cueadmin"]()
        RELEASES["cueadmin"]()
    assert "D" not in farm.states("one/ren")


def test_marking_one_frame_done_does_not_let_go_what_waits_for_its_whole_layer() -> None:
    """While other frames of the layer are not done, what waits for all of it waits on."""
    farm = SmallFarm()
    farm.launch(
        job_spec("one", layer_spec("sim", "1-3"), layer_spec("ren", "1-3")),
        depends=[depend_spec("LAYER_ON_LAYER", "one/ren", "one/sim")],
    )
    farm.do(c.MarkDone(farm.frames("one/sim", 1)))
    assert farm.states("one/ren") == "DDD"


def test_markdone_without_eating_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """-markdone beside a command that it says nothing about is no silence but a usage error."""
    with pytest.raises(SystemExit) as ended:
        main(["-retry", JOB, "-markdone"])
    assert ended.value.code == 2
    assert "-markdone-frames JOB LAYER RANGE" in capsys.readouterr().err
