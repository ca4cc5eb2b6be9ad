"""Modules: layer classes for applications.

Folders that the variables `OUTLINE_MODULES_PATHS` and `CUE_MODULE_PATHS` list (separated as in `PATH`) are searched
first, so that a studio can add modules and override those that come with outline.
"""

from __future__ import annotations

import os


def add_paths(folders: str) -> None:
    """Search a list of folders, written as in `PATH`, before the others."""
    new = [folder for folder in folders.split(os.pathsep) if folder and folder not in __path__]
    __path__[0:0] = new


add_paths(os.environ.get("CUE_MODULE_PATHS", ""))
add_paths(os.environ.get("OUTLINE_MODULES_PATHS", ""))
