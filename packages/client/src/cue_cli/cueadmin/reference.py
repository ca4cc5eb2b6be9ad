"""The table of flags for the documentation, made from the parser.

`python -m cue_cli.cueadmin.reference docs/reference/cueadmin.md` writes it into a page, between its two markers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cue_cli.cueadmin.commands import COMMANDS
from cue_cli.cueadmin.parser import getParser

BEGIN = "<!-- flags: begin (python -m cue_cli.cueadmin.reference docs/reference/cueadmin.md) -->"
END = "<!-- flags: end -->"


def flagTables() -> str:
    """Return a Markdown table for each group of cueadmin's options."""
    return tablesOf(getParser(), {command.name: command.takes for command in COMMANDS})


def tablesOf(parser: argparse.ArgumentParser, takes: dict[str, str]) -> str:
    """Return a Markdown table for each group of options; `takes` has in words what commands take."""
    tables = []
    for group in parser._action_groups:  # argparse has no public list of its groups
        shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        if shown:
            rows = [f"| {_flags(action)} | {_arguments(action, takes)} | {_text(action)} |" for action in shown]
            title = "Help" if group.title in ("options", "optional arguments") else str(group.title).capitalize()
            tables.append("\n".join([f"### {title}", "", "| Flag | Takes | What it does |", "|---|---|---|", *rows]))
    return "\n\n".join(tables)


def withFlagTables(page: str) -> str:
    """Return a page with the tables between its markers brought up to date."""
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{flagTables()}\n\n{END}{tail}"


def _flags(action: Any) -> str:
    return ", ".join(f"`{flag}`" for flag in action.option_strings or [action.metavar])


def _arguments(action: Any, takes: dict[str, str]) -> str:
    if not action.option_strings:
        text = ""
    elif action.dest in takes:
        text = takes[action.dest]
    elif action.nargs == 0:
        text = ""
    elif action.nargs == "*":
        text = f"[{action.metavar}...]"
    elif action.choices:
        text = " or ".join(action.choices)
    else:
        text = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar
        text += "..." if action.nargs == "+" else ""
    return f"`{text}`".replace("|", "\\|") if text else ""


def _text(action: Any) -> str:
    return action.help.replace("%%", "%").replace("|", "\\|")


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(withFlagTables(path.read_text(encoding="utf-8")), encoding="utf-8")
