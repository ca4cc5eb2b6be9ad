"""The installation's token, which lets a client in where the server does not know its user.

It is read from a file: the one that CUEFARM_TOKEN_FILE names, else `cuebot.token_file` of the configuration, else that
of the farm at this address which the same user runs on this machine. Without any a call goes without: a server lets in
the user that runs it, on its own machine.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional

from opencue import running_farms
from opencue.exception import CueException

KEY = "cuefarm-token"
VARIABLE = "CUEFARM_TOKEN_FILE"
CONFIGURED = "cuebot.token_file"
_BYTES_MAX = 4096


class Token(NamedTuple):
    """A token, and the user id of its file's owner, who is trusted with it."""

    text: str
    owner: int


def token_for(address: str, config: dict[str, Any]) -> Optional[Token]:
    """Return the token to send to a server, or None where there is none; CueException for a file that has none."""
    for path, named_by in ((os.environ.get(VARIABLE), VARIABLE), (config.get(CONFIGURED), CONFIGURED)):
        if path:
            return _read(os.path.expanduser(path), named_by)
    for farm in running_farms.found():
        if farm.token_file and farm.address == address:
            try:
                return _read(farm.token_file, "the farm's own record")
            except CueException:
                return None  # the server knows this user without it
    return None


def _read(path: str, named_by: str) -> Token:
    try:
        with open(path, encoding="utf-8") as file:
            owner = os.fstat(file.fileno()).st_uid
            text = file.read(_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CueException(f"The token file {path}, named by {named_by}, cannot be read: {reason}.") from None
    if not text or not text.isascii() or not text.isprintable():
        raise CueException(f"The token file {path}, named by {named_by}, must hold one line of printable ASCII.")
    return Token(text, owner)
