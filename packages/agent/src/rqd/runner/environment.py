"""The environment of a frame: made from nothing, so that nothing of the agent's own leaks into it.

`CUE_FRAME` and the like come with the launch, from the server's `domain/frame_command.py`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from typing import Any

from rqd.platform import RUN_ID_VARIABLE

BASE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

# Language and time zone of the host are facts that frames need; nothing else of the agent's environment is passed on.
_HOST_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")


def frame_environment(launch: Mapping[str, Any], host_name: str, log_path: str, home: str) -> dict[str, str]:
    """Everything that a frame's process finds in its environment.

    The request's variables win over the base, except PATH, which is appended, and the run's id, which is how the agent
    recognises its processes.
    """
    frame_name = launch["frame_name"]
    environment = {name: os.environ[name] for name in _HOST_VARIABLES if name in os.environ}
    environment.update(
        PATH=BASE_PATH,
        HOME=home,
        USER=launch["user_name"],
        LOGNAME=launch["user_name"],
        TERM="unknown",
        mcp="1",
        show=launch["show"],
        shot=launch["shot"],
        jobid=launch["job_name"],
        jobhost=host_name,
        frame=frame_name,
        zframe=frame_name,
        logfile=log_path,
        maxframetime="0",
        minspace="200",
        CUE3="1",
        CUE_THREADS=str(max(1, launch["core_units"] // 100)),
        SP_NOMYCSHRC="1",
    )
    asked: Mapping[str, str] = launch["environment"]
    environment.update((name, value) for name, value in asked.items() if name != "PATH")
    if asked.get("PATH"):
        environment["PATH"] += ":" + asked["PATH"]
    environment[RUN_ID_VARIABLE] = launch["run_id"]
    return environment


def own_home() -> str:
    """The home folder of the user that the agent runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"
