"""The configuration of cuesubmit: `$CUESUBMIT_CONFIG_FILE`, else `cuesubmit.yaml` beside `opencue.yaml`."""

from __future__ import annotations

import os
from typing import Dict, Optional

from cue_cli.cueadmin.session import CommandError
from opencue.config import config_base_directory

KEYS = ("DEFAULT_SHOW", "BLENDER_RENDER_CMD", "MAYA_RENDER_CMD", "NUKE_RENDER_CMD", "HOUDINI_RENDER_CMD")
"""What is read here; other keys are those of programs with windows."""


def read() -> Dict[str, str]:
    """Return the settings that the file has.

    Raises:
        CommandError: the file was named and is not there, or cannot be used.
    """
    import yaml

    path = _path()
    if path is None:
        return {}
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f"the configuration {path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise CommandError(f"the configuration {path} is no map of keys and values")
    wrong = [key for key in KEYS if key in content and not isinstance(content[key], str)]
    if wrong:
        raise CommandError(f"{wrong[0]} in {path} has to be a text")
    return {key: content[key] for key in KEYS if content.get(key)}


def _path() -> Optional[str]:
    named = os.environ.get("CUESUBMIT_CONFIG_FILE")
    if named:
        return named
    usual = os.path.join(config_base_directory(), "cuesubmit.yaml")
    return usual if os.path.exists(usual) else None
