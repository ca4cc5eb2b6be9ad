"""From what a launch wants started to the words of a supervisor and of a log."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

NO_SHELL = ""
"""In the place of a supervisor's command."""

_SHELL = ("/bin/sh", "-c")

# What the shell would hand over unchanged: no quotes, variables, patterns, operators or comments.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./ -][A-Za-z0-9_@%+=:,./ -]*")


def supervisor_words(launch: Mapping[str, Any]) -> list[str]:
    """What a supervisor is to start: a command for the shell, or `NO_SHELL`, and then the words of a program."""
    text, wrapper = launch["shell_text"], launch["wrapper"]
    if launch["arguments"]:
        return [NO_SHELL, *wrapper, *launch["arguments"]]
    if wrapper:
        return [NO_SHELL, *wrapper, *_SHELL, text]
    return [text, *direct_arguments(text)]


def shown_command(launch: Mapping[str, Any]) -> str:
    """The same for a reader, who may copy it into a shell."""
    text, wrapper = launch["shell_text"], launch["wrapper"]
    if launch["arguments"]:
        return shlex.join([*wrapper, *launch["arguments"]])
    return shlex.join([*wrapper, *_SHELL, text]) if wrapper else str(text)


def direct_arguments(command: str) -> list[str]:
    """The words of a command that needs no shell; none where it needs one, or might.

    Without the shell a start is cheaper, and a signal that ends the program is seen as one. Only a program given by
    its path qualifies: a bare word might be a builtin of the shell, which can differ from a program of that name.
    """
    if not command.startswith("/") or not _PLAIN.fullmatch(command):
        return []
    return command.split()
