"""Notice another distribution that ships a package named `opencue`, and say how to be rid of it.

Two distributions cannot own the same files: whichever was installed last wins file by file, and a mixture fails in
ways that nobody can read. The name of this module is ours alone, so it survives an installation on top.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

OTHER_DISTRIBUTION = "opencue_pycue"
REMEDY = (
    "Remove it and put ours back: python -m pip uninstall -y opencue_pycue && "
    "python -m pip install --force-reinstall --no-deps cuefarm-client"
)


class SharedPackageWarning(UserWarning):
    """Two installed distributions claim the package `opencue`."""


def other_distribution() -> Optional[Any]:
    """Return what `importlib.metadata` knows of the other distribution, or None where it is not installed.

    That module takes longer to load than all of this package: most often a look at the names of folders will do.
    """
    if not any(_has_metadata(folder or ".") for folder in sys.path):
        return None
    from importlib import metadata

    try:
        return metadata.distribution(OTHER_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None


def _has_metadata(folder: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:  # it need not be a folder, nor be there
        return False
    return any(name.lower().replace("-", "_").startswith(OTHER_DISTRIBUTION) for name in names)


def describe_conflict(package_file: Optional[str]) -> Optional[str]:
    """Return what is wrong with the installed `opencue`, or None.

    `package_file` is `opencue.__file__` of the package in use.
    """
    other = other_distribution()
    if other is None:
        return None
    in_use = Path(package_file or "").resolve().parent
    theirs = Path(str(other.locate_file("opencue"))).resolve()
    if theirs == in_use:
        where = f"its files and ours lie on top of each other in {in_use}"
    else:
        where = f"it lies in {theirs.parent}, and Python uses the one in {in_use}"
    return f"{OTHER_DISTRIBUTION} {other.version} is installed beside cuefarm-client: {where}. {REMEDY}"


def warn_if_shared(package_file: Optional[str]) -> None:
    """Warn when another distribution's `opencue` is installed over or beside this one."""
    conflict = describe_conflict(package_file)
    if conflict:
        warnings.warn(conflict, SharedPackageWarning, stacklevel=3)


def warn_if_replaced(package: ModuleType) -> None:
    """Warn when another distribution has overwritten the start of `opencue`, which then cannot warn by itself.

    For programs of ours that use the package; `package` is `opencue` as imported.
    """
    if not hasattr(package, "warn_if_shared"):
        found = describe_conflict(package.__file__) or f"{package.__file__} is not cuefarm-client's. {REMEDY}"
        warnings.warn(found, SharedPackageWarning, stacklevel=2)
