"""Outline: describe a job as layers of frames in Python, and launch it on the farm.

    import outline
    from outline.modules.shell import Shell

    ol = outline.Outline("hello", frame_range="1-5")
    ol.add_layer(Shell("greet", command=["echo", "frame #IFRAME#"]))
    outline.cuerun.launch(ol)

Importing it contacts no server. Modules that a frame on the farm does not need are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from outline import constants, depend, event, exception, io, layer, loader, session, util  # noqa: F401
from outline.config import config
from outline.exception import (
    FailImmediately,
    FileSpecException,
    LayerException,
    OutlineException,
    SessionException,
    ShellCommandFailureException,
)
from outline.layer import (
    Composite,
    Frame,
    Layer,
    LayerPostProcess,
    LayerPreProcess,
    OutlinePostCommand,
    PostCommand,
    PostFrame,
    PostProcess,
    PreProcess,
)
from outline.loader import Outline, current_outline, load_json, load_outline, parse_outline_script
from outline.plugins import PluginManager
from outline.session import Session, is_session_path

__all__ = [
    "Composite",
    "FailImmediately",
    "FileSpecException",
    "Frame",
    "Layer",
    "LayerException",
    "LayerPostProcess",
    "LayerPreProcess",
    "Outline",
    "OutlineException",
    "OutlinePostCommand",
    "PluginManager",
    "PostCommand",
    "PostFrame",
    "PostProcess",
    "PreProcess",
    "Session",
    "SessionException",
    "ShellCommandFailureException",
    "TaskExecutor",
    "config",
    "cuerun",
    "current_outline",
    "io",
    "is_session_path",
    "load_json",
    "load_outline",
    "parse_outline_script",
]

_LATER = ("backend", "cuerun", "executor", "modules", "plugins", "scripts", "serialize", "versions")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"outline.{name}")
    if name == "TaskExecutor":
        return importlib.import_module("outline.executor").TaskExecutor
    raise AttributeError(f"module 'outline' has no attribute {name!r}")


PluginManager.load_all_plugins()
