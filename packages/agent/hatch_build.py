"""Compiles the supervisor into the package: with zig for the platform that `RQD_WHEEL_PLATFORM` names (for releases),
else with this machine's C compiler where there is one. Without either, and in the wheel for `any`, runs have the Python
stand-in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path(__file__).parent / "src" / "rqd" / "supervisor" / "program"
PROGRAM = SOURCE.parent / "supervise"
FLAGS = ["-O2", "-s", "-std=gnu11", "-Wall", "-Wextra"]
WHEELS = {
    "linux-x86_64": ("x86_64-linux-musl", "manylinux_2_17_x86_64.musllinux_1_1_x86_64"),
    "linux-aarch64": ("aarch64-linux-musl", "manylinux_2_17_aarch64.musllinux_1_1_aarch64"),
}
"""By name: what zig calls it, and the tag of its wheel."""


def _compilers() -> list[list[str]]:
    named = os.environ.get("CC")
    found = [named.split()] if named else []
    return found + [[path] for path in map(shutil.which, ("cc", "gcc", "clang")) if path]


def _compile(command: list[str], program: Path) -> bool:
    """Compile the program; says whether that went well, and if not leaves what was there."""
    new = program.with_suffix(".new")
    arguments = [*command, *FLAGS, "-o", str(new), *map(str, sorted(SOURCE.glob("*.c")))]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True)
    except OSError:
        return False
    if done.returncode:
        return False
    os.replace(new, program)
    return True


class SupervisorHook(BuildHookInterface[Any]):
    """Adds the program to the wheel, which is a platform's then."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files are collected."""
        wanted = os.environ.get("RQD_WHEEL_PLATFORM")
        if wanted is None:
            program, tag = PROGRAM, self._compile_here()
        else:
            program, tag = Path(self.directory) / "supervise", self._compile_for(wanted)
        if tag is None:
            self.app.display_warning("no compiled supervisor: runs will be supervised by the slower Python stand-in")
            return
        if version != "editable":
            build_data["force_include"][str(program)] = "rqd/supervisor/supervise"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"

    def _compile_here(self) -> Optional[str]:
        """Compile beside the source, where an installation in place runs it from."""
        if not sys.platform.startswith("linux"):
            return None
        for compiler in _compilers():
            if _compile([*compiler, "-static"], PROGRAM) or _compile(compiler, PROGRAM):
                return f"linux_{platform.machine()}"
        return None

    def _compile_for(self, wanted: str) -> Optional[str]:
        if wanted == "any":
            return None
        target, tag = WHEELS[wanted]
        program = Path(self.directory) / "supervise"
        program.parent.mkdir(parents=True, exist_ok=True)
        if not _compile([sys.executable, "-m", "ziglang", "cc", "-target", target, "-static"], program):
            raise RuntimeError(f"zig could not compile the supervisor for {wanted}")
        return tag
