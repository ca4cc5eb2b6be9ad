"""What frames on the farm take over from where their job was launched: the folder, and what is on its PATH."""

from __future__ import annotations

import os
from typing import Dict

FOLDER_VARIABLE = "CUE_LAUNCH_FOLDER"

_BASE_PATH = frozenset(("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""What every frame's PATH begins with anyhow."""


def launch_place() -> Dict[str, str]:
    """Return the variables of a job that say where it is launched.

    `CUE_LAUNCH_FOLDER` is the folder that frames work in on every host that has it. `PATH` are the folders on this
    process's own that a host does not have by itself; the agent appends them.
    """
    found = {FOLDER_VARIABLE: _folder(), "PATH": _own_path()}
    return {name: value for name, value in found.items() if value and value.isprintable()}


def _folder() -> str:
    """Return the working folder, by the name that the user came by: what it leads to may be called so only here."""
    try:
        folder = os.getcwd()
    except OSError:
        return ""  # it was deleted
    named = os.environ.get("PWD", "")
    try:
        return named if os.path.isabs(named) and os.path.samefile(named, folder) else folder
    except OSError:
        return folder


def _own_path() -> str:
    """Return the folders beyond the base, each once; a relative one means another elsewhere and is left out."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    wanted = [folder for folder in folders if os.path.isabs(folder) and folder not in _BASE_PATH]
    return ":".join(dict.fromkeys(folder for folder in wanted if folder.isprintable()))
