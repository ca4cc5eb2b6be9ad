"""Launches outlines on the farm."""

from __future__ import annotations

import time
from typing import Any, Callable, List, Optional

from outline.backend.frame_command import wrapped_command
from outline.backend.spec import SpecWriter, bool_to_str, scrub_tags, sub_element
from outline.command_line import shell_text
from outline.exception import LayerException, OutlineException

__all__ = [
    "bool_to_str",
    "build_command",
    "launch",
    "scrub_tags",
    "serialize",
    "serialize_simple",
    "sub_element",
    "test",
    "wait",
]

POLL_SECONDS = 5.0
"""How often a waiting launch asks for the state of its job."""

Report = Optional[Callable[[str], None]]


def launch(launcher: Any, use_pycuerun: bool = True) -> List[Any]:
    """Launch on the server, and return the list of jobs; the flags `wait` and `test` return when those are finished.

    Raises:
        OutlineException: with `test`, a frame failed.
    """
    import opencue

    if launcher.get_flag("server"):
        opencue.Cuebot.setHosts([launcher.get_flag("server")])
    launcher.setup()
    spec = serialize(launcher) if use_pycuerun else serialize_simple(launcher)
    jobs = list(opencue.api.launchSpecAndWait(spec))
    report = launcher.get_flag("progress")
    for job in jobs:
        if launcher.get_flag("test"):
            test(job, report)
        elif launcher.get_flag("wait"):
            wait(job, report)
    return jobs


def serialize(launcher: Any) -> str:
    """Return the job specification whose frames execute layers with Python."""
    return SpecWriter(launcher, lambda layer: build_command(launcher, layer), env_in_job=False).write()


def serialize_simple(launcher: Any) -> str:
    """Return the job specification whose frames run the layers' commands directly."""
    return SpecWriter(launcher, _own_command, env_in_job=True).write()


def build_command(launcher: Any, layer: Any) -> str:
    """Return the command line that executes a frame of a layer."""
    return shell_text(wrapped_command(launcher, layer, "#IFRAME#"))


def _own_command(layer: Any) -> str:
    command = layer.get_arg("command")
    if not command:
        raise LayerException(
            f"layer {layer.get_name()} has no command, so it cannot be launched with use_pycuerun=False"
        )
    return shell_text(command)


def wait(job: Any, report: Report = None) -> None:
    """Wait until a job is no longer pending; `report` is given a line of progress now and then."""
    import opencue

    started = time.monotonic()
    while opencue.api.isJobPending(job.name()):
        current = _find(job)
        if report is not None and current is not None:
            report(_progress(current, time.monotonic() - started))
        time.sleep(POLL_SECONDS)


def test(job: Any, report: Report = None) -> None:  # noqa: PT028 - a public name, no test function
    """Wait until a job is finished, and kill it in any case.

    Raises:
        OutlineException: a frame is dead or was eaten.
    """
    import opencue

    started = time.monotonic()
    job.resume()
    try:
        while opencue.api.isJobPending(job.name()):
            current = _find(job)
            if current is None:
                break
            stats = current.data.job_stats
            if stats.dead_frames + stats.eaten_frames > 0:
                raise OutlineException(
                    f"the test of {job.name()} failed: {stats.dead_frames} dead and {stats.eaten_frames} eaten frames"
                )
            if report is not None:
                report(_progress(current, time.monotonic() - started))
            time.sleep(POLL_SECONDS)
    finally:
        job.kill()


def _find(job: Any) -> Any:
    """Return the job as it is now, or None if it was finished a moment ago."""
    import opencue

    try:
        return opencue.api.findJob(job.name())
    except opencue.exception.EntityNotFoundException:
        return None


def _progress(job: Any, elapsed_seconds: float) -> str:
    stats = job.data.job_stats
    done = stats.succeeded_frames + stats.eaten_frames
    minutes, seconds = divmod(int(elapsed_seconds), 60)
    return (
        f"{job.name()}: {done} of {stats.total_frames} frames done, {stats.running_frames} running, "
        f"{stats.waiting_frames + stats.depend_frames} waiting, {stats.dead_frames} dead ({minutes}:{seconds:02d})"
    )
