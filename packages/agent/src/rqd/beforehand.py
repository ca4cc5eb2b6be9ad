"""What is looked at before an agent says that it started: its token file, and the address that it is to listen on."""

from __future__ import annotations

import errno
import os
import socket

from rqd.options import Options

CANNOT_START_NOW = 75
"""The exit status of an agent that may start later without anybody's doing: its address is in use."""
CANNOT_START = 78
"""The exit status of an agent that nobody needs to start again before its options or its token file are others."""

_PASSING_ERRNOS = frozenset({errno.EADDRINUSE, socket.EAI_AGAIN})
_WHY = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


class CannotStart(Exception):
    """This agent cannot start as it was told to. The message says what to do, and `status` whether waiting may help."""

    def __init__(self, message: str, status: int = CANNOT_START) -> None:
        super().__init__(message)
        self.status = status


def check(options: Options) -> None:
    """Raise CannotStart where the token cannot be read or the address cannot be listened on."""
    if options.token_file is not None:
        read_token(options.token_file)
    check_address(options.bind, options.port)


def read_token(path: str) -> tuple[str, int]:
    """The token of a file, and the user id of the file's owner. Raises CannotStart."""
    try:
        with open(path, encoding="utf-8") as file:
            owner = os.fstat(file.fileno()).st_uid
            text = file.read().strip()
    except FileNotFoundError:
        raise CannotStart(
            f"there is no token file {path}; copy the server's there, readable by this user only"
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no text"
        raise CannotStart(
            f"the token file {path} cannot be read: {why}; it must be readable by the user that runs rqd"
        ) from None
    if not text or not text.isascii() or not text.isprintable():
        raise CannotStart(f"the token file {path} must hold one line of printable ASCII; copy the server's there again")
    return text, owner


def check_address(bind: str, port: int) -> None:
    """Raise CannotStart where nobody can listen there now. gRPC's own words for it are for its developers."""
    host = bind.strip("[]")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as listener:
            if os.name == "posix":  # a connection that has just ended there is no obstacle
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as problem:
        number = problem.errno or 0
        why = _WHY.get(number) or f"cannot be listened on ({problem.strerror or problem})"
        raise CannotStart(
            f"the address {bind}:{port} {why}; give another --port (0 takes a free one) or --bind",
            CANNOT_START_NOW if number in _PASSING_ERRNOS else CANNOT_START,
        ) from None
