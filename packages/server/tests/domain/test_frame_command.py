"""Commands and environments of frames."""

from __future__ import annotations

from typing import Any

from cuebot.domain.frame_command import expand_command, frame_environment, layer_environment


def expanded(command: str, **changes: Any) -> str:
    """Expand a command for frame 5 of a layer with chunks of four."""
    given: dict[str, Any] = {
        "frame_number": 5,
        "frame_name": "0005-comp",
        "layer": "comp",
        "job": "testing-default-testuser_shot",
        "chunk": 4,
        "chunk_frames": [5, 6, 7, 8],
    }
    return expand_command(command, **{**given, **changes})


def environment(**changes: Any) -> dict[str, str]:
    """Make the environment of one frame."""
    layer: dict[str, Any] = {
        "show": "testing",
        "shot": "default",
        "user": "testuser",
        "job": "testing-default-testuser_shot",
        "job_id": "job-id",
        "layer": "comp",
        "layer_id": "layer-id",
        "range_text": "1-10",
        "chunk": 4,
        "log_directory": "/logs",
        "gpu_memory_kib": 2048,
        "threadable": True,
        "job_variables": {},
        "layer_variables": {},
    }
    frame: dict[str, Any] = {
        "frame_name": "0005-comp",
        "frame_id": "frame-id",
        "frame_number": 5,
        "attempt": 2,
        "cores_centicores": 400,
        "memory_kib": 1024,
        "gpus": 1,
    }
    for name, value in changes.items():
        (frame if name in frame else layer)[name] = value
    return frame_environment(layer_environment(**layer), **frame)


def test_every_token_is_replaced() -> None:
    """All nine tokens stand for what they name."""
    command = "#ZFRAME# #IFRAME# #FRAME_START# #FRAME_END# #FRAME_CHUNK# #LAYER# #JOB# #FRAMESPEC# #FRAME#"
    assert expanded(command) == "0005 5 5 8 4 comp testing-default-testuser_shot 5-8 0005-comp"


def test_a_token_is_replaced_wherever_it_stands() -> None:
    """Tokens count inside words and more than once; what only looks like one is left."""
    assert expanded("a#IFRAME#b #IFRAME# #FRAME_STEP# $HOME") == "a5b 5 #FRAME_STEP# $HOME"


def test_a_frame_of_its_own_is_its_own_range() -> None:
    """Without chunks the range of a frame is its number."""
    assert expanded("#FRAMESPEC# #FRAME_END#", chunk=1, chunk_frames=[5]) == "5 5"


def test_negative_frames_are_padded() -> None:
    """A negative number keeps its sign within the four characters."""
    assert expanded("#ZFRAME#", frame_number=-5, chunk_frames=[-5]) == "-005"


def test_the_replacement_has_an_order() -> None:
    """A name that contains a token is expanded by later tokens only."""
    assert expanded("#LAYER#", layer="#IFRAME#-#JOB#", job="shot") == "#IFRAME#-shot"


def test_a_frame_knows_where_it_belongs() -> None:
    """The variables of OpenCue are all there, in its units."""
    assert environment() == {
        "CUE3": "1",
        "CUE_THREADS": "4",
        "CUE_MEMORY": "1024",
        "CUE_GPUS": "1",
        "CUE_GPU_MEMORY": "2048",
        "CUE_LOG_PATH": "/logs",
        "CUE_RANGE": "1-10",
        "CUE_CHUNK": "4",
        "CUE_IFRAME": "5",
        "CUE_LAYER": "comp",
        "CUE_JOB": "testing-default-testuser_shot",
        "CUE_FRAME": "0005-comp",
        "CUE_SHOW": "testing",
        "CUE_SHOT": "default",
        "CUE_USER": "testuser",
        "CUE_JOB_ID": "job-id",
        "CUE_LAYER_ID": "layer-id",
        "CUE_FRAME_ID": "frame-id",
        "CUE_ATTEMPT": "2",
        "CUE_THREADABLE": "1",
    }


def test_the_layer_overrides_the_job_and_the_farm_both() -> None:
    """The narrower environment wins, and nobody can pretend to be another frame."""
    made = environment(
        job_variables={"A": "job", "B": "job", "CUE_JOB": "forged"},
        layer_variables={"B": "layer", "CUE_FRAME_ID": "forged"},
    )
    assert (made["A"], made["B"]) == ("job", "layer")
    assert made["CUE_JOB"] == "testing-default-testuser_shot"
    assert made["CUE_FRAME_ID"] == "frame-id"


def test_a_part_of_a_core_is_one_thread() -> None:
    """A frame with less than a core still has one thread, and fractions are dropped."""
    assert environment(cores_centicores=50)["CUE_THREADS"] == "1"
    assert environment(cores_centicores=250)["CUE_THREADS"] == "2"
