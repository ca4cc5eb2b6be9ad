"""Bringing a database to this version's tables, and refusing one that a newer version has written.

Alembic changes the tables of an older version, and is imported only then: it costs a third of a second and 12 MB. A new
database gets today's tables as `tables` declares them; a test holds the two ways equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, inspect, select

from cuebot.journal.database import JournalUnusable
from cuebot.journal.tables import ALEMBIC_VERSION, METADATA

REVISIONS: Final = tuple(f"{number:04d}" for number in range(1, 17))
"""Every revision in `migrations/versions`, oldest first."""
HEAD: Final = REVISIONS[-1]


def upgrade(connection: Connection, name: str) -> bool:
    """Bring a database to the newest revision, in one transaction. Returns whether there was anything to do.

    Raises JournalUnusable where that is impossible; `name` is what messages call the database.
    """
    with connection.begin():
        stored = stored_revision(connection, name)
        if stored == HEAD:
            return False
        if stored is not None and stored not in REVISIONS:
            raise JournalUnusable(
                f"{name} was written by a newer cuefarm: its tables have revision {stored}, and this version knows"
                f" {HEAD}; install the version that wrote it, or start with another database"
            )
        if stored is None:
            METADATA.create_all(connection, checkfirst=False)
            connection.execute(insert(ALEMBIC_VERSION).values(version_num=HEAD))
        else:
            run_migrations(connection)
    return True


def stored_revision(connection: Connection, name: str = "the database") -> str | None:
    """The revision that a database says it has; None for a new one. Raises JournalUnusable for somebody else's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        revision: str | None = connection.execute(select(ALEMBIC_VERSION.c.version_num)).scalar_one_or_none()
        if revision is not None:
            return revision
    if tables & {"job", "layer", "frame", "host"}:
        raise JournalUnusable(f"{name} has tables that cuefarm did not make; give it a database of its own")
    return None


def run_migrations(connection: Connection) -> None:
    """Let Alembic bring the tables from whatever revision they have to the newest, within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
