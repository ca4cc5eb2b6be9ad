"""`cuefarm config`: what is in force and where it comes from, as a `cuefarm.toml` that would say the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from cuebot.app.config import Config, ConfigWrong, Value, load
from cuebot.app.exit_status import PERSON_MUST_MEND


def run(flags: Mapping[str, Any], *, given: Path | None, folder: Path, check: bool, as_json: bool) -> int:
    """Print the configuration, or with `check` whether it can be used. Returns the exit status."""
    try:
        config = load(flags, given=given, folder=folder)
    except ConfigWrong as error:
        if as_json:
            print(json.dumps({"problems": error.problems}, indent=2))
        else:
            print("\n".join(f"cuefarm config: {problem}" for problem in error.problems), file=sys.stderr)
        return PERSON_MUST_MEND
    if as_json:
        print(json.dumps({"problems": [], "file": _file_of(config), "values": _entries(config)}, indent=2))
    elif check:
        print(f"{config.file or 'no file is read, and the environment'} can be used")
    else:
        print(as_toml(config))
    return 0


def as_toml(config: Config) -> str:
    """All that is in force, in the form of the file, each with where it comes from. What was not said is left out."""
    lines = [f"# {config.file or 'no file'}, the environment and flags; CUEFARM_KEY=VALUE beats the file"]
    for section, values in groupby(config.values, key=lambda value: value.key.section):
        lines += ["", f"[{section}]"]
        lines += [_line(value) for value in values]
    return "\n".join(lines)


def _line(value: Value) -> str:
    if value.value is None:
        return f"# {value.key.name} is not set"
    return f"{value.key.name} = {json.dumps(_shown(value), ensure_ascii=False)}  # {value.source}"


def _entries(config: Config) -> list[dict[str, Any]]:
    return [
        {
            "section": value.key.section,
            "key": value.key.name,
            "value": _shown(value),
            "source": value.source,
            "variable": value.key.variable,
            "accepted": value.key.kind.accepted,
        }
        for value in config.values
    ]


def _shown(value: Value) -> Any:
    return None if value.value is None else value.key.kind.shown(value.value)


def _file_of(config: Config) -> str | None:
    return None if config.file is None else str(config.file)
