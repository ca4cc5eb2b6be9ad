"""The tables of docs/reference/configuration.md, made from the fields and what is written below them.

`python -m cuebot.app.config_reference docs/reference/configuration.md` writes them into the page, between its markers.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from cuebot.app.config import KEYS, SECTIONS, Key

BEGIN: Final = "<!-- keys: begin (python -m cuebot.app.config_reference docs/reference/configuration.md) -->"
END: Final = "<!-- keys: end -->"


def key_tables() -> str:
    """A Markdown table for each section."""
    tables = []
    for section, keys in groupby(KEYS, key=lambda key: key.section):
        texts = _texts_of(SECTIONS[section])
        head = [f"### [{section}]", "", "| Key | Default | Accepted | What it is |", "|---|---|---|---|"]
        tables.append("\n".join([*head, *(_row(key, texts[key.field_name]) for key in keys)]))
    return "\n\n".join(tables)


def with_key_tables(page: str) -> str:
    """A page with the tables between its markers brought up to date."""
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{key_tables()}\n\n{END}{tail}"


def _row(key: Key, text: str) -> str:
    default = "" if key.default is None else f"`{json.dumps(key.kind.shown(key.default))}`"
    return f"| `{key.name}` | {default} | {key.kind.accepted} | {text} |"


def _texts_of(holder: type) -> dict[str, str]:
    """What is written below each field of a class, in one line."""
    body = ast.parse(inspect.getsource(holder)).body[0].body  # type: ignore[attr-defined]
    texts = {}
    for one, below in pairwise(body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            texts[one.target.id] = " ".join(below.value.value.split())
    return texts


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_key_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
