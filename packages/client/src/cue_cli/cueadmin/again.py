"""What has frames run again, as the server's `Explain` knows it: their own retries, or somebody who opens their job."""

from __future__ import annotations

from cue_cli.cueadmin.selection import Selection
from opencue import api
from opencue.changed import Changed
from opencue.enums import FrameState
from opencue.exception import CueException
from opencue.wording import counted


def retriesLeft(frames: Selection) -> list[int]:
    """Return the retries that running frames have left, fewest first; none where the server does not tell."""
    try:
        running = frames.job.getFrames(state=[FrameState.RUNNING], **frames.options)
        if not running:
            return []
        reasons = api.explain(frames.job.id(), frames.layer.name(), running[0].number()).frame.reasons
    except CueException:
        return []
    left = next((reason.count for reason in reasons if reason.code == "RETRIES_LEFT"), None)
    if left is None:
        return []
    most = left + running[0].retries()  # which all frames of a layer share
    return sorted(max(most - frame.retries(), 0) for frame in running)


def triedAgain(killed: Changed, left: list[int]) -> str:
    """Return what becomes of frames that are killed, where they are tried again."""
    if not killed or not left or not left[-1] or len(left) != killed:
        return ""
    if not left[0]:
        again = sum(bool(number) for number in left)
        return f"; {again} of them {'is' if again == 1 else 'are'} tried again; -eat-frames gives them up"
    fewest, most = left[0] - 1, left[-1] - 1  # this kill is charged
    number = counted(most, "retry", "retries") if most else "no retry"
    number = f"{fewest} to {most} retries" if fewest < most else number
    they, them = ("it is", "it") if killed == 1 else ("they are", "them")
    return f"; {they} tried again (after that: {number} left); -eat-frames gives {them} up"


def opensAgain(job_id: str) -> str:
    """Return the way to open a job that was killed again, as it goes on in a sentence; empty of any other job."""
    try:
        answer = api.explain(job_id)
    except CueException:
        return ""
    ways = [reason.remedy for layer in answer.layers for reason in layer.reasons if reason.code == "JOB_FINISHED"]
    return f"; it was killed: {' or '.join(way for way in ways if way)}" if any(ways) else ""
