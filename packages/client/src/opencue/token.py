"""The installation's token, which lets a client in where the server does not know its user.

It is read from a file: the one that CUEFARM_TOKEN_FILE names, else `cuebot.token_file` of the configuration, else that
of the farm at this address which the same user runs on this machine. Without any a call goes without: a server lets in
the user that runs it, on its own machine.

The last of these is a guess, so nobody is locked out by it: where the server refuses it, calls go without. A file that
was named is read again when its token is refused, since tokens are changed while clients run.
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
    """A token, and where it is from."""

    text: str
    path: str
    """The file, as it was named."""
    named_by: str
    owner: int
    """The user id of the file's owner, who is trusted with it."""
    is_guessed: bool = False
    """Nobody named the file for this server: it is that of a farm which runs there."""


class TokenInUse:
    """What calls to one server carry."""

    def __init__(self, address: str, config: dict[str, Any]) -> None:
        self.address, self._config = address, config
        self.current = token_for(address, config)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call has of it."""
        return ((KEY, self.current.text),) if self.current else ()

    def change(self, refused: list[Optional[Token]]) -> bool:
        """Take another one than those that the server has refused; False where there is none.

        That is what the file has by now, or none where the file was only guessed.
        """
        try:
            fresh = token_for(self.address, self._config)
        except CueException:
            return False  # the refusal says more
        tried = {token.text if token else "" for token in refused}
        choices: list[Optional[Token]] = [fresh] if fresh else []
        choices += [None] if fresh is None or fresh.is_guessed else []
        for token in choices:
            if (token.text if token else "") not in tried:
                self.current = token
                return True
        return False

    def why_refused(self, details: str) -> str:
        """Return why a server refuses this client, from its own words; a wrong token is told by its file."""
        if self.current is None or KEY not in details:
            return details
        return (
            f"the token in {self.current.path} ({self.current.named_by}) is not that of {self.address}. Put a copy of"
            f" the token file that this server was started with in its place, or let {VARIABLE} name one"
        )


def token_for(address: str, config: dict[str, Any]) -> Optional[Token]:
    """Return the token to send to a server, or None where there is none; CueException for a file that has none."""
    for path, named_by in named_files(config):
        text, owner = _read(os.path.expanduser(path), named_by)
        return Token(text, path, named_by, owner)
    for farm in running_farms.found():
        if farm.token_file and farm.address == address:
            named_by = "the farm's own record"
            try:
                text, owner = _read(farm.token_file, named_by)
                return Token(text, farm.token_file, named_by, owner, is_guessed=True)
            except CueException:
                return None  # the server knows this user without it
    return None


def token_of_only_farm_here() -> Optional[Token]:
    """Return the token of the one farm that this user runs on this machine, as a guess; None where there are others.

    Its agents carry the same one, at addresses of their own.
    """
    farms = [farm for farm in running_farms.found() if farm.token_file]
    if len(farms) != 1:
        return None
    named_by = "the farm's own record"
    try:
        text, owner = _read(farms[0].token_file, named_by)
    except CueException:
        return None
    return Token(text, farms[0].token_file, named_by, owner, is_guessed=True)


def named_files(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the token files that somebody has named, and by what; the first of them counts."""
    named = ((os.environ.get(VARIABLE), VARIABLE), (config.get(CONFIGURED), CONFIGURED))
    return [(str(path), named_by) for path, named_by in named if path]


def _read(path: str, named_by: str) -> tuple[str, int]:
    try:
        with open(path, encoding="utf-8") as file:
            owner = os.fstat(file.fileno()).st_uid
            text = file.read(_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CueException(f"The token file {path}, named by {named_by}, cannot be read: {reason}.") from None
    if not text or not text.isascii() or not text.isprintable():
        raise CueException(f"The token file {path}, named by {named_by}, must hold one line of printable ASCII.")
    return text, owner
