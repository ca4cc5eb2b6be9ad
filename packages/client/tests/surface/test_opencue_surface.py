"""Everything public of OpenCue 1.37's Python API is here, under the same names with the same arguments."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode adds no folder for helpers beside the tests

from describe import arguments, of_class

GOLDEN = json.loads((Path(__file__).parent / "opencue_1_37.json").read_text())

DIFFERENT = {
    "opencue.search.logger": "that module says nothing",
    "opencue.util.logger": "that module says nothing",
}
"""What is not there, or takes other arguments, on purpose: why."""


def differences(module: str) -> Iterator[str]:
    """Return what this package lacks of a module, or takes otherwise, as `module.name: what`."""
    try:
        ours = importlib.import_module(module)
    except ImportError:
        yield f"{module}: no such module"
        return
    for name, golden in GOLDEN[module].items():
        path = f"{module}.{name}"
        value = getattr(ours, name, None)
        if not hasattr(ours, name):
            yield f"{path}: missing"
        elif isinstance(golden, list):
            yield from _arguments_differ(path, golden, arguments(value))
        elif isinstance(golden, dict):
            members = of_class(value)
            for member, wanted in golden.items():
                if member not in members:
                    yield f"{path}.{member}: missing"
                elif isinstance(wanted, list):
                    yield from _arguments_differ(f"{path}.{member}", wanted, members[member])


def _arguments_differ(path: str, golden: list[str], ours: Any) -> Iterator[str]:
    """Arguments agree where every one of theirs can be given, by place and by name, and no other has to be."""
    if not isinstance(ours, list):
        yield f"{path}: takes no arguments"
        return
    takes_any = "**" in ours
    named = [one for one in golden if not one.startswith("*") and one != "self"]
    own = [one for one in ours if not one.startswith("*") and one != "self"]
    for place, one in enumerate(named):
        here = own[place] if place < len(own) else "**" if takes_any else "nothing"
        if here.rstrip("=") != one.rstrip("=") and not (here == "**" or (takes_any and path.endswith("__init__"))):
            yield f"{path}: {here} for {one}"
        elif one.endswith("=") and not here.endswith("=") and here != "**":
            yield f"{path}: {here} must be given"
    for one in own[len(named) :]:
        if not one.endswith("="):
            yield f"{path}: {one} must be given"


@pytest.mark.parametrize("module", sorted(GOLDEN))
def test_a_module_offers_what_is_published(module):
    """Each name of the published module is in ours, and takes the same arguments, but for what is listed here."""
    found = [line for line in differences(module) if not _listed(line)]
    assert found == []


def test_nothing_is_listed_that_is_there():
    """A row goes when the thing is there."""
    found = [line for module in GOLDEN for line in differences(module)]
    idle = [row for row in DIFFERENT if not any(_belongs(line, row) for line in found)]
    assert idle == []


def _listed(line: str) -> bool:
    return any(_belongs(line, row) for row in DIFFERENT)


def _belongs(line: str, row: str) -> bool:
    path = line.partition(":")[0]
    return path == row or path.startswith(f"{row}.")
