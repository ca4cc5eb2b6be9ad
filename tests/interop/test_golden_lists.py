"""The lists of what the published packages offer are what these say of themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST_RPCS_NOT_HERE = 5
SURFACE = Path(__file__).resolve().parents[2] / "packages" / "client" / "tests" / "surface"


def test_the_list_of_the_python_api_is_the_published_ones(upstream_bin):
    """Run with the published `opencue`, the program that describes a package writes the list that is kept here."""
    command = [str(upstream_bin / "python"), str(SURFACE / "describe.py"), "opencue"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(said) == json.loads((SURFACE / "opencue_1_37.json").read_text())


def test_the_list_of_the_flags_of_cueadmin_is_the_published_ones(upstream_bin):
    """The same for the command line of the published `cueadmin`."""
    command = [str(upstream_bin / "python"), str(SURFACE / "describe_flags.py")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(said) == json.loads((SURFACE / "cueadmin_1_37.json").read_text())


def test_the_page_of_what_is_offered_is_what_is_offered(upstream_bin):
    """The reference page has every RPC, name and flag; few RPCs are not here, and no name without a reason."""
    command = [sys.executable, str(Path(__file__).with_name("compatibility_page.py")), str(upstream_bin)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert said == (SURFACE.parents[3] / "docs" / "reference" / "compatibility.md").read_text()
    assert "| not there |" not in said
    assert "not there, or with other arguments" not in said
    here_not = [int(line.split("|")[4]) for line in said.splitlines() if line.startswith("| RPCs")]
    assert here_not
    assert here_not[0] <= MOST_RPCS_NOT_HERE
