"""Runs outlines on this machine: for trying them out, and for small jobs without a farm.

Frames wait for each other as on the farm. A frame that fails is not run again, and what waits for it is not run.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List, Optional

from FileSequence import FrameSet
from opencue.wording import counted
from outline import util
from outline.backend.frame_command import wrapped_command
from outline.backend.local_run import LocalFrame, LocalRun
from outline.backend.local_waits import connect
from outline.command_line import replace_tokens, shell_text, token_values
from outline.config import config
from outline.constants import LayerType
from outline.exception import LayerException, OutlineException

__all__ = [
    "Dispatcher",
    "LocalFrameError",
    "LocalFramesFailed",
    "LocalJob",
    "build_command",
    "build_frame_range",
    "launch",
    "serialize",
    "serialize_simple",
]

Command = Callable[[Any, List[int]], Any]
"""Returns the command of a layer that runs these frames: words, or a line for a shell."""


class LocalFramesFailed(OutlineException):
    """Frames of a local run failed; `job` says which."""

    def __init__(self, job: LocalJob) -> None:
        super().__init__(job.summary())
        self.job = job


class LocalJob:
    """A job that ran on this machine."""

    def __init__(self, full_name: str, frames: List[LocalFrame]) -> None:
        self.__name = full_name
        self.frames = frames

    def name(self) -> str:
        """Return the name that the job would have on the farm."""
        return self.__name

    def frames_in(self, state: str) -> List[str]:
        """Return the names of the frames that are `SUCCEEDED`, `DEAD` or, never run, `DEPEND`."""
        return [frame.name for frame in self.frames if frame.state == state]

    def summary(self) -> str:
        """Return one line on how the job went."""
        dead, not_run = self.frames_in("DEAD"), self.frames_in("DEPEND")
        text = f"{len(self.frames_in('SUCCEEDED'))} of {counted(len(self.frames), 'frame')} succeeded"
        if dead:
            text += f", {len(dead)} failed ({_some(dead)})"
        if not_run:
            text += f", {len(not_run)} were not run because of those ({_some(not_run)})"
        return text


LocalFrameError = LocalFramesFailed
"""Its older name."""


class Dispatcher:
    """Runs an outline on this machine; `frames` are all that it runs, in the end each with its state."""

    def __init__(self, ol: Any, frames: Optional[List[LocalFrame]] = None) -> None:
        self.__outline = ol
        self.frames = _wrapped_frames(ol, _no_flag) if frames is None else frames

    def dispatch(self) -> LocalJob:
        """Run the frames, print what they print, and return how it went.

        Raises:
            LocalFramesFailed: a frame failed.
        """
        job = LocalJob(self.__outline.get_full_name(), self.frames)
        cores = config.getint("outline", "local_cores") or os.cpu_count() or 1
        post = [frame for frame in self.frames if frame.is_post]
        LocalRun([frame for frame in self.frames if not frame.is_post], cores).run()
        LocalRun(post, cores).run()
        if len(job.frames_in("SUCCEEDED")) < len(self.frames):
            raise LocalFramesFailed(job)
        sys.stdout.write(f"Job is done: {job.summary()}\n")
        return job


def launch(launcher: Any, use_pycuerun: bool = True) -> List[LocalJob]:
    """Run an outline here, print what its frames print, and return the list of its one job.

    Raises:
        LocalFramesFailed: a frame failed.
    """
    launcher.setup()
    dispatcher = serialize(launcher) if use_pycuerun else serialize_simple(launcher)
    return [dispatcher.dispatch()]


def serialize(launcher: Any) -> Dispatcher:
    """Return what runs the outline here, each frame with the command that executes its layer with Python."""
    outline = launcher.get_outline()
    return Dispatcher(outline, _wrapped_frames(outline, launcher.get_flag))


def serialize_simple(launcher: Any) -> Dispatcher:
    """Return what runs the outline here, each frame with its layer's own command."""
    outline = launcher.get_outline()
    job = outline.get_full_name()

    def command(layer: Any, frames: List[int]) -> Any:
        own = layer.get_arg("command")
        if not own:
            raise LayerException(
                f"layer {layer.get_name()} has no command, so it cannot be launched with use_pycuerun=False"
            )
        values = token_values(frames, layer.get_name(), job, layer.get_chunk_size())
        if os.name == "nt" and not isinstance(own, str):
            return [replace_tokens(str(word), values) for word in own]
        return replace_tokens(shell_text(own), values)

    return Dispatcher(outline, _frames(outline, command, in_job=True))


def build_frame_range(frame_range: Any, chunk_size: int) -> List[int]:
    """Return the numbers of the frames that a range is run as: of each chunk the first."""
    return util.disaggregate_frame_set(FrameSet(str(frame_range)))[:: max(chunk_size, 1)]


def build_command(ol: Any, layer: Any, frame: int) -> List[str]:
    """Return the words of the command that executes a frame of a layer with Python."""
    return wrapped_command(ol, layer, str(frame), _no_flag)


def _no_flag(_: str) -> None:
    """Say that the launch has no flags."""


def _wrapped_frames(outline: Any, flag: Callable[[str], Any]) -> List[LocalFrame]:
    def command(layer: Any, frames: List[int]) -> Any:
        return wrapped_command(outline, layer, str(frames[0]), flag)

    return _frames(outline, command, in_job=False)


def _frames(outline: Any, command: Command, in_job: bool) -> List[LocalFrame]:
    by_layer: Dict[int, List[LocalFrame]] = {}
    frames: List[LocalFrame] = []
    for order, layer in enumerate(outline.get_layers()):
        if layer.get_parent() is not None or layer.get_frame_range() is None:
            continue
        by_layer[id(layer)] = []
        numbers = util.disaggregate_frame_set(FrameSet(layer.get_frame_range()))
        chunk = layer.get_chunk_size()
        for index in range(0, len(numbers), chunk):
            covered = numbers[index : index + chunk]
            frame = LocalFrame(
                name=f"{covered[0]:04d}-{layer.get_name()}",
                numbers=covered,
                command=command(layer, covered),
                environment=_environment(outline, layer, covered, in_job),
                cores=float(layer.get_arg("cores") or layer.get_arg("threads") or 1),
                order=(index, order),
                is_post=layer.get_type() == LayerType.POST,
            )
            by_layer[id(layer)].append(frame)
            frames.append(frame)
    if not frames:
        raise OutlineException(f"the outline {outline.get_name()} has no layer to run: none has frames in the range")
    connect(outline, by_layer)
    return frames


def _environment(outline: Any, layer: Any, frames: List[int], in_job: bool) -> Dict[str, str]:
    """Return what the server would put into the environment of a frame."""
    env = {key: value for key, (value, pre) in outline.get_env().items() if pre or in_job}
    env.update(layer.get_envs())
    env.update(
        CUE3="1",
        CUE_CHUNK=str(layer.get_chunk_size()),
        CUE_FRAME=f"{frames[0]:04d}-{layer.get_name()}",
        CUE_IFRAME=str(frames[0]),
        CUE_JOB=outline.get_full_name(),
        CUE_LAYER=layer.get_name(),
        CUE_RANGE=layer.get_frame_range(),
        CUE_SHOT=outline.get_shot(),
        CUE_SHOW=outline.get_show(),
        CUE_THREADS=str(max(1, int(layer.get_arg("cores") or layer.get_arg("threads") or 1))),
        CUE_USER=outline.get_user(),
        PYTHONUNBUFFERED="1",  # so that lines are printed when they are written
        SHOT=outline.get_shot(),
        SHOW=outline.get_show(),
    )
    return env


def _some(names: List[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
