"""The installation's token: one line of random text that the server and every agent read from a file."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


class TokenUnusable(RuntimeError):
    """There is no token in the file, or it may not be made; the message says what to do."""


def make(path: Path) -> None:
    """Write a new token that only its owner can read. Raises TokenUnusable where the file is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise TokenUnusable(
            f"{path} is there already and stays as it is: agents may carry its token; use another name, or remove it"
        ) from None
    except OSError as error:
        raise TokenUnusable(f"{path} cannot be written: {error.strerror}; use a file in a folder of your own") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def read(path: Path) -> str:
    """The token of a file. Raises TokenUnusable."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise TokenUnusable(f"there is no token file {path}; `cuefarm token {path}` makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TokenUnusable(f"the token file {path} cannot be read: {reason}") from None
    if not text or not text.isascii() or not text.isprintable():
        raise TokenUnusable(
            f"the token file {path} must hold one line of printable ASCII; remove it, and `cuefarm token {path}` makes"
            " a new one"
        )
    return text


def others_can_read(path: Path) -> bool:
    """Whether somebody besides the file's owner may read the token."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def run(path: Path, *, show: bool) -> int:
    """`cuefarm token`: make a token file and say what it is for, or show the token of one. Returns the exit status."""
    import sys

    try:
        if show:
            print(read(path))
            return 0
        make(path)
    except TokenUnusable as error:
        print(f"cuefarm token: {error}", file=sys.stderr)
        return 1
    print(
        f"""made {path}, readable by you alone

Give the server this file (cuefarm serve --token-file {path} ...), and every host a copy of it
that only the user who runs `rqd` there can read (rqd --token-file {path} ...), for example:
  scp -p {path} HOST:"""
    )
    return 0
