"""The pages about the API and cueadmin say what is true."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest
from builders import a_dead_frame, a_job, a_layer

from cue_cli import api_reference, command_reference
from cue_cli.cueadmin.commands import COMMANDS
from cue_cli.cueadmin.parser import getParser
from cue_cli.cueadmin.reference import withFlagTables
from opencue import api

DOCS = Path(__file__).parents[4] / "docs"
HOWTO = (DOCS / "howto" / "script-the-farm.md").read_text(encoding="utf-8")
LICENCES = (DOCS / "howto" / "licences-and-limits.md").read_text(encoding="utf-8")
API = (DOCS / "reference" / "opencue-api.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "cueadmin.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_flag_tables_are_the_parsers():
    """The reference has every flag as the parser has it."""
    assert withFlagTables(REFERENCE) == REFERENCE


@pytest.mark.parametrize("name", command_reference.PAGES)
def test_the_tables_of_the_other_commands_are_their_parsers(name):
    """Each page has every flag as the parser has it."""
    page = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert command_reference.brought_up_to_date(name, page) == page


@pytest.mark.parametrize("name", api_reference.PAGES)
def test_the_pages_of_the_apis_are_those_of_the_docstrings(name):
    """The reference has every call as the code has it, with a sentence on each."""
    page = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert api_reference.brought_up_to_date(page, api_reference.PAGES[name]()) == page
    assert not re.findall(r"^\| `.*` \|\s*\|$", page, re.MULTILINE)


def test_the_page_on_opencue_has_every_function():
    """What `opencue.api` offers is there, wherever it is defined."""
    offered = [name for name in api.__all__ if inspect.isfunction(getattr(api, name))]
    assert offered
    assert [name for name in offered if f"| `{name}(" not in API] == []


@pytest.mark.parametrize("code", [*blocks(HOWTO, "python"), *blocks(LICENCES, "python"), *blocks(API, "python")])
def test_the_python_examples_run(farm, code):
    """Each Python block of the how-to and of the reference runs by itself."""
    farm.jobs["demo-sh010-ann_comp"] = a_job()
    farm.layers["demo-sh010-ann_comp"] = [a_layer()]
    farm.frames["demo-sh010-ann_comp"] = [a_dead_frame()]
    exec(compile(code, "script-the-farm.md", "exec"), {})
    assert farm.calls


@pytest.mark.parametrize("line", [line for block in blocks(HOWTO, "sh") for line in block.splitlines()])
def test_the_shell_examples_parse(line):
    """Each cueadmin line of the how-to is one that the parser takes."""
    arguments = shlex.split(line.split("|")[0])
    assert arguments[0] == "cueadmin"
    getParser().parse_args(arguments[1:])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.flags[0])
def test_every_command_has_its_function(command):
    """Each entry of the table names a documented function."""
    assert command.load().__doc__
