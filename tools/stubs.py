"""`make stubs`: what the type checker knows of messages, from the very descriptors that are loaded at run time.

The published interface comes without types: its stubs lie in `stubs/`, for us alone. Those of our own messages lie
beside them and are shipped.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"opencue_proto": Path("stubs/opencue_proto"), "cuefarm_proto": Path("packages/client/src/cuefarm_proto")}
"""Where the stubs of a package lie, below the root."""


def write_stubs(package: str, folder: Path) -> list[Path]:
    """Write a stub for each module of messages of a package into a folder. Returns the files."""
    descriptors = FileDescriptorSet()
    for file in _files_of(package):
        _add(file, package, descriptors)
    names = [file.name for file in descriptors.file if file.name.startswith(f"{package}/")]

    with tempfile.TemporaryDirectory() as scratch:
        known = Path(scratch, "descriptors")
        known.write_bytes(descriptors.SerializeToString())
        words = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={known}"]
        for kind in ("mypy", "mypy_grpc"):
            words.append(f"--plugin={Path(sys.executable).with_name(f'protoc-gen-{kind}')}")
            words.append(f"--{kind}_out=quiet:{scratch}")
        subprocess.run([*words, *names], check=True, capture_output=True)
        written = sorted(Path(scratch, package).glob("*.pyi"))
        folder.mkdir(parents=True, exist_ok=True)
        return [_copied(path, folder) for path in written]


def _copied(path: Path, folder: Path) -> Path:
    target = folder / path.name
    target.write_bytes(path.read_bytes())
    return target


def _files_of(package: str) -> list[FileDescriptor]:
    modules: list[ModuleType] = [
        importlib.import_module(f"{package}.{found.name}")
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__)
        if found.name.endswith("_pb2")
    ]
    return [module.DESCRIPTOR for module in modules]


def _add(file: FileDescriptor, package: str, to: FileDescriptorSet) -> None:
    """Add a file behind those that it imports, named as its module is: `opencue_proto/job.proto`."""
    name = _module_path(file.name, package)
    if any(added.name == name for added in to.file):
        return
    for dependency in file.dependencies:
        _add(dependency, package, to)
    added = to.file.add()
    file.CopyToProto(added)
    added.name = name
    added.dependency[:] = [_module_path(dependency, package) for dependency in added.dependency]


def _module_path(name: str, package: str) -> str:
    return name if "/" in name else f"{package}/{name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all stubs. Returns the exit status."""
    argparse.ArgumentParser(prog="make stubs", description=__doc__.partition("\n")[0]).parse_args(arguments)
    for package, folder in FOLDERS.items():
        print(f"{len(write_stubs(package, ROOT / folder))} stubs in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
