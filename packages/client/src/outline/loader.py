"""Outlines from files: outline scripts, stored outlines, JSON."""

from __future__ import annotations

import importlib
import os
from typing import Any, Optional

from outline.definition import Outline
from outline.exception import OutlineException
from outline.session import is_session_path

__all__ = ["Outline", "current_outline", "load_json", "load_outline", "parse_outline_script", "quick_outline"]


def load_outline(path: str) -> Outline:
    """Return the outline of a script, or a stored one (`.yaml`), and make it the current one.

    Where the file lies in a session, the outline is attached to that.

    Raises:
        OutlineException: there is no such file, or it holds no outline.
    """
    if not os.path.isfile(path):
        raise OutlineException(f"there is no outline {path}")
    if os.path.splitext(path)[1] in (".yaml", ".yml"):
        from outline.serialize import load

        outline = load(path, Outline)
        outline.set_path(path)
        Outline.current = outline
    else:
        outline = Outline(path=path, current=True)
    if is_session_path(path):
        outline.load_session()
    return outline


def load_json(json_str: str) -> Outline:
    """Return the outline that a JSON text describes.

    The text is an object with `name`, `layers`, and optionally `facility`, `maxcores`, `maxgpus` and `range`. A layer
    is an object with `name`, `module` (the dotted path of its class) and any further arguments.

    Raises:
        OutlineException: the text is no such object, or a class cannot be imported.
    """
    import json

    try:
        description = json.loads(json_str)
        outline = Outline(
            description["name"],
            description.get("range"),
            facility=description.get("facility"),
            maxcores=description.get("maxcores"),
            maxgpus=description.get("maxgpus"),
            current=True,
        )
        for layer in description["layers"]:
            args = dict(layer)
            _layer_class(args.pop("module"))(args.pop("name"), **args)
    except KeyError as error:
        raise OutlineException(f"the JSON outline lacks {error.args[0]!r}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise OutlineException(f"this is no JSON outline: {error}") from error
    return outline


def _layer_class(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OutlineException(f"there is no layer class {dotted!r}: {error}") from error


def parse_outline_script(path: str) -> None:
    """Run an outline script; its layers become layers of the current outline.

    Raises:
        OutlineException: the script failed.
    """
    from outline.scripts import run_script

    run_script(path)


def current_outline() -> Optional[Outline]:
    """Return the outline that new layers add themselves to, or None."""
    return Outline.current


def quick_outline(layer: Any) -> Outline:
    """Return an outline of this one layer."""
    outline = Outline(layer.get_name(), current=True)
    outline.add_layer(layer)
    return outline
