"""Writes down the table of actions: `python -m cuebot.domain.actions_page > docs/reference/actions.md`."""

from __future__ import annotations

import sys

from cuebot.domain.actions import ACTIONS, Action, Right

_HEAD = """# Actions

What can be done on a farm, by its public name: a noun, a dot and a verb. The same names stand in the steps that
explain proposes (`--json`), in what a server answers to who may not do something, and in its rights. A name that
was published stays what it is.

Made from the table in `cuebot.domain.actions` by `python -m cuebot.domain.actions_page`; a test says when it is out of
date. Arguments that name things (`job`, `layer`, `host`, `group` ...) are ids; cores are hundredths of one
(`centicores`), memory is KiB, times are microseconds since the epoch (UTC). Where no arguments stand, none are
published yet.

Who is asked, and when: [security](security.md#who-may-do-what).
"""


def page() -> str:
    """The whole page."""
    nouns = dict.fromkeys(action.noun for action in ACTIONS.values())
    return "\n".join([_HEAD, _rights(), *(_section(noun) for noun in nouns)])


def _rights() -> str:
    rows = [f"| {right.name.lower()} | {right.value} |" for right in Right]
    return "\n".join(["## Rights", "", "| Right | Allows to |", "|---|---|", *rows, ""])


def _section(noun: str) -> str:
    rows = [_row(action) for action in ACTIONS.values() if action.noun == noun]
    head = ["| Action | Does | Right | Arguments |", "|---|---|---|---|"]
    return "\n".join([f"## {noun}", "", *head, *rows, ""])


def _row(action: Action) -> str:
    arguments = ", ".join(f"`{name}`" for name in action.arguments.values())
    return f"| `{action.name}` | {action.text} | {action.right.name.lower()} | {arguments} |"


if __name__ == "__main__":
    sys.stdout.write(page())
