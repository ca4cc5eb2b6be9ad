"""Which machine this is, for what may lie on a disk that several share."""

from __future__ import annotations

import hashlib
import os
import socket

BOOT = "boot"
"""The file of a folder that says in which boot it was used last."""
_MACHINE = "machine"
"""The file that says on which machine: its id and its name."""


def machine_name() -> str:
    """Its name, as a part of a path."""
    return socket.gethostname().replace("/", "_") or "localhost"


def boot_id() -> str:
    """Name this boot of the machine: no other machine has the same."""
    return _text_of("/proc/sys/kernel/random/boot_id")


def claim(folder: str) -> None:
    """Write down that a folder is this machine's. Raises OSError where it takes no writes."""
    path = os.path.join(folder, _MACHINE)
    said = f"{_machine_id()} {machine_name()}"
    if _text_of(path) != said:
        with open(path, "w", encoding="utf-8") as file:
            file.write(said + "\n")


def owner_elsewhere(folder: str) -> str:
    """The name of the machine whose folder this is; empty where it is this one's, or no machine's."""
    known_id, _, name = _text_of(os.path.join(folder, _MACHINE)).partition(" ")
    if known_id in ("", _machine_id()) or _is_of_this_boot(folder):
        return ""
    return name or "another machine"


def was_used_here(folder: str) -> bool:
    """Say whether this machine has certainly used a folder."""
    known_id = _text_of(os.path.join(folder, _MACHINE)).partition(" ")[0]
    return known_id == _machine_id() or _is_of_this_boot(folder)


def claim_file(folder: str) -> str:
    """What to delete where a machine has another id than before."""
    return os.path.join(folder, _MACHINE)


def _machine_id() -> str:
    """An id that outlives boots: a hash of the machine's own, which is nobody else's business; else of its name."""
    own = _text_of("/etc/machine-id") or machine_name()
    return hashlib.sha256(f"cuefarm {own}".encode()).hexdigest()[:32]


def _is_of_this_boot(folder: str) -> bool:
    known = _text_of(os.path.join(folder, BOOT)).partition(" ")[0]
    return bool(known) and known == boot_id()


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
