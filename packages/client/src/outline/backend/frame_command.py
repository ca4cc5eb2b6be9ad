"""The command of a frame whose layer outline executes."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any, List

from outline.config import config


def wrapped_command(launcher: Any, layer: Any, frame: str) -> List[str]:
    """Return the words of the command that executes a frame of a layer; `frame` is its number or a token for it."""
    import outline.run

    arguments: List[str] = []
    if layer.get_arg("strace"):
        log = os.path.join(layer.get_path(), "strace.log")
        arguments += ["strace", "-ttt", "-T", "-e", "open,openat,stat", "-f", "-o", log]
    arguments += shlex.split(layer.get_arg("wrapper") or config.get("outline", "frame_wrapper"))
    arguments += [config.get("outline", "frame_python") or sys.executable, os.path.abspath(outline.run.__file__)]
    arguments += [os.path.abspath(launcher.get_outline().get_path()), "-e", f"{frame}-{layer.get_name()}"]
    if launcher.get_flag("debug"):
        arguments.append("--debug")
    if launcher.get_flag("dev"):
        arguments.append("--dev")
    if launcher.get_flag("devuser"):
        arguments += ["--dev-user", launcher.get_flag("devuser")]
    return arguments
