"""Finding the policies that are installed: entry points of the group `cuefarm.policy`."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from cuebot.scheduling.rules.policy import Policy

GROUP: Final = "cuefarm.policy"


class PolicyUnusable(RuntimeError):
    """A policy that is installed cannot be loaded; booking without it might break what it is there to keep."""


def installed_policies() -> list[Policy]:
    """Every installed policy, by name. Raises PolicyUnusable."""
    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            found.append(Policy.of(entry.name, entry.load()))
        except Exception as error:
            raise PolicyUnusable(
                f"the policy {entry.name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}; mend it,"
                " or uninstall the package that brings it"
            ) from error
    return found
