"""From a command line to the words of a process."""

from __future__ import annotations

import re

# What the shell would hand over unchanged: no quotes, variables, patterns, operators or comments.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./ -][A-Za-z0-9_@%+=:,./ -]*")


def direct_arguments(command: str) -> list[str]:
    """The words of a command that needs no shell; none where it needs one, or might.

    Without the shell a start is cheaper, and a signal that ends the program is seen as one. Only a program given by
    its path qualifies: a bare word might be a builtin of the shell, which can differ from a program of that name.
    """
    if not command.startswith("/") or not _PLAIN.fullmatch(command):
        return []
    return command.split()
