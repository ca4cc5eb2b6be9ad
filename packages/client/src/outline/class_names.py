"""Names under which classes and functions are found again in another process."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Dict, List, Set

from outline.exception import OutlineException
from outline.scripts import module_name, script_of_module

_OWN_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Names:
    """Collects names of classes and functions, and what a process needs to find them."""

    def __init__(self) -> None:
        self.scripts: Dict[str, str] = {}
        """The files of scripts that define some of them, by module name."""
        self.roots: List[str] = []
        """The folders that have to be importable for the others."""

    def name_of(self, thing: Any, what: str) -> str:
        """Return `module:name` of a class or function that is defined at the top level of its module.

        Raises:
            OutlineException: it cannot be found by a name from outside.
        """
        module, qualified = thing.__module__, thing.__qualname__
        if _look_up(sys.modules.get(module), qualified) is not thing and script_of_module(module) is None:
            raise OutlineException(
                f"{what} uses {module}.{qualified}, which the farm cannot find: define it at the top level of a module"
            )
        if "<" in qualified:
            raise OutlineException(
                f"{what} uses {qualified}, which is defined inside a function: define it at the top level of its module"
            )
        return f"{self.__portable_module(module, what)}:{qualified}"

    def __portable_module(self, name: str, what: str) -> str:
        main = sys.modules["__main__"]
        path = script_of_module(name)
        if name == "__main__":
            spec = getattr(main, "__spec__", None)
            if spec is not None:  # python -m package.module
                self.__add_root(spec.name, main)
                return spec.name
            path = getattr(main, "__file__", None)
            if path is None:
                raise OutlineException(
                    f"{what} uses a class that was typed in: put it into a file so that the farm can find it"
                )
            name = module_name(path)
        if path is not None:
            self.scripts[name] = path
            self.__add_folder(os.path.dirname(os.path.abspath(path)))
        else:
            self.__add_root(name, sys.modules[name])
        return name

    def __add_root(self, name: str, module: Any) -> None:
        path = getattr(module, "__file__", None)
        if path is None or name.startswith("outline."):
            return
        folder = os.path.dirname(os.path.abspath(path))
        depth = name.count(".") + (1 if os.path.basename(path).startswith("__init__.") else 0)
        for _ in range(depth):
            folder = os.path.dirname(folder)
        self.__add_folder(folder)

    def __add_folder(self, folder: str) -> None:
        if folder != _OWN_ROOT and folder not in self.roots:
            self.roots.append(folder)


def find(name: str, bases: Any) -> Any:
    """Return the class that a stored name means.

    Raises:
        OutlineException: there is none, or it is not derived from one of `bases`.
    """
    module_name_, _, qualified = name.partition(":")
    found = _look_up(_import(module_name_), qualified)
    if not isinstance(found, type) or not issubclass(found, bases):
        raise OutlineException(f"{name} is no {bases.__name__}")
    return found


def find_function(name: str, modules: Set[str]) -> Any:
    """Return the function that a stored name means; it has to be in one of the modules that hold layers."""
    from types import FunctionType

    module_name_, _, qualified = name.partition(":")
    found = _look_up(_import(module_name_), qualified) if module_name_ in modules else None
    if not isinstance(found, FunctionType):
        raise OutlineException(f"{name} is no function of a module that the outline's layers come from")
    return found


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise OutlineException(
            f"cannot import {name}, which a layer of this outline comes from: {error}. Does this host see its folder?"
        ) from error


def _look_up(module: Any, qualified: str) -> Any:
    found = module
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return found
