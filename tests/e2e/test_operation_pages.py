"""The pages for whoever looks after a farm: every command is typed, and prints what the page shows."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql_process import PostgreSQL
from terminal import Terminal, dialogue, missing

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "operation").glob("*.md"))
LOCAL = [page for page in PAGES if "dbhost" not in page.read_text(encoding="utf-8")]


def blocks(page: Path) -> list[str]:
    """The dialogues of a page."""
    return re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def free_ports() -> dict[str, str]:
    """This machine's free ports in the place of those that pages name."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return {"8443": str(one.getsockname()[1]), "8448": str(other.getsockname()[1])}


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL that ends with the test."""
    made = PostgreSQL()
    yield made
    made.cleanup()


def follow(page: Path, terminal: Terminal) -> int:
    """Type every command of a page; returns how many there were."""
    commands = [step for block in blocks(page) for step in dialogue(block)]
    try:
        for command, lines in commands:
            status, told = terminal.type(command)
            assert not missing(lines, told), (command, told)
            assert status == 0 or command in HAVE_A_STATUS, (command, status, told)
    finally:
        terminal.close()
    return len(commands)


HAVE_A_STATUS = {"cuefarm doctor", "cuefarm doctor --json > doctor.json"}
"""Their status tells whether anything is wrong, and on a machine of tests something may be."""


@pytest.mark.parametrize("page", [page for page in LOCAL if blocks(page)], ids=lambda page: page.stem)
def test_a_page_is_true(page: Path, tmp_path: Path) -> None:
    """Each command of a page succeeds in its order, and prints what is shown below it."""
    assert follow(page, Terminal(tmp_path, free_ports()))


def test_the_page_on_postgresql_is_true(postgresql: PostgreSQL, tmp_path: Path) -> None:
    """A user, a database, a server on it, a copy and its way back, as the page has them."""
    (page,) = [page for page in PAGES if page not in LOCAL]
    socket_folder = postgresql.url.split("host=")[1]
    here = {**free_ports(), "postgresql://cuefarm@dbhost/farm": f"'postgresql://cuefarm@/farm?host={socket_folder}'"}
    environment = {"PGHOST": socket_folder, "PGUSER": "postgres"}
    terminal = Terminal(tmp_path, here, environment)
    terminal.type(f"PATH={postgresql.programs}:$PATH")
    assert follow(page, terminal)
