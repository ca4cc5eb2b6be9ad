"""The command of a frame whose layer outline executes."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any, Callable, List

from outline.config import config


def wrapped_command(outline: Any, layer: Any, frame: str, flag: Callable[[str], Any]) -> List[str]:
    """Return the words of the command that executes a frame of a layer.

    `frame` is its number or a token for it, `flag` returns a flag of the launch.
    """
    from outline import run

    arguments: List[str] = []
    if layer.get_arg("strace"):
        log = os.path.join(layer.get_path(), "strace.log")
        arguments += ["strace", "-ttt", "-T", "-e", "open,openat,stat", "-f", "-o", log]
    arguments += shlex.split(layer.get_arg("wrapper") or config.get("outline", "frame_wrapper"))
    arguments += [config.get("outline", "frame_python") or sys.executable, os.path.abspath(run.__file__)]
    arguments += [os.path.abspath(outline.get_path()), "-e", f"{frame}-{layer.get_name()}"]
    if flag("debug"):
        arguments.append("--debug")
    if flag("dev"):
        arguments.append("--dev")
    if flag("devuser"):
        arguments += ["--dev-user", flag("devuser")]
    return arguments
