"""docs/reference/compatibility.md: each RPC, Python name and flag of OpenCue 1.37, and whether it is here.

    python tests/interop/compatibility_page.py UPSTREAM_BIN > docs/reference/compatibility.md

UPSTREAM_BIN is the `bin` of an environment with the published packages (`make upstream`: .venv-upstream/bin). They are
asked what they offer as their users could: their names by the interpreter, their flags by `-h`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cuebot.wire.not_offered import NOT_OFFERED
from cuebot.wire.server import service_descriptors

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SURFACE = ROOT / "packages" / "client" / "tests" / "surface"
sys.path += [str(HERE), str(SURFACE)]

from test_opencue_surface import DIFFERENT, GOLDEN, differences  # noqa: E402
from test_outline_names import INSIDE  # noqa: E402

COMMANDS = ("cueadmin", "cueman", "cuecmd", "pycuerun")
FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
AGENTS = ("rqd.RqdInterface", "rqd.RunningFrame")


@dataclass
class Part:
    """One part of what is published: how much there is, and what is otherwise with us, with the reason."""

    name: str
    count: int
    otherwise: dict[str, str] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)


def rpcs() -> Part:
    """All RPCs; a row a service."""
    part = Part("RPCs that a server serves", 0)
    for service in service_descriptors():
        if service.full_name.startswith("cuefarm.") or service.full_name in AGENTS:
            continue
        refused = NOT_OFFERED.get(service.full_name, {})
        names = [method.name for method in service.methods]
        part.count += len(names)
        part.otherwise |= {f"{service.name}.{name}": why for name, why in refused.items()}
        part.rows.append(_row(f"`{service.full_name}`", [name for name in names if name not in refused]))
    return part


def opencue() -> Part:
    """Functions, classes and methods of `opencue`; a row a module or class."""
    part = Part("names of `opencue`", 0, {f"`{name}`": why for name, why in DIFFERENT.items()})
    lacking = {line.partition(":")[0] for module in GOLDEN for line in differences(module)} - set(DIFFERENT)
    part.otherwise |= dict.fromkeys((f"`{name}`" for name in sorted(lacking)), "not there, or with other arguments")
    for module, names in GOLDEN.items():
        part.count += len(names)
        plain = [name for name, value in names.items() if not isinstance(value, dict)]
        if plain:
            part.rows.append(_row(f"`{module}`", plain))
        for name, members in names.items():
            if isinstance(members, dict):
                part.count += len(members) - 1
                part.rows.append(_row(f"`{module}.{name}`", [one for one in members if one != "__init__"]))
    return part


def outline(upstream: Path) -> Part:
    """The same of `outline` and `FileSequence`."""
    theirs, ours = _described(upstream / "python"), _described(Path(sys.executable))
    part = Part("names of `outline` and `FileSequence`", 0)
    for module, names in theirs.items():
        plain = sorted(name for name in names if not isinstance(_members(names[name]), dict))
        part.count += len(names)
        if plain:
            part.rows.append(_row(f"`{module}`", plain))
        for name in sorted(set(names) - set(plain)):
            members = _members(names[name])
            part.count += len(members)
            part.rows.append(_row(f"`{module}.{name}`", sorted(members)))
        for name in names:
            path = f"{module}.{name}"
            if name not in ours[module]:
                part.otherwise[f"`{path}`"] = INSIDE.get(path, "not there")
    return part


def flags(upstream: Path) -> Part:
    """Flags of the command lines; a row a command."""
    part = Part("flags of " + ", ".join(f"`{command}`" for command in COMMANDS), 0)
    for command in COMMANDS:
        theirs, ours = _flags(upstream / command), _flags(Path(sys.executable).with_name(command))
        part.count += len(theirs)
        part.rows.append(_row(f"`{command}`", sorted(theirs & ours)))
        part.otherwise |= {f"`{command} {flag}`": "not there" for flag in sorted(theirs - ours)}
    return part


def page(upstream: Path) -> str:
    """The page."""
    parts = [rpcs(), opencue(), outline(upstream), flags(upstream)]
    lines = [
        "# Every call, name and flag of OpenCue 1.37",
        "",
        "Made from the published packages by `tests/interop/compatibility_page.py`, and held to what they offer by"
        " `make proof`.",
        "What a call does otherwise than OpenCue's on purpose is in [what differs](differences.md). The 19 RPCs of"
        " agents",
        "(`RqdInterface`, `RunningFrame`) are asked by the server, not served by it.",
        "",
        "| | published | here | not here, with the reason |",
        "|---|---|---|---|",
    ]
    lines += [f"| {p.name} | {p.count:,} | {p.count - len(p.otherwise):,} | {len(p.otherwise)} |" for p in parts]
    for part in parts:
        lines += ["", f"## {part.name[0].upper()}{part.name[1:]}", ""]
        if part.otherwise:
            lines += ["| Not here | Why |", "|---|---|"]
            lines += [f"| {name} | {why} |" for name, why in part.otherwise.items()]
            lines.append("")
        lines += ["| Of | Here |", "|---|---|", *part.rows]
    return "\n".join(lines) + "\n"


def _row(of: str, names: list[str]) -> str:
    return f"| {of} | {' '.join(f'`{name}`' for name in names)} |"


def _members(value: Any) -> Any:
    return value.get("methods") if isinstance(value, dict) and "methods" in value else value


def _described(python: Path) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "OUTLINE_CONFIG_FILE": ""}
        command = [str(python), str(HERE / "names_peer.py")]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    found: dict[str, dict[str, Any]] = json.loads(said)
    return found


def _flags(command: Path) -> set[str]:
    said = subprocess.run([str(command), "-h"], capture_output=True, text=True, timeout=60, check=True).stdout
    return set(_named(said))


def _named(text: str) -> Iterator[str]:
    """Flags that a help text lists, each at the beginning of a line."""
    for line in text.splitlines():
        if line.lstrip().startswith("-"):
            listed = re.split(r"\s{2,}", line.strip())[0]
            yield from FLAG.findall(listed)


if __name__ == "__main__":
    print(page(Path(sys.argv[1])), end="")
