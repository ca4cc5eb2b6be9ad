"""The journal: every row that a restart loads, and the farm's history, in SQLite or PostgreSQL."""

from cuebot.journal.database import JournalAway, JournalTaken, JournalUnusable, sqlite_file
from cuebot.journal.history import History
from cuebot.journal.sql_journal import SqlJournal

__all__ = ["History", "JournalAway", "JournalTaken", "JournalUnusable", "SqlJournal", "sqlite_file"]
