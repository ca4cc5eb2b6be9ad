"""Which variables of a frame are not for everybody who may read its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

SECRET_NAMES = (
    "*TOKEN*",
    "*SECRET*",
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*_PASS",
    "*_PWD",  # PWD itself is a folder
    "*_KEY",
    "*API_KEY*",
    "*APIKEY*",
    "*CREDENTIAL*",
)
"""Names that look like secrets, in capitals; a name is compared without regard to case."""
NOT_SHOWN = "(not shown)"


def shown_environment(environment: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """The variables as a log lists them: the values of those whose name fits a pattern are left out."""
    wanted = tuple(patterns)
    return {
        name: NOT_SHOWN if any(fnmatchcase(name.upper(), pattern) for pattern in wanted) else value
        for name, value in environment.items()
    }
