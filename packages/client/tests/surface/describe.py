"""What a package offers: its modules, functions, classes and their arguments, as JSON. Run by any interpreter.

    python describe.py opencue

It asks the interpreter alone, and reads no file of the package.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from types import ModuleType
from typing import Any, Optional

NOT_ITS_OWN = ("__future__", "typing", "abc")
"""Where names come from that a module only uses."""


def described(package: str) -> dict[str, dict[str, Any]]:
    """Return what each module of a package offers, by the module's name."""
    root = importlib.import_module(package)
    names = [package, *(found.name for found in pkgutil.walk_packages(root.__path__, f"{package}."))]
    return {name: _of_module(importlib.import_module(name), package) for name in names}


def arguments(function: Any) -> Optional[list[str]]:
    """Return the names of a function's arguments, `name=` where one may be left out; None where nothing tells."""
    try:
        parameters = inspect.signature(inspect.unwrap(function)).parameters.values()
    except (TypeError, ValueError):
        return None
    found = []
    for one in parameters:
        if one.kind is one.VAR_POSITIONAL:
            found.append("*")
        elif one.kind is one.VAR_KEYWORD:
            found.append("**")
        else:
            found.append(one.name if one.default is one.empty else f"{one.name}=")
    return found


def _of_module(module: ModuleType, package: str) -> dict[str, Any]:
    offered: dict[str, Any] = {}
    is_facade = module.__name__ in (package, f"{package}.api")
    for name in sorted(vars(module)):
        value = getattr(module, name)
        own = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or module.__name__
        of_package = own.split(".")[0] == package
        kinds = (own, type(value).__module__)
        if name.startswith("_") or any(kind in NOT_ITS_OWN for kind in kinds) or inspect.ismethod(value):
            continue
        if own == "builtins":
            continue
        if inspect.ismodule(value):
            if is_facade and own.split(".")[0] in (package, "opencue_proto"):
                offered[name] = "value"
        elif inspect.isclass(value) and own == module.__name__:
            offered[name] = of_class(value)
        elif inspect.isfunction(value):
            if of_package:
                offered[name] = arguments(value)
        elif not (inspect.isclass(value) and of_package) or is_facade:  # else it is what a module uses of another
            offered[name] = "value"
    return offered


def of_class(kind: type) -> dict[str, Any]:
    """Return what a class offers beyond what its base of Python's own does."""
    inherited = {name for base in kind.__mro__ if base.__module__ == "builtins" for name in dir(base)}
    offered: dict[str, Any] = {"__init__": arguments(kind.__init__)}  # type: ignore[misc]
    for name in dir(kind):
        if name.startswith("_") or name in inherited:
            continue
        value = getattr(kind, name)
        offered[name] = arguments(value) if callable(value) and not inspect.isclass(value) else "value"
    return offered


if __name__ == "__main__":
    json.dump(described(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
