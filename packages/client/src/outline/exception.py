"""The errors that outlines raise."""

from __future__ import annotations


class OutlineException(Exception):
    """An outline cannot be built, stored, loaded or launched as asked."""


class LayerException(OutlineException):
    """A layer was given something it cannot work with."""


class SessionException(OutlineException):
    """A session has no such file or value, already has it, or is not there yet."""


class ShellCommandFailureException(OutlineException):
    """A command ended with an exit status other than 0.

    `exit_status` is that status; a negative one is the number of the signal that ended the command.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.message = message
        self.exit_status = exit_status


class JobFailedException(OutlineException):
    """A job that was waited for cannot go on: frames are dead, what is left waits for them. Commands exit with 3."""

    exit_status = 3


class JobKilledException(OutlineException):
    """A job that was waited for was killed before it was done. Commands exit with 4."""

    exit_status = 4


class FailImmediately(OutlineException):
    """Raised in an event listener to stop the launch or the frame; other errors of listeners are only logged."""


class FileSpecException(Exception):
    """A file specification does not name what it is asked for."""
