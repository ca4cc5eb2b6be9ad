"""The tables fit the nouns, every way to make them is the same, and a database of another version is told apart."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from journal_farm import reloaded, summary
from sqlalchemy import BigInteger, Boolean, Connection, LargeBinary, Text

from cuebot.domain.frames import COLUMNS
from cuebot.domain.nouns import NOUNS, stored_fields
from cuebot.domain.recount import check
from cuebot.journal import History, JournalUnusable, SqlJournal, migrate
from cuebot.journal.database import engine_for, parse
from cuebot.journal.tables import FRAME, METADATA, TABLES, JsonText

Open = Callable[[str], SqlJournal]
FIXTURES = Path(__file__).parent / "fixtures"
COLUMN_TYPES: dict[Any, type] = {str: Text, int: BigInteger, bool: Boolean, bytes: LargeBinary}


@pytest.mark.parametrize("kind", NOUNS)
def test_a_table_has_the_stored_fields_of_its_noun(kind: str) -> None:
    """Columns and stored fields are the same, in the same order, of types that fit; only `| None` may be null."""
    table, hints = TABLES[kind], get_type_hints(NOUNS[kind])
    assert tuple(table.columns.keys()) == stored_fields(NOUNS[kind])
    for column in table.columns:
        hint = hints[column.name]
        optional = get_origin(hint) in (Union, types.UnionType)
        plain = next(a for a in get_args(hint) if a is not type(None)) if optional else hint
        plain = getattr(plain, "__supertype__", plain)
        base = int if isinstance(plain, type) and issubclass(plain, int) and plain is not bool else plain
        assert type(column.type) is COLUMN_TYPES.get(base, JsonText), column.name
        assert column.nullable == optional, column.name


def test_the_frame_table_has_every_stored_column() -> None:
    """A frame's row has the columns of `COLUMNS` in their order, its place, and its dispatch order."""
    assert tuple(FRAME.columns.keys()) == ("layer_key", "idx", *COLUMNS, "dispatch_order")
    assert not any(column.nullable for column in FRAME.columns)


def migrated(url: str) -> Connection:
    """A connection to a database whose tables were all made by migrations."""
    connection = engine_for(parse(url)).connect()
    with connection.begin():
        migrate.run_migrations(connection)
    return connection


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")  # see PostgreSQL
def test_migrations_make_the_declared_tables(url: str) -> None:
    """A database that went through every revision has the tables that this version declares."""
    with migrated(url) as connection, connection.begin():
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert migrate.stored_revision(connection) == migrate.HEAD


def test_a_new_file_equals_a_migrated_one(tmp_path: Path, open_journal: Open) -> None:
    """A new SQLite database, made without Alembic, is the same to the letter."""
    migrated(f"sqlite:///{tmp_path / 'old.sqlite'}").close()
    open_journal(f"sqlite:///{tmp_path / 'new.sqlite'}").close()

    def schema(name: str) -> dict[str, str]:
        with sqlite3.connect(tmp_path / name) as reader:
            rows = reader.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        reader.close()
        # a table that a migration made anew has its name in quotes
        return {row[0]: " ".join(row[1].replace('"', "").split()) for row in rows if row[0] != "alembic_version"}

    assert schema("new.sqlite") == schema("old.sqlite")


def test_the_known_revisions_are_those_in_the_folder() -> None:
    """The revisions that start-up compares with are Alembic's, in its order."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == migrate.REVISIONS


def test_a_database_of_a_newer_version_is_refused(url: str, open_journal: Open) -> None:
    """Tables of a revision that this version does not know are left alone, and the message says what to do."""
    open_journal(url).close()
    engine = engine_for(parse(url))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(JournalUnusable, match="written by a newer cuefarm: its tables have revision 9999"):
        SqlJournal(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{migrate.HEAD}'")
    open_journal(url)


def test_somebody_elses_database_is_refused(url: str) -> None:
    """A database with a table `job` that is not ours is left alone."""
    with engine_for(parse(url)).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE job (pay integer)")
    with pytest.raises(JournalUnusable, match="has tables that cuefarm did not make"):
        SqlJournal(url)


def test_an_ordinary_start_does_not_load_alembic(tmp_path: Path) -> None:
    """Neither a new database nor one of this version costs the time and memory of Alembic."""
    code = (
        "import sys; from cuebot.journal import SqlJournal\n"
        f"for _ in range(2): SqlJournal('sqlite:///{tmp_path / 'farm.sqlite'}').close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(path.stem for path in FIXTURES.glob("v*.sqlite")))
def test_a_stored_database_opens_with_todays_code(name: str, tmp_path: Path, open_journal: Open) -> None:
    """The farm that an earlier version stored is still all there, and its history can still be read."""
    path = tmp_path / "farm.sqlite"
    shutil.copy(FIXTURES / f"{name}.sqlite", path)
    expected = json.loads((FIXTURES / f"{name}.json").read_text())
    journal = open_journal(f"sqlite:///{path}")
    assert uuid.UUID(journal.farm_id)
    farm, last_seq = reloaded(journal, expected["now_us"])
    check(farm)
    found = msgspec.to_builtins(summary(farm))
    assert {name: found[name] for name in expected["farm"]} == expected["farm"]
    history = History(f"sqlite:///{path}")
    events = history.events_since(0)
    history.close()
    assert [type(recorded.event).__name__ for recorded in events] == expected["events"]
    assert last_seq == events[-1].seq


def test_there_is_a_stored_database_of_every_revision() -> None:
    """Whoever adds a revision stores a database of it (`make_fixture.py`), before the next one comes."""
    assert {path.stem[1:] for path in FIXTURES.glob("v*.sqlite")} == set(migrate.REVISIONS)
