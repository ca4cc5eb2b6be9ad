"""What a command prints, where nobody reads it any more (`| head`) or it cannot be stored (a full disk).

A command that acts does so whether or not anybody reads on; one that only tells ends with its reader. What cannot be
stored is told in a line on stderr and costs the exit status, since somebody meant to keep it. So is an error that the
command itself has no words for, such as a configuration that cannot be read: only who asks for it sees a traceback.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import sys
from typing import Any, Callable, Iterator, Optional

from cue_cli import descriptors

WITH_TRACEBACK = frozenset(("-verbose", "--verbose", "-D", "--debug"))
"""Flags of commands that ask for the whole story of an error."""


class NobodyReads(Exception):
    """The reader of a command that only tells has gone."""


class Output:
    """A standard stream that a command cannot fail on: what is written after its end goes nowhere."""

    def __init__(self, stream: Any, after: Optional[Output] = None) -> None:
        self._stream = stream
        self._after = after
        """What was written there before comes first where both go to one place: `2>&1 | less`."""
        self.problem: Optional[OSError] = None
        """Why something could not be stored, if so."""
        self.is_for_reader = False
        """Without a reader there is nothing to go on for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    @property
    def buffer(self) -> Any:
        """The stream of bytes below, as lenient."""
        return _Bytes(self, getattr(self._stream, "buffer", None))

    def write(self, text: str) -> int:
        """Write as far as that is possible."""
        try:
            if self._after is not None:
                self._after.flush()
        finally:  # also when nobody reads the other
            self.attempt(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Have everything leave that was written."""
        self.attempt(lambda: self._stream.flush())

    def attempt(self, act: Callable[[], Any]) -> None:
        """Do something with the stream that its reader, or its disk, may not bear."""
        if self._stream is None:  # the command was started without it
            return
        try:
            act()
        except BrokenPipeError:
            self._lead_nowhere()
            if self.is_for_reader:
                raise NobodyReads from None
        except OSError as error:
            self.problem = self.problem or error
            if self.is_for_reader:
                raise NobodyReads from None

    def close(self) -> None:
        """Write the rest; nothing is left for the interpreter's end, which could not be caught there."""
        self.is_for_reader = False
        self.flush()
        if self.problem is not None:
            self._lead_nowhere()
            self.flush()

    def _lead_nowhere(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # one that is no file has no number
            number = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


class _Bytes:
    """The bytes below a standard stream."""

    def __init__(self, output: Output, stream: Any) -> None:
        self._output, self._stream = output, stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes) -> int:
        self._output.attempt(lambda: self._stream.write(data))
        return len(data)

    def flush(self) -> None:
        self._output.attempt(lambda: self._stream.flush())


def run_command(name: str, act: Callable[[], int]) -> int:
    """Run a command whose output may end early, and return its exit status: 1 where something could not be stored."""
    descriptors.open_missing()
    before = sys.stdout, sys.stderr
    out = Output(sys.stdout)
    err = Output(sys.stderr, after=out)
    sys.stdout, sys.stderr = out, err
    ending: Optional[SystemExit] = None
    status = 0
    try:
        try:
            status = act()
        except NobodyReads:
            pass
        except SystemExit as error:
            ending = error
        except Exception as error:
            if set(sys.argv) & WITH_TRACEBACK:
                raise
            err.write(f"{name}: {_one_line(error)}\n")
            status = 1
        out.close()
        if out.problem is not None:
            err.write(f"{name}: the output could not be written: {_words(out.problem)}\n")
            status = status or 1
        if ending is not None and (out.problem is None or ending.code not in (0, None)):
            raise ending
        return status
    finally:
        out.close()
        err.close()
        sys.stdout, sys.stderr = before


def ends_with_reader() -> None:
    """Say that the command only tells, so that it may end as soon as nobody reads on."""
    if isinstance(sys.stdout, Output):
        sys.stdout.is_for_reader = True


def as_it_is() -> None:
    """Give the streams back as they were: what runs from here on is no command of ours."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Output):
            setattr(sys, name, stream._stream)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, (ValueError, OSError, configparser.Error)):  # these say what is wrong with a file or a value
        return text
    return f"this should not have happened: {type(error).__name__}: {text} (-verbose, or -D of pycuerun, says where)"


def _words(error: OSError) -> str:
    return f"{error.strerror or error}"
