"""Launches outlines on the farm."""

from __future__ import annotations

import time
from typing import Any, List

from opencue.wording import counted
from outline.backend import watching
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

wait = watching.wait

Report = watching.Report


def launch(launcher: Any, use_pycuerun: bool = True) -> List[Any]:
    """Launch on the server, and return the list of jobs; the flags `wait` and `test` return when those are finished.

    Raises:
        OutlineException: with `test`, a frame failed; with `wait`, a job failed or was killed.
    """
    import opencue

    if launcher.get_flag("server"):
        opencue.Cuebot.setHosts([launcher.get_flag("server")])
    launcher.setup()
    spec = serialize(launcher) if use_pycuerun else serialize_simple(launcher)
    jobs = list(opencue.api.launchSpecAndWait(spec))
    report = launcher.get_flag("progress")
    if report is not None and (launcher.get_flag("test") or launcher.get_flag("wait")):
        for job in jobs:
            report(f"{job.name()} is submitted")
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
    return shell_text(wrapped_command(launcher.get_outline(), layer, "#IFRAME#", launcher.get_flag))


def _own_command(layer: Any) -> str:
    command = layer.get_arg("command")
    if not command:
        raise LayerException(
            f"layer {layer.get_name()} has no command, so it cannot be launched with use_pycuerun=False"
        )
    return shell_text(command)


def test(job: Any, report: Report = None) -> None:  # noqa: PT028 - a public name, no test function
    """Wait until a job is finished, and kill it in any case.

    Raises:
        OutlineException: a frame is dead or was eaten.
    """
    import opencue

    started = time.monotonic()
    pause_s = watching.POLL_SECONDS
    job.resume()
    try:
        while opencue.api.isJobPending(job.name()):
            current = _find(job)
            if current is None:
                break
            counts = watching.Counts.of(current)
            if counts.dead + counts.eaten > 0:
                eaten = counted(counts.eaten, "eaten frame")
                raise OutlineException(f"the test of {job.name()} failed: {counts.dead} dead and {eaten}")
            if report is not None:
                report(f"{job.name()}: {counts} ({watching.clock(time.monotonic() - started)})")
            time.sleep(pause_s)
            pause_s = min(pause_s * watching.POLL_GROWTH, watching.POLL_SECONDS_MAX)
    finally:
        job.kill()


def _find(job: Any) -> Any:
    """Return the job as it is now, or None if it was finished a moment ago."""
    import opencue

    try:
        return opencue.api.findJob(job.name())
    except opencue.exception.EntityNotFoundException:
        return None
