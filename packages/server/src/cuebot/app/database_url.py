"""The database that a command was given, with its password from a file: a command line is read by the whole machine."""

from __future__ import annotations

import sys
from pathlib import Path

from cuebot.app.exit_status import CannotStart
from cuebot.app.token_file import others_can_read
from cuebot.journal import JournalUnusable
from cuebot.journal.database import has_password, with_password


def database_url(command: str, url: str, password_file: Path | None, *, by_flag: bool = True) -> str:
    """A URL with the password of a file in it, where there is one. `by_flag` it stands on the command line.

    Warns on stderr of a password that others can read. Raises CannotStart.
    """
    try:
        if by_flag and has_password(url):
            _warn(
                command,
                "every user of this machine can read the password in --db (with ps); give the URL without it, and"
                " --db-password-file FILE",
            )
        if password_file is None:
            return url
        return with_password(url, _password_in(command, password_file))
    except JournalUnusable as error:
        raise CannotStart(str(error)) from error


def _password_in(command: str, file: Path) -> str:
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
        if others_can_read(file):
            _warn(command, f"others can read the database's password; chmod 600 {file}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CannotStart(f"the password file {file} cannot be read: {reason}") from None
    if not password or "\n" in password:
        raise CannotStart(f"the password file {file} must hold the password as its only line")
    return password


def _warn(command: str, detail: str) -> None:
    print(f"cuefarm {command}: warning: {detail}", file=sys.stderr)
