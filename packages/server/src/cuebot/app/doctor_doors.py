"""What `cuefarm doctor` says of doors: who is let in, who was refused, and which files others can read."""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cuebot.app import token_file
from cuebot.app.data_folder import DataFolder
from cuebot.app.finding import Finding
from opencue import config
from opencue.exception import CueException
from opencue.token import token_for

REFUSED_TOLD_SECONDS = 3_600
"""As long `cueadmin -lh` lists it."""
REFUSED_GONE_SECONDS = 600
"""An agent that was refused tries again within a minute, as long as it runs."""
AGENTS_NAMED_MAX = 10


def doors(answer: Any) -> Iterator[Finding]:
    """The doors of a server, as it says itself (`opencue.api.getDoors`)."""
    address = answer.address
    where = "is for this machine alone" if _is_loopback(address) else "can be reached from other machines"
    opened = " and ".join(answer.opened)
    detail = f"open: {opened} are let in without the token" if opened else "closed: the token, or this user, opens them"
    yield Finding("doors", True, f"{detail}; {address} {where}")
    yield from encryption(address)
    if answer.without_token:
        agents = _listed(agent.name or agent.address for agent in answer.without_token)
        yield Finding("agents let in", True, f"without the token, because agents are let in: {agents}")
    for agent in [agent for agent in answer.refused if agent.last_s < REFUSED_TOLD_SECONDS][:AGENTS_NAMED_MAX]:
        name = f"{agent.name} at {agent.address}" if agent.name else f"one at {agent.address}"
        if agent.last_s < REFUSED_GONE_SECONDS:
            yield Finding("agent refused", False, f"{name}: {agent.why}, last {agent.last_s} s ago", agent.remedy)
        else:
            found = f"{name}: {agent.why}; silent for {agent.last_s // 60} min, so it seems to be gone"
            yield Finding("agent refused", True, found)


def encryption(address: str) -> Iterator[Finding]:
    """That nothing is encrypted, where that matters."""
    if not _is_loopback(address):
        yield Finding("encryption", True, f"none: who can read the network of {address} can read the token; trust it")


def files(folder: DataFolder) -> Iterator[Finding]:
    """Whether others can read what is secret in a farm's folder, or write there."""
    path = folder.path
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
    if mode & 0o027:
        who = "anybody" if mode & 0o007 else "its group"
        what = "write" if mode & 0o022 else "enter"
        found = f"{who} on this machine can {what} {path} (mode {mode & 0o777:o})"
        yield Finding("folder's mode", False, found, f"chmod g-w,o-rwx {path}")
    yield from _known_token("token", folder.token_file)


def clients_token(folder: DataFolder, address: str) -> Iterator[Finding]:
    """Which token programs on this machine send to the server at `address`, and whether others can read it."""
    try:
        token = token_for(address, config.load_config_from_file())
    except ValueError:
        return  # the line of the clients tells it
    except CueException as error:
        yield Finding("clients' token", False, str(error), "mend that file, or let CUEFARM_TOKEN_FILE name another")
        return
    if token is None:
        yield Finding("clients' token", True, "none is named; the user of the server needs none on its machine")
        return
    yield Finding("clients' token", True, f"{token.path} ({token.named_by})")
    file = Path(token.path).expanduser()
    if file.resolve() != folder.token_file.resolve():  # which has a line of its own
        yield from _known_token("clients' token", file)


def _known_token(what: str, file: Path) -> Iterator[Finding]:
    if file.exists() and token_file.others_can_read(file):
        found = f"others can read {file}, and so speak as agents"
        remedy = f"chmod 600 {file}, and change the token, which may be known by now (docs/howto/several-machines.md)"
        yield Finding(what, False, found, remedy)


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - AGENTS_NAMED_MAX} more" if len(listed) > AGENTS_NAMED_MAX else ""
    return ", ".join(listed[:AGENTS_NAMED_MAX]) + more


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
