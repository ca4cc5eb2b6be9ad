"""The reference pages of the Python APIs, made from docstrings.

`python -m cue_cli.api_reference docs/reference` brings the pages there up to date, between their two markers.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

BEGIN = "<!-- api: begin (python -m cue_cli.api_reference docs/reference) -->"
END = "<!-- api: end -->"

_HEADING = re.compile(r"# --- (.+)")
_FUNCTION = re.compile(r"def ([a-zA-Z]\w*)\(")
_EXAMPLE = re.compile(r"\n\n(?: {4}[^\n]*\n)+")
"""A paragraph that is all indented."""
_RAISES = re.compile(r"Raises: (\w+): ")
_WRAPPERS = {
    "job": ("Job",),
    "layer": ("Layer",),
    "frame": ("Frame",),
    "host": ("Host", "NestedHost"),
    "proc": ("Proc", "NestedProc"),
    "owner": ("Owner",),
    "deed": ("Deed",),
    "render_partition": ("RenderPartition",),
    "show": ("Show",),
    "group": ("Group",),
    "allocation": ("Allocation",),
    "subscription": ("Subscription",),
    "service": ("Service", "ServiceOverride"),
    "limit": ("Limit",),
    "filter": ("Filter", "Matcher", "Action"),
    "department": ("Department",),
    "task": ("Task",),
    "depend": ("Depend",),
    "comment": ("Comment",),
}
_OUTLINE_LAYERS = ("Frame", "Composite", "LayerPreProcess", "LayerPostProcess", "OutlinePostCommand")
_APPLICATIONS = ("blender", "maya", "nuke", "houdini", "katana", "usdrecord", "husk", "ffmpeg", "pyeval")
_SHELL_LAYERS = ("Shell", "ShellCommand", "ShellSequence", "ShellScript", "PyEval")


def opencueTables() -> str:
    """Return the part of the page on `opencue` that is made."""
    from opencue import api, cuebot, exception, search, snapshot, units, util

    parts = ["## Functions of `opencue.api`"]
    for heading, functions in [*_grouped(api), *_from_elsewhere(api)]:
        parts += [f"### {heading}", _table(functions)]

    parts.append("## Options of searches")
    for search_class in (search.JobSearch, search.FrameSearch, search.HostSearch, search.ProcSearch):
        options = ", ".join(f"`{name}`" for name in sorted(search_class.setters))
        parts += [f"### {search_class.__name__}", _text(search_class), f"Options: {options}."]

    parts.append("## What the functions return")
    for module, names in _WRAPPERS.items():
        for name in names:
            wrapper = getattr(importlib.import_module(f"opencue.wrappers.{module}"), name)
            parts += [f"### {name}", _text(wrapper), _table(_members(wrapper))]

    parts += ["## The connection: `opencue.Cuebot`", _text(cuebot.Cuebot), _table(_members(cuebot.Cuebot))]
    parts += ["## `opencue.util`", _table((name, getattr(util, name)) for name in util.__all__)]
    of_snapshots = ((name, getattr(snapshot, name)) for name in snapshot.__all__)
    parts += ["## `opencue.snapshot`", _text(snapshot), _table(of_snapshots)]
    parts += ["## `opencue.units.Megabytes`", _text(units.Megabytes)]
    kinds = [(name, _text(kind)) for name, kind in _classes(exception)]
    parts += ["## Exceptions of `opencue.exception`", _rows("Exception", kinds)]
    parts += ["## Numbers of `opencue.enums`", _enums()]
    return "\n\n".join(parts)


def outlineTables() -> str:
    """Return the part of the page on `outline` that is made."""
    import outline
    from outline import cuerun, io, launcher, session, util, versions
    from outline.layer_base import Layer
    from outline.modules import shell

    parts = ["## Class `outline.Outline`", _text(outline.Outline), _table(_members(outline.Outline))]
    parts += ["## Class `outline.Layer`", _text(Layer), _table(_members(Layer))]
    parts.append("## Other kinds of layers")
    parts.append(_rows("Class", ((f"outline.{name}", _text(getattr(outline, name))) for name in _OUTLINE_LAYERS)))
    modules = ((f"outline.modules.shell.{name}", _text(getattr(shell, name))) for name in _SHELL_LAYERS)
    parts.append(_rows("Class", modules))
    parts += ["## Commands of applications: `outline.modules`", _table(_commands())]
    launched = [("launch", cuerun.launch), ("execute_frame", cuerun.execute_frame)]
    parts += ["## Launching: `outline.cuerun`", _table(launched)]
    parts += ["### `OutlineLauncher`", _text(launcher.OutlineLauncher), _table(_members(launcher.OutlineLauncher))]
    parts += ["## Sessions: `outline.Session`", _text(session.Session), _table(_members(session.Session))]
    parts += ["## Paths: `outline.io`", _table(_functions(io))]
    for path_class in (io.Path, io.FileSpec):
        parts += [f"### `{path_class.__name__}`", _text(path_class), _table(_members(path_class))]
    parts += ["## Frames and surroundings: `outline.util`", _table(_functions(util))]
    parts += ["## Modules in versions: `outline.versions`", _table(_functions(versions))]
    return "\n\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {"opencue-api.md": opencueTables, "outline.md": outlineTables}


def brought_up_to_date(page: str, tables: str) -> str:
    """Return a page with what stands between its markers made anew."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"


def _grouped(module: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the public functions of a module below the headings that its source has."""
    heading = ""
    functions: list[tuple[str, Any]] = []
    for line in inspect.getsource(module).splitlines():
        found = _HEADING.fullmatch(line)
        if found:
            if functions:
                yield heading, functions
            heading, functions = found[1], []
        defined = _FUNCTION.match(line)
        if defined:
            functions.append((defined[1], getattr(module, defined[1])))
    yield heading, functions


def _from_elsewhere(module: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the functions that a module offers and does not define, by what their own modules are about."""
    homes: dict[str, list[tuple[str, Any]]] = {}
    for name in module.__all__:
        function = getattr(module, name)
        if inspect.isfunction(function) and function.__module__ != module.__name__:
            homes.setdefault(function.__module__, []).append((name, function))
    for home, functions in homes.items():
        yield (inspect.getdoc(sys.modules[home]) or home).split(".", 1)[0], functions


def _commands() -> Iterator[tuple[str, Any]]:
    for name in _APPLICATIONS:
        yield f"{name}.command", importlib.import_module(f"outline.modules.{name}").command


def _functions(module: Any) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _classes(module: Any) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]


def _members(cls: Any) -> list[tuple[str, Any]]:
    """Return the public methods of a class with those of its bases that are not the language's, the class's first."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] in ("opencue", "outline"):
            for name, value in vars(base).items():
                if not name.startswith("_") and name not in found and _is_method(value):
                    found[name] = getattr(cls, name)
    return list(found.items())


def _is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, (staticmethod, classmethod))


def _table(functions: Any) -> str:
    return _rows("Call", ((name + _signature(function), _text(function)) for name, function in functions))


def _rows(title: str, rows: Any) -> str:
    lines = [f"| `{name}` | {text} |" for name, text in rows]
    return "\n".join([f"| {title} | |", "|---|---|", *lines])


def _signature(function: Any) -> str:
    """Return the names and defaults of the arguments, the object itself left out."""
    words, is_keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword_only:
            words.append("*")
            is_keyword_only = True
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
        default = "" if parameter.default is parameter.empty else f"={_default(parameter.default)}"
        words.append(f"{stars}{parameter.name}{default}")
    return f"({', '.join(words)})"


def _default(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _text(thing: Any) -> str:
    """Return a docstring as one line of a table."""
    text = " ".join(_EXAMPLE.sub("\n", inspect.getdoc(thing) or "").split())
    return _RAISES.sub(r"Raises `\1`: ", text).replace("|", "\\|")


def _enums() -> str:
    from opencue import enums

    return _rows(
        "Enumeration",
        [(name, ", ".join(f"`{member.name}` {int(member)}" for member in kind)) for name, kind in _classes(enums)],
    )


if __name__ == "__main__":
    for name, tables in PAGES.items():
        path = Path(sys.argv[1]) / name
        path.write_text(brought_up_to_date(path.read_text(encoding="utf-8"), tables()), encoding="utf-8")
