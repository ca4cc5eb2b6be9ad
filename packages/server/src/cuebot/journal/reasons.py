"""What an error of a database means, in words that say what to do, and whether waiting may mend it."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

_SQLITE_REASONS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_BUSY: "another process holds the file locked; end it, or wait for it",
    sqlite3.SQLITE_LOCKED: "another process holds the file locked; end it, or wait for it",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; look at its owner and mode",
    sqlite3.SQLITE_PERM: "the file may not be used; look at its owner and mode",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; look whether its folder exists and may be written",
    sqlite3.SQLITE_IOERR: "the disk reports an error; look at its space, quota and health",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database",
}
_SQLITE_PASSES: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}
)

_NO_DATABASE: Final = "there is no such database; create it with `createdb`"
_WRONG_PASSWORD: Final = "the user name or password is wrong, or this way to log in is not allowed"
_NOT_LET_IN: Final = "the database server does not let this user in from here; its pg_hba.conf says who may"
_UNKNOWN_HOST: Final = "the name of the database server is not known (yet): is it spelled right?"
_READ_ONLY: Final = "the database is read-only: is this a replica?"

_POSTGRESQL_REASONS: Final = {
    "53100": "the database server's disk is full; free some space there",
    "25006": _READ_ONLY,
    "42501": "this user may not write there; grant it the schema's tables",
    "3D000": _NO_DATABASE,
    "28P01": _WRONG_PASSWORD,
    "28000": _NOT_LET_IN,
    "53300": "the database server has no connection left",
}
_POSTGRESQL_PASSES: Final = ("08", "25006", "40", "53", "55P03", "57", "58")
"""Beginnings of states that pass: no connection, a replica that may be promoted, a conflict, no resources, a lock,
a server that starts or ends, an error of its system."""

_REFUSED_FOR_GOOD: Final = (
    # A connection that could not be made has no state, only words: libpq's own, and the server's in English.
    ("no password supplied", "the database server asks for a password; PGPASSFILE or --db-password-file give it"),
    ("authentication failed", _WRONG_PASSWORD),
    ("no pg_hba.conf entry", _NOT_LET_IN),
    ("pg_hba.conf rejects", _NOT_LET_IN),
    ("is not permitted to log in", _NOT_LET_IN),
    ("permission denied", "this user may not use the database; grant it CONNECT"),
    ("Permission denied", "the database server's socket may not be used by this user"),
    ('FATAL: role "', "there is no such user in the database server; create it with `createuser`"),
    ("is not currently accepting connections", "the database is closed; ALTER DATABASE ... ALLOW_CONNECTIONS true"),
    ("does not exist", _NO_DATABASE),
    ("invalid connection option", "the URL has a parameter that PostgreSQL does not know"),
    ("server does not support SSL", "the URL asks for SSL, and the database server has none"),
    ("certificate", "the certificate of the database server is not accepted"),
)
_MAY_PASS: Final = (
    ("starting up", "the database server is starting"),
    ("shutting down", "the database server is going down"),
    ("recovery", "the database server recovers from a crash"),
    ("not yet accepting connections", "the database server is starting"),
    ("could not translate host name", _UNKNOWN_HOST),
    ("failed to resolve host", _UNKNOWN_HOST),
    ("Connection refused", "no database server answers there (yet)"),
    ("No such file or directory", "no database server answers there (yet)"),
    ("timeout expired", "no database server answers there (yet)"),
)


def reason_of(error: Exception) -> str:
    """What an error of SQLAlchemy or of a driver means, and what to do about it."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    original = _original(error)
    words = _words(original)
    if isinstance(original, sqlite3.Error):
        reason = _SQLITE_REASONS.get(_sqlite_code(original))
    else:
        reason = _POSTGRESQL_REASONS.get(_state(original))
        if reason is None and not _state(original):
            reason = next((meant for said, meant in (*_REFUSED_FOR_GOOD, *_MAY_PASS) if said in words), None)
        if reason is None and lost:
            reason = "the connection to the database server was lost"
    return f"{reason} ({words})" if reason else words


def may_pass(error: Exception) -> bool:
    """Whether the same attempt may succeed later although nobody changes a setting.

    A connection that was refused in words that are not known counts as one that may: a server in another language
    says "starting up" in its own.
    """
    original = _original(error)
    if isinstance(original, sqlite3.Error):
        return _sqlite_code(original) in _SQLITE_PASSES
    state = _state(original)
    if state:
        return state.startswith(_POSTGRESQL_PASSES)
    if not isinstance(error, DBAPIError):
        return False
    words = _words(original)
    return not any(said in words for said, _ in _REFUSED_FOR_GOOD)


def _original(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())


def _sqlite_code(error: sqlite3.Error) -> int:
    """The primary code; -1 where the error is Python's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def _state(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or ""
