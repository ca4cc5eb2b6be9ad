"""How long names may be: those of jobs and layers become names of folders and files, which have a limit.

The server has the same rules. Here they are applied before a session is made and anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Sequence

from outline.constants import LayerType
from outline.exception import LayerException, OutlineException

FILE_NAME_BYTES = 255
"""What file systems allow."""

JOB_NAME_BYTES = 217
"""With show, shot and user; the folder of a job's logs has two dashes and the job's id, 38 bytes, after it."""

_LOG_NAME = "{job}.{frame}.rqlog.65535"
"""A frame's log, with the number that it gets when the frame runs again."""

_POST_JOB = "_post_job_9999999999999"
"""What stands behind the name of a job in that of the job of its Post layers."""


def job_name(show: str, shot: str, user: str, name: str) -> str:
    """Return the full name that the server gives to a job."""
    prefix = _prefix(show, shot, user)
    own = name.lower()
    if own.startswith(prefix + "_"):
        own = own[len(prefix) :]
    return f"{prefix}_{re.sub('_{2,}', '_', own).replace('-', '_').lstrip('_')}"


def check_job_name(outline: Any) -> None:
    """Raise an OutlineException if no folder could have the name of the outline's job."""
    full_name = job_name(outline.get_show(), outline.get_shot(), outline.get_user(), outline.get_name())
    _check_job_name(full_name)


def check_log_names(outline: Any, show: str, shot: str, user: str, layers: Sequence[Any]) -> None:
    """Raise an OutlineException or LayerException if frames of these layers could have no logs."""
    of_job = job_name(show, shot, user, outline.get_name())
    _check_job_name(of_job)
    for layer in layers:
        full_name = of_job
        if layer.get_type() == LayerType.POST:
            full_name = _prefix(show, shot, "monitor") + of_job[len(_prefix(show, shot, user)) :] + _POST_JOB
            _check_job_name(full_name)
        _check_log_name(full_name, layer)


def _prefix(show: str, shot: str, user: str) -> str:
    return f"{show}-{shot.replace('-', '_')}-{user.replace(' ', '_')}".lower().rstrip("_")


def _check_job_name(full_name: str) -> None:
    length = len(full_name.encode("utf-8", "replace"))
    if length > JOB_NAME_BYTES:
        raise OutlineException(
            f"the job name {_short(full_name)} has {length} bytes with show, shot and user: "
            f"at most {JOB_NAME_BYTES} are accepted"
        )


def _check_log_name(full_name: str, layer: Any) -> None:
    name = layer.get_name()
    frames = list(dict.fromkeys(layer.get_frame_set()))[:: layer.get_chunk_size()]
    frame = max(f"{min(frames):04d}", f"{max(frames):04d}", key=len) + f"-{name}"
    length = len(_LOG_NAME.format(job=full_name, frame=frame).encode("utf-8", "replace"))
    if length > FILE_NAME_BYTES:
        most = len(name.encode("utf-8", "replace")) - (length - FILE_NAME_BYTES)
        raise LayerException(
            f"the layer name {_short(name)} is too long beside the job name {_short(full_name)}: logs of its frames "
            f"would need file names of {length} bytes, and there are {FILE_NAME_BYTES}. At most {most} bytes are "
            "accepted for this layer, or shorten the name of the job"
        )


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:80] + "…")
