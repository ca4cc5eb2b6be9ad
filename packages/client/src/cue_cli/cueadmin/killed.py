"""Frames that are dead because somebody killed them: the server's books have their exit status, its records who did it.

What `Explain` says of them is put right by the records: nothing of theirs is to be mended.
"""

from __future__ import annotations

import re
from typing import Any

from opencue.causes import killedText
from opencue.wording import counted

CUT = "…"
"""At the end of a range of frames that the server has cut."""


def tellKilledFrame(answer: Any, runs: list[Any]) -> bool:
    """Say of an explained frame that is dead that it was killed, where its last run says so."""
    frame = answer.frame
    if frame.state != "DEAD" or not runs or runs[0].cause != "KILLED":
        return False
    run = runs[0]
    for reason in frame.reasons:
        if reason.code == "DEAD":
            tries = f" after {counted(reason.count, 'run')}" if reason.count else ""
            where = f", on {run.host_name}," if run.host_name else ""
            reason.text = f"it is dead{tries}: its last run{where} {killedText(run)}"
            job = _job_word(reason.remedy, run.job_name)
            reason.remedy = f"{_retry(job, run.layer_name, str(run.number))} runs it again"
            frame.summary = answer.summary = reason.text
    return True


def tellKilledFrames(answer: Any, failures: list[Any]) -> None:
    """Say of the dead frames of each explained layer that they were killed, where all of them were."""
    for layer in answer.layers:
        dead = [failure for failure in failures if failure.layer_id == layer.layer_id and failure.state == "DEAD"]
        killed = [failure for failure in dead if failure.cause == "KILLED"]
        reasons = [reason for reason in layer.reasons if reason.code.startswith("FRAMES_")]
        if len(reasons) != 1 or len(killed) != len(dead) or sum(one.frames for one in killed) != reasons[0].count:
            continue
        reason, them = reasons[0], "it" if reasons[0].count == 1 else "them"
        were, are = ("was", "is") if reason.count == 1 else ("were", "are")
        text = f"{counted(reason.count, 'frame')} {were} killed and {are} dead"
        if layer.summary == reason.text:
            layer.summary = text
        reason.text = text
        job = _job_word(reason.remedy, answer.job_name)
        reason.remedy = f"{_retry_all(job, layer.layer_name, killed)} runs {them} again"


def retryCommands(text: str) -> list[str]:
    """Return the commands in a text that have frames run again."""
    return re.findall(r"`(cueadmin -retry[^`]*)`", text)


def _job_word(remedy: str, name: str) -> str:
    """Return what the server calls a job in its commands: its name, or its id where another job has that name."""
    named = re.search(r"`cueadmin -retry(?:-frames)? ([^ `]+)", remedy)
    return named[1] if named else name


def _retry_all(job: str, layer: str, killed: list[Any]) -> str:
    frames = ",".join(failure.frame_range for failure in killed)
    return f"`cueadmin -retry {job}`" if CUT in frames else _retry(job, layer, frames)


def _retry(job: str, layer: str, frames: str) -> str:
    return f"`cueadmin -retry-frames {job} {layer} {frames}`"
