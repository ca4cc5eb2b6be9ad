"""Which variables of a frame are not for everybody who may read its log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


def shown_environment(
    environment: Mapping[str, str], patterns: Iterable[str], names: Collection[str] = ()
) -> dict[str, str]:
    """The variables as a log lists them: without the values of those that are named, or whose name fits a pattern."""
    wanted = tuple(patterns)
    return {
        name: NOT_SHOWN if name in names or any(fnmatchcase(name.upper(), pattern) for pattern in wanted) else value
        for name, value in environment.items()
    }
