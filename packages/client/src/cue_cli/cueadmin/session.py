"""One run of the command: its options, how it asks, how it reports, and what went wrong on the way."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from typing import Any, Callable, Iterable, Optional

from cue_cli.cueadmin.output_styles import CUEFARM
from opencue.changed import Changed
from opencue.exception import (
    ConnectionException,
    CueException,
    CueInternalErrorException,
    EntityAlreadyExistsException,
    EntityNotFoundException,
)


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
        self.acted = False
        """Something was changed."""
        self.idle = False
        """There was nothing to do for something that was named."""

    @property
    def status(self) -> int:
        """The exit status: 1 where a thing that was named could not be done, or nothing at all had to be."""
        return 1 if self.failed or (self.idle and not self.acted) else 0

    @property
    def asks(self) -> bool:
        """Somebody is there to be asked, and -force does not answer for him: he should see what will be hit."""
        return not self.options.force and sys.stdin.isatty()

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
                raise CommandError(f'nothing is done: there is no terminal to ask "{question}?"; add -force to do it')
        try:
            answer = input(f"Please confirm. {question}? [y/n] ")
        except EOFError:
            print(flush=True)  # the question has no line end of its own
            raise CommandError(f'nothing is done: nobody answered "{question}?"; add -force to do it') from None
        if answer.strip() not in ("y", "Y"):
            print("Canceled")
            raise Canceled

    def report(self, text: str) -> None:
        """Print what was done; the upstream style is silent, as its scripts expect."""
        if self.style == CUEFARM:
            print(text)

    def changed(self, what: str, number: Changed, done: str, nothing: str = "") -> None:
        """Report what came of an action on `what`: it is `done`, or there was `nothing` to do (`number` is 0)."""
        if number == 0:
            self.idle = True
            print(f"{what}: {nothing}", file=sys.stderr)
        else:  # a server that gives no number has done it
            self.acted = True
            self.report(f"{what}: {done}")

    def set(self, what: str, value: str, number: Changed, stored: Optional[Callable[[], str]] = None) -> None:
        """Report that something has a value now, or had it already.

        `stored` asks the server, which may have kept another value than was typed; its words are reported then.
        """
        if stored is not None and self.style == CUEFARM:
            with contextlib.suppress(EntityNotFoundException):  # it may be gone by now
                value = stored()
        self.changed(what, number, value, f"{value} already")

    def tell(self, text: str) -> None:
        """Say on stderr why a list is empty; JSON says it by itself, and upstream's scripts expect silence."""
        if self.style == CUEFARM and not self.options.json:
            print(text, file=sys.stderr)

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
                self.fail(name, error)

    def fail(self, name: str, error: Exception) -> None:
        """Report that something could not be done for a name."""
        detail = said(error)
        print(f"Error: {detail if name in detail else f'{name}: {detail}'}", file=sys.stderr)
        self.failed = True


def said(error: Exception) -> str:
    """Return what an error says: where the server has words for it, those alone."""
    plain = (EntityNotFoundException, EntityAlreadyExistsException, CueInternalErrorException)
    return error.details() if isinstance(error, plain) else str(error)
