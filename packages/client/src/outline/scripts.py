"""Outline scripts as modules, so that the classes they define can be found again on the farm.

A layer is stored with the name of its class. A class of an ordinary module is imported on the farm; a class that an
`.outline` script or the launched main program defines is not importable there, so a copy of the script goes into the
session, and a frame runs the copy to get at its classes. Such a run is a *rereading*: layers that the script makes
go nowhere, `sys.argv` is that of the launch, and the script ends where it sets an outline up or launches it.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from types import ModuleType
from typing import Any, Dict, List, NoReturn, Optional

from outline import current
from outline.exception import OutlineException

_PREFIX = "outline_script_"

_paths: Dict[str, str] = {}
"""The files of the scripts that this process ran, by module name."""

_rereading = False


class _EndOfScript(BaseException):
    """Ends a rereading; no error, so that no `except Exception` of the script catches it."""


def run_script(path: str, name: Optional[str] = None) -> ModuleType:
    """Run an outline script as a module and return that; its folder becomes importable.

    Raises:
        OutlineException: the script cannot be read, or raised something.
    """
    path = os.path.abspath(path)
    name = name or module_name(path)
    try:
        with open(path, encoding="utf-8") as stream:
            code = compile(stream.read(), path, "exec")
    except (OSError, SyntaxError, ValueError) as error:
        raise OutlineException(f"cannot read the outline script {path}: {error}") from error
    if os.path.dirname(path) not in sys.path:
        sys.path.append(os.path.dirname(path))
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    _paths[name] = path
    try:
        exec(code, module.__dict__)
    except OutlineException:
        raise
    except Exception as error:
        raise OutlineException(f"the outline script {path} failed: {type(error).__name__}: {error}") from error
    return module


def reread_script(path: str, name: str, argv: List[str], outline: Any) -> None:
    """Run the stored copy of a script for the classes that it defines; its layers go into an outline of no use."""
    global _rereading
    before = (current.get(), sys.argv, _rereading)
    current.put(outline)
    sys.argv, _rereading = list(argv), True
    try:
        run_script(path, name)
    except (_EndOfScript, SystemExit):
        pass  # it came to where it launches: all that it defines before that is there
    finally:
        outline_before, sys.argv, _rereading = before
        current.put(outline_before)


def end_if_rereading() -> None:
    """End the script that runs now if it is only read for its classes; called where something would be launched."""
    if _rereading:
        _end()


def _end() -> NoReturn:
    raise _EndOfScript


def module_name(path: str) -> str:
    """Return the module name of the script at a path; scripts of the same name in other folders have other ones."""
    stem = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0])
    return f"{_PREFIX}{stem}_{zlib.crc32(os.path.abspath(path).encode()):08x}"


def script_of_module(name: str) -> Optional[str]:
    """Return the file of a module that is a script, or None."""
    return _paths.get(name)
