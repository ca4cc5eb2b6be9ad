"""One run of the command: its options, how it asks, how it reports, and what went wrong on the way."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any, Callable, Iterable

from cue_cli.cueadmin.output_styles import CUEFARM
from opencue.exception import ConnectionException, CueException


class UsageError(ValueError):
    """The command line makes no sense; the exit status is 2."""


class CommandError(Exception):
    """The command cannot be done; the exit status is 1."""


class Canceled(Exception):
    """Somebody said no; the exit status is 0."""


class Session:
    """What a command needs besides its own arguments."""

    def __init__(self, options: Namespace) -> None:
        self.options = options
        self.style: str = options.format
        self.failed = False

    def confirm(self, question: str, *, named: bool = False, force_required: bool = False) -> None:
        """Ask, and raise Canceled unless the answer is yes; -force answers for everybody.

        Without a terminal on stdin nobody can be asked: a command that names what it changes (`named`) then goes
        ahead, so that `... | xargs cueadmin -kill` works; one on everything (`force_required`) needs -force; others
        read the answer from stdin.
        """
        if self.options.force:
            return
        if not sys.stdin.isatty():
            if named:
                return
            if force_required:
                raise CommandError(f"{question} concerns everything and nobody can be asked; add -force to do it")
        try:
            answer = input(f"Please confirm. {question}? [y/n] ")
        except EOFError:
            raise CommandError(f"{question} needs a yes and nobody answers; add -force to do it") from None
        if answer.strip() not in ("y", "Y"):
            print("Canceled")
            raise Canceled

    def report(self, text: str) -> None:
        """Print what was done; the upstream style is silent, as its scripts expect."""
        if self.style == CUEFARM:
            print(text)

    def warn(self, text: str) -> None:
        """Print a warning on stderr."""
        print(f"Warning: {text}", file=sys.stderr)

    def each(self, names: Iterable[str], act: Callable[[str], Any]) -> None:
        """Do something for each name; one that fails is reported and spoils the exit status, not the others."""
        for name in names:
            try:
                act(name)
            except ConnectionException:
                raise  # the next name would find no server either
            except (CueException, CommandError) as error:
                print(f"Error: {name}: {error}", file=sys.stderr)
                self.failed = True
