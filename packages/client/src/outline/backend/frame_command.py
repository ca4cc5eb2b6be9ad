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

    words: List[str] = []
    if layer.get_arg("strace"):
        log = os.path.join(layer.get_path(), "strace.log")
        words += ["strace", "-ttt", "-T", "-e", "open,openat,stat", "-f", "-o", log]
    words += shlex.split(layer.get_arg("wrapper") or config.get("outline", "frame_wrapper"))
    words += [config.get("outline", "frame_python") or sys.executable, os.path.abspath(outline.run.__file__)]
    words += [os.path.abspath(launcher.get_outline().get_path()), "-e", f"{frame}-{layer.get_name()}"]
    if launcher.get_flag("debug"):
        words.append("--debug")
    if launcher.get_flag("dev"):
        words.append("--dev")
    if launcher.get_flag("devuser"):
        words += ["--dev-user", launcher.get_flag("devuser")]
    return words
