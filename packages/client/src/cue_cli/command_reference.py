"""The tables of flags of the commands beside cueadmin, made from their parsers.

`python -m cue_cli.command_reference docs/reference` writes them into the pages, between their markers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict

from cue_cli.cueadmin.reference import tablesOf
from cue_cli.cuecmd import command as cuecmd
from cue_cli.cueman import parser as cueman
from cue_cli.cuerqd import command as cuerqd
from cue_cli.cuesubmit import parser as cuesubmit

BEGIN = "<!-- flags: begin (python -m cue_cli.command_reference docs/reference) -->"
END = "<!-- flags: end -->"
TAKES = {"cueman.md": {command.name: command.takes for command in cueman.COMMANDS}}
PAGES: Dict[str, Callable[[], argparse.ArgumentParser]] = {
    "cuecmd.md": cuecmd.get_parser,
    "cueman.md": cueman.get_parser,
    "cuerqd.md": cuerqd.get_parser,
    "cuesubmit.md": cuesubmit.get_parser,
}


def brought_up_to_date(name: str, page: str) -> str:
    """Return a page with the tables between its markers as the parser has them now."""
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{tablesOf(PAGES[name](), TAKES.get(name, {}))}\n\n{END}{tail}"


if __name__ == "__main__":
    for name in PAGES:
        path = Path(sys.argv[1]) / name
        path.write_text(brought_up_to_date(name, path.read_text(encoding="utf-8")), encoding="utf-8")
