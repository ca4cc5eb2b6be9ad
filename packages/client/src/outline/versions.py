"""Modules in versions: which folder of a repository `import` takes a module from, in this process.

A repository has a folder for each module and in that one for each version: `<repository>/<module>/<version>`. A version
is a package, or has a `manifest.py` that is run instead, for instance to set variables. Frames that need the same call
`require` where they run, as an outline script does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import runpy
import sys
from typing import Any, Dict, Optional, Sequence

from outline.exception import OutlineException

__all__ = [
    "VersionsException",
    "get_repos",
    "get_session",
    "get_version",
    "require",
    "set_module_repos",
    "set_repos",
    "unrequire",
]

LATEST = "latest"


class VersionsException(OutlineException):
    """There is no such repository, module or version."""


class _Session(importlib.abc.MetaPathFinder):
    """What this process has required; Python asks it first for each module."""

    def __init__(self) -> None:
        self.repos: Optional[str] = None
        self.module_repos: Dict[str, str] = {}
        self.versions: Dict[str, str] = {}
        self.folders: Dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Any = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """Return where a required package is."""
        folder = self.folders.get(fullname)
        if folder is None:
            return None
        return importlib.util.spec_from_file_location(
            fullname, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )


_session = _Session()


def get_session() -> Any:
    """Return what this process has required: `repos`, `module_repos` and `versions`."""
    return _session


def set_repos(path: str) -> bool:
    """Say where the modules are; False where that was so already.

    Raises:
        VersionsException: there is no such folder.
    """
    folder = _folder(path)
    changed = folder != _session.repos
    _session.repos = folder
    return changed


def get_repos() -> Optional[str]:
    """Return where the modules are, or None where nobody has said."""
    return _session.repos


def set_module_repos(module: str, path: str) -> None:
    """Say where one module is, apart from the others.

    Raises:
        VersionsException: there is no such folder.
    """
    _session.module_repos[module] = _folder(path)


def require(module: str, version: str = LATEST) -> bool:
    """Have `import` take a module in a version; False where that was so already.

    Raises:
        VersionsException: there is no such version, or another one was required or imported before.
    """
    before = _session.versions.get(module)
    if before == version:
        return False
    if before is not None:
        raise VersionsException(f"{module} is required in version {before} already, and cannot be {version} as well")
    folder = _folder_of(module, version)
    if os.path.isfile(os.path.join(folder, "__init__.py")):
        if module in sys.modules:
            raise VersionsException(f"{module} was imported before version {version} of it was required")
        _session.folders[module] = folder
        if _session not in sys.meta_path:
            sys.meta_path.insert(0, _session)
    else:
        runpy.run_path(os.path.join(folder, "manifest.py"))
    _session.versions[module] = version
    return True


def unrequire(module: str) -> bool:
    """Take a requirement back; False where there was none. What was imported is forgotten by the next import."""
    if _session.versions.pop(module, None) is None:
        return False
    if _session.folders.pop(module, None) is not None:
        for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
            del sys.modules[name]
    return True


def get_version(module: str, default: str = LATEST) -> str:
    """Return the version of a module that was required, or the default."""
    return _session.versions.get(module, default)


def _folder_of(module: str, version: str) -> str:
    repos = _session.module_repos.get(module) or _session.repos
    if repos is None:
        raise VersionsException(f"no repository is known to have {module}: call set_repos(folder) first")
    if not module.isidentifier() or os.sep in version or version in ("", os.pardir, os.curdir):
        raise VersionsException(f"{module!r} in version {version!r} is no name of a module and a version")
    folder = os.path.join(repos, module, version)
    if not any(os.path.isfile(os.path.join(folder, name)) for name in ("__init__.py", "manifest.py")):
        have = ", ".join(sorted(os.listdir(os.path.join(repos, module)))) if module in os.listdir(repos) else "none"
        raise VersionsException(f"{repos} has no version {version} of {module}; it has {have}")
    return folder


def _folder(path: str) -> str:
    folder = os.path.abspath(path)
    if not os.path.isdir(folder):
        raise VersionsException(f"{path} is no folder")
    return folder
