"""What a frame's command and environment become when the frame is launched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cuebot.domain.bounds import Bounds
from cuebot.domain.frame_set import compact, normalise, parse_frame_set
from cuebot.domain.names import frame_name

_NUMBER_CHARACTERS_MAX = 11
"""A sign and ten digits."""


def expand_command(
    command: str,
    *,
    frame_number: int,
    frame_name: str,
    layer: str,
    job: str,
    chunk: int,
    chunk_frames: Sequence[int],
) -> str:
    """Return the command with its `#TOKEN#`s replaced for one frame.

    `chunk_frames` are the frames that this frame renders, at least itself. The order of the replacements is OpenCue's
    and can be seen: a name that contains a token is expanded only by the tokens after it.
    """
    if "#" not in command:
        return command
    replacements = (
        ("#ZFRAME#", f"{frame_number:04d}"),
        ("#IFRAME#", str(frame_number)),
        ("#FRAME_START#", str(frame_number)),
        ("#FRAME_END#", str(chunk_frames[-1])),
        ("#FRAME_CHUNK#", str(chunk)),
        ("#LAYER#", layer),
        ("#JOB#", job),
        ("#FRAMESPEC#", compact(chunk_frames)),
        ("#FRAME#", frame_name),
    )
    for token, value in replacements:
        command = command.replace(token, value)
    return command


def expanded_bytes_max(
    command: str, *, frame_number: int, layer: str, job: str, chunk: int, range_text: str, bounds: Bounds
) -> int:
    """Return how many bytes the command of a frame of a layer has at most, once its tokens are replaced.

    `frame_number` is the one that takes the most characters.
    """
    if "#" not in command:
        return len(command.encode())
    expanded = expand_command(
        command,
        frame_number=frame_number,
        frame_name=frame_name(frame_number, layer),
        layer=layer,
        job=job,
        chunk=chunk,
        chunk_frames=[frame_number],
    )
    given = len(expanded.encode())
    count = command.count("#FRAMESPEC#") if chunk > 1 else 0
    ends = command.count("#FRAME_END#") * _NUMBER_CHARACTERS_MAX  # the last number of a chunk may be a longer one
    guess = given + ends + count * chunk * (_NUMBER_CHARACTERS_MAX + 1)
    if not count or guess <= bounds.argument_bytes:
        return guess
    return given + ends + count * _longest_frame_spec(range_text, chunk, bounds)


def _longest_frame_spec(range_text: str, chunk: int, bounds: Bounds) -> int:
    """Return how long the longest range is that `#FRAMESPEC#` becomes in a layer."""
    frames = normalise(parse_frame_set(range_text, bounds), 1).tolist()
    return max(len(compact(frames[start : start + chunk])) for start in range(0, len(frames), chunk))


def layer_environment(
    job_variables: Mapping[str, str],
    layer_variables: Mapping[str, str],
    *,
    show: str,
    shot: str,
    user: str,
    job: str,
    job_id: str,
    layer: str,
    layer_id: str,
    range_text: str,
    chunk: int,
    log_directory: str,
    gpu_memory_kib: int,
    threadable: bool,
) -> dict[str, str]:
    """Return the variables that all frames of a layer share: the job's, over them the layer's, over them `CUE_*`."""
    return {
        **job_variables,
        **layer_variables,
        "CUE3": "1",
        "CUE_GPU_MEMORY": str(gpu_memory_kib),
        "CUE_LOG_PATH": log_directory,
        "CUE_RANGE": range_text,
        "CUE_CHUNK": str(chunk),
        "CUE_LAYER": layer,
        "CUE_JOB": job,
        "CUE_SHOW": show,
        "CUE_SHOT": shot,
        "CUE_USER": user,
        "CUE_JOB_ID": job_id,
        "CUE_LAYER_ID": layer_id,
        "CUE_THREADABLE": "1" if threadable else "0",
    }


def frame_environment(
    of_layer: Mapping[str, str],
    *,
    frame_name: str,
    frame_id: str,
    frame_number: int,
    attempt: int,
    cores_centicores: int,
    memory_kib: int,
    gpus: int,
) -> dict[str, str]:
    """Return all variables that a frame is started with: those of its layer, and its own over them.

    Cores and memory are what the run has reserved, not what the layer asked for. `attempt` counts the frame's runs from
    1 and tells their logs apart.
    """
    return {
        **of_layer,
        "CUE_THREADS": str(max(1, cores_centicores // 100)),
        "CUE_MEMORY": str(memory_kib),
        "CUE_GPUS": str(gpus),
        "CUE_IFRAME": str(frame_number),
        "CUE_FRAME": frame_name,
        "CUE_FRAME_ID": frame_id,
        "CUE_ATTEMPT": str(attempt),
    }
