"""Where a frame's log lies and what it is called: LOG_ROOT/SHOW/SHOT/logs/JOB--ID/JOB.FRAME.rqlog.

The agent makes the file, and shortens a name that is too long: `rqd/runner/log_name.py`.
"""

from __future__ import annotations

from typing import Final

LOG_SUFFIX: Final = ".rqlog"


def log_folder_name(job: str, job_id: str) -> str:
    """Return the name of the folder of a job's logs."""
    return f"{job}--{job_id}"


def log_file_name(job: str, frame: str) -> str:
    """Return the name of a frame's log."""
    return f"{job}.{frame}{LOG_SUFFIX}"


def log_folder(root: str, show: str, shot: str, job: str, job_id: str) -> str:
    """Return the folder of a job's logs, as every host must see it."""
    return f"{root}/{show}/{shot}/logs/{log_folder_name(job, job_id)}"
