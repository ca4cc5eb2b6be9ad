"""The demo's job as an outline: its layers, what waits for what, and that its frames run from a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import outline
from cuebot.demo import __main__ as driver
from cuebot.demo import pipeline


def build(tmp_path: Path, **options: Any) -> outline.Outline:
    """Build the job for two tiny frames."""
    options = {"show": "testing", "shot": "tiny", "user": "ann", "samples": 2, **options}
    return pipeline.build("1-2", (64, 36), tmp_path / "out", **options)


def depends(job: outline.Outline, name: str) -> set[tuple[str, str]]:
    """Return what a layer waits for, and how."""
    return {
        (depend.get_depend_on_layer().get_name(), depend.get_type()) for depend in job.get_layer(name).get_depends()
    }


def test_layers_wait_as_the_pipeline_says(tmp_path: Path) -> None:
    """Beauty waits for prep, comp and check go frame by frame, and the movie waits for all of both."""
    job = build(tmp_path)
    assert [layer.get_name() for layer in job.get_layers()] == ["prep", "beauty", "comp", "check", "movie"]
    assert depends(job, "prep") == set()
    assert depends(job, "beauty") == {("prep", "LAYER_ON_LAYER")}
    assert depends(job, "comp") == {("beauty", "FRAME_BY_FRAME")}
    assert depends(job, "check") == {("comp", "FRAME_BY_FRAME")}
    assert depends(job, "movie") == {("comp", "LAYER_ON_LAYER"), ("check", "LAYER_ON_LAYER")}


def test_job_fits_a_small_machine(tmp_path: Path) -> None:
    """No frame asks for more than a core and half a gigabyte."""
    for layer in build(tmp_path).get_layers():
        assert layer.get_arg("cores") <= 1
        assert layer.get_arg("memory") in ("256m", "512m")


def test_frames_run_from_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stored and loaded again as on the farm, every layer's frames run, and the movie is there in the end."""
    outline.config.set("outline", "session_dir", str(tmp_path / "sessions"))
    monkeypatch.setenv("CUE_THREADS", "1")
    job = build(tmp_path)
    job.setup()
    for layer, frames in (("prep", [1]), ("beauty", [1, 2]), ("comp", [1, 2]), ("check", [1, 2]), ("movie", [1])):
        for frame in frames:
            outline.cuerun.execute_frame(job.get_path(), layer, frame)
    assert (tmp_path / "out" / "testing_tiny.mp4").stat().st_size > 500
    assert (tmp_path / "out" / "testing_tiny_contact-sheet.png").stat().st_size > 500
    assert "check: frame 2 is good" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"break_frame": 9}, "frame 9 is to be broken, but is not one of the frames 1-2"),
        ({"samples": 3}, "3 light paths a pixel: it must be an even number"),
    ],
)
def test_senseless_settings_are_refused(tmp_path: Path, options: dict[str, int], words: str) -> None:
    """Settings that cannot work are refused before there is a job."""
    with pytest.raises(ValueError, match=words):
        build(tmp_path, **options)


def test_driver_runs_all_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a farm all steps run in order, each with what it took, and the movie's path comes last."""
    arguments = ["--frames", "1-2", "--size", "64x36", "--samples", "2", "--output", str(tmp_path)]
    assert driver.main(arguments) == 0
    printed = capsys.readouterr().out.splitlines()
    steps = [line.split()[0] for line in printed[:8]]
    assert steps == [
        "prep",
        *("0001-beauty", "0001-comp", "0001-check"),
        *("0002-beauty", "0002-comp", "0002-check"),
        "movie",
    ]
    assert (tmp_path / "testing_still_life.mp4").exists()


def test_driver_fails_for_a_broken_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken frame ends the run with status 1 and the check's words."""
    arguments = ["--frames", "1", "--size", "64x36", "--samples", "2", "--break-frame", "1", "--output", str(tmp_path)]
    assert driver.main(arguments) == 1
    assert "frame 1 is bad" in capsys.readouterr().err


def test_driver_explains_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A size that is none is refused with an example."""
    with pytest.raises(SystemExit):
        driver.main(["--size", "big", "--output", str(tmp_path)])
    assert "as in 320x180" in capsys.readouterr().err
