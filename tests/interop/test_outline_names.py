"""Every name that the published `outline` and `FileSequence` define is there in ours, with its parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PEER = Path(__file__).with_name("names_peer.py")
INSIDE = {
    "outline.backend.cue.JOB_WAIT_PERIOD_SEC": "a wait looks often at first and more and more seldom",
    "outline.backend.cue.build_dependencies": "the specification is written by one class",
    "outline.cuerun.Frame": "a name that the module happens to import",
    "outline.io.VERSION_REGEX": "unused",
    "outline.io.file_spec_constructor": "files of sessions hold plain values",
    "outline.io.file_spec_serializer": "files of sessions hold plain values",
    "outline.plugins.local.USE_LOCAL_CORES": "state of the plugin; the options hold it",
    "outline.plugins.local.USE_LOCAL_THREADS": "state of the plugin; the options hold it",
    "outline.plugins.local.deed_local_machine": "inside of the plugin",
    "outline.plugins.local.get_half_host_memory": "inside of the plugin",
    "outline.plugins.local.setup_event": "inside of the plugin",
    "outline.plugins.local.setup_local_cores": "inside of the plugin",
    "outline.plugins.local.setup_local_threads": "inside of the plugin",
    "FileSequence.FrameSet.FrameRange": "a name that the module happens to import",
}
"""What only the packages themselves use."""


def _names(python: Path | str, home: Path) -> dict[str, Any]:
    environment = {**os.environ, "HOME": str(home), "OUTLINE_CONFIG_FILE": ""}
    command = [str(python), str(PEER)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def both(upstream_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names by module, upstream's and ours."""
    home = tmp_path_factory.mktemp("home")
    return _names(upstream_bin / "python", home), _names(sys.executable, home)


def test_every_name_is_there(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Functions, classes and constants, but for the list of what is inside; that list has nothing else."""
    theirs, ours = both
    missing = {f"{module}.{name}" for module, names in theirs.items() for name in names if name not in ours[module]}
    assert missing == set(INSIDE)


def test_every_method_is_there(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Each public method of each class."""
    theirs, ours = both
    missing = [
        f"{module}.{name}.{method}"
        for module, names in theirs.items()
        for name, methods in names.items()
        if isinstance(methods, dict) and name in ours[module]
        for method in methods
        if method not in ours[module][name]
    ]
    assert missing == []


def test_parameters_have_their_names_and_order(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """What upstream takes by position or name, ours takes likewise; more may follow."""
    theirs, ours = both
    wrong = []
    for module, names in theirs.items():
        for name, told in names.items():
            here = ours[module].get(name)
            calls = told.items() if isinstance(told, dict) else [("", told)] if told else []
            for method, parameters in calls:
                mine = here.get(method, []) if isinstance(here, dict) else here or []
                if here is not None and mine[: len(parameters)] != parameters:
                    wrong.append((f"{module}.{name}.{method}", parameters, mine))
    assert wrong == []
