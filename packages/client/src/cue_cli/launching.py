"""What commands share that submit a job: the specification alone, and what is said of a job that was submitted."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any, Dict, List


def specification(launcher: Any) -> str:
    """Return what a launch would send; what it left on disk on the way is removed."""
    from outline.exception import SessionException

    try:
        return str(launcher.serialize(use_pycuerun=False))
    finally:
        with contextlib.suppress(SessionException):  # there is none yet
            session = launcher.get_outline().get_session().get_path()
            shutil.rmtree(session, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(session))  # the job's folder, unless other launches have sessions in it


def next_steps(job: Any, layer: str, frame: int) -> List[str]:
    """Return the lines that say how to follow a job and how to end it."""
    return [
        f"  how it goes:      cueadmin -lji {job.name()}",
        f"  why it waits:     cueadmin -explain {job.name()}   # or why it failed",
        f"  what it wrote:    cueadmin -log {job.name()} {layer} {frame}",
        f"  to end it:        cueadmin -kill {job.name()}",
        f"  logs of frames:   {job.logDir()}",
    ]


def record(job: Any) -> Dict[str, Any]:
    """Return a submitted job for programs."""
    return {
        "job_id": job.id(),
        "job": job.name(),
        "frames": job.totalFrames(),
        "priority": job.priority(),
        "log_dir": job.logDir(),
    }


def wait_for(job: Any, told: Any = None) -> None:
    """Wait until a job is over, and tell now and then how far it is, on stdout or the stream `told`.

    Raises:
        JobFailedException: frames are dead, and nothing else can go on.
        JobKilledException: somebody killed the job.
    """
    from outline.backend.cue import wait

    wait(job, lambda line: print(line, file=told, flush=True))
