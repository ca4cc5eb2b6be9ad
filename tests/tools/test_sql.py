"""`python -m tools.sql`: a look into a database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tools.sql import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a row."""
    path = tmp_path / "farm.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table job (name, state)")
        database.execute("insert into job values ('one', 'PENDING')")
        database.commit()
    return path


def test_rows_stand_under_their_columns(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fields between tabs, for people and `cut` alike."""
    assert main([str(file), "select * from job"]) == 0
    assert capsys.readouterr().out == "name\tstate\none\tPENDING\n"


def test_nothing_can_be_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the hand does no harm to a farm."""
    assert main([str(file), "delete from job"]) == 1
    assert "readonly database" in capsys.readouterr().err
    assert main([str(file), "select count(*) from job"]) == 0
    assert capsys.readouterr().out.endswith("\n1\n")
