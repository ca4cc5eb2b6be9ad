"""Print, as JSON, the names that modules of outline and FileSequence define, and the parameters of what can be called.

It is run by two interpreters, ours and that of upstream's packages, so it uses only what both have.
"""

import importlib
import inspect
import json
import sys

MODULES = """
    outline outline.config outline.constants outline.cuerun outline.depend outline.event outline.exception
    outline.executor outline.io outline.layer outline.loader outline.session outline.util outline.versions
    outline.plugins outline.plugins.manager outline.plugins.local outline.backend.cue outline.backend.local
    outline.modules.shell FileSequence FileSequence.FrameRange FileSequence.FrameSet FileSequence.FileSequence
"""


def parameters(function):
    """Return the names of what a function takes, or nothing where Python does not know."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def members(kind):
    """Return the methods of a class by name; those of its bases that it has from Python are left out."""
    return {
        name: parameters(value)
        for name, value in inspect.getmembers(kind, callable)
        if not name.startswith("__") and "__" not in name
        if any(name in vars(base) for base in kind.__mro__ if base.__module__.startswith(("outline", "FileSequence")))
    }


def described(module):
    """Return the names of a module that are its own: no other modules, nothing that it imports from elsewhere."""
    names = {}
    for name, value in vars(module).items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        own = str(getattr(value, "__module__", "")).startswith(("outline", "FileSequence"))
        if inspect.isclass(value):
            if own:
                names[name] = members(value)
        elif callable(value):
            if own:
                names[name] = parameters(value)
        elif name.isupper():
            names[name] = None
    return names


found = {}
for dotted in MODULES.split():
    module = importlib.import_module(dotted)
    for lazy in ("TaskExecutor",):  # ours is imported when it is asked for
        if dotted == "outline":
            setattr(module, lazy, getattr(module, lazy))
    found[dotted] = described(module)
json.dump(found, sys.stdout)
