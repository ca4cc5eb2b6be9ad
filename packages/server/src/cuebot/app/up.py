"""`cuefarm up`: a whole farm on this machine. The process is the server; agents are processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from cuebot.app import file_modes
from cuebot.app.config import Config, Value
from cuebot.app.data_folder import DataFolder, FolderInUse, ProcessFacts
from cuebot.app.exit_status import PERSON_MUST_MEND, RESTART_MAY_MEND, STOPPED, CannotStart, status_of
from cuebot.app.farm_server import FarmServer
from cuebot.app.file_modes import GroupUnusable
from cuebot.app.local_agents import FRAMES_ARE_ROOTS, LocalAgents
from cuebot.app.log_levels import log_levels
from cuebot.app.shares import KIB_PER_GIB, Share, TooManyAgents, share_out
from cuebot.app.token_file import TokenUnusable
from cuebot.domain.units import Micros
from cuebot.engine.ports import JournalError
from opencue import running_farms
from rqd import open_files
from rqd.platform import UnsupportedSystem, this_system

log = structlog.get_logger("up")

AGENT_STOP_SECONDS = 12.0
AGENT_READY_SECONDS = 20.0
"""How long `up` waits for its agents before it says which did not come up."""
RECOVERY_SECONDS = 8.0
"""How long an agent that died just before the end may take to end what it had run."""
EXAMPLE = Path("examples/turntable.outline")
"""It is there in a checkout's folder."""
LOOK_SECONDS = 1.0
"""Time between two looks whether the agents still live."""


def up(config: Config, data: Path) -> int:
    """Run a farm in a folder until it is told to stop. Returns the exit status."""
    import uvloop

    folder, options = DataFolder(data), config.server
    for value in _for_serve_alone(config):
        message = f"{value.key.name} ({value.source}) is for `cuefarm serve`; this farm's is in {folder.path}"
        print(f"cuefarm up: warning: {message}", file=sys.stderr)
    try:
        shares = _shares(options.agents)
        group = file_modes.group_id(options.group) if options.group else None
        frames_umask = file_modes.set_umask(group)
        open_files_before = open_files.raise_limit()
        folder.create(group)
        with folder.lock():
            return int(uvloop.run(_up(folder, config, shares, group, frames_umask, open_files_before)))
    except (GroupUnusable, TooManyAgents, TokenUnusable, UnsupportedSystem) as error:
        print(f"cuefarm up: {error}", file=sys.stderr)
        return PERSON_MUST_MEND
    except (FolderInUse, CannotStart, JournalError) as error:
        print(f"cuefarm up: {error}", file=sys.stderr)
        return status_of(error)
    except OSError as error:
        print(f"cuefarm up: {folder.problem(error)}", file=sys.stderr)
        return status_of(error)


def _for_serve_alone(config: Config) -> list[Value]:
    """What the file says of another place for the farm than its folder. Variables may be there for clients."""
    names = ("db", "db_password_file", "token_file", "log_root")
    of_file = [value for value in config.values if config.file and value.source.startswith(str(config.file))]
    return [value for value in of_file if value.key.name in names]


def _shares(agents: int) -> list[Share]:
    if not agents:
        return []
    machine = this_system().host_size()
    return share_out(agents, machine.cores, machine.memory_kb)


async def _up(
    folder: DataFolder,
    config: Config,
    shares: list[Share],
    group: int | None,
    frames_umask: int,
    open_files_before: int,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    at_once = replace(config.server, wait_for_database_us=Micros(0))  # the database is a file of this folder
    server = FarmServer(
        replace(config, server=at_once),
        database=f"sqlite:///{folder.database}",
        token=folder.token(),
        log_root=folder.logs,
    )
    await server.start()
    names = [share.name for share in shares]
    folder.announce(grpc=server.client_address, http=server.http_address, agents=names)
    if group is not None:
        folder.share_files(group)  # the database is there now
    server.say_ready()
    agents = LocalAgents(
        folder,
        shares,
        log_level=log_levels(config.server.log_level).of("rqd"),
        umask=frames_umask,
        open_files_before=open_files_before,
    )
    closing = asyncio.Event()
    watching = asyncio.create_task(_watch(agents, closing))
    failed = False
    with running_farms.announced(server.client_address, str(folder.path), str(folder.token_file), server.page_address):
        greeting = asyncio.create_task(_greet_when_ready(folder, server, agents, stop))
        try:
            await server.wait(stop)
        except Exception as error:  # noqa: BLE001 - the outermost border: say it, then end everything in order
            log.error("the server cannot go on", error=str(error))
            failed = True
        closing.set()
        greeting.cancel()
        await asyncio.gather(watching, greeting, return_exceptions=True)
    await server.drain()
    if failed:  # agents keep their outcomes for the next start
        await server.abandon()
        return RESTART_MAY_MEND
    print(_stopping(await server.runs_ended(0)), flush=True)
    left = await _end_agents(server, agents)
    runs = await server.runs_ended(0.5)
    if left or runs:
        log.warning("stopped with frames left; the next start takes them over", agents=len(left), frames=runs)
    await server.stop()
    print("stopped", flush=True)
    return STOPPED


async def _watch(agents: LocalAgents, closing: asyncio.Event) -> None:
    """Keep the agents running. Never cancelled in the middle: what it does is done by a thread."""
    await asyncio.to_thread(agents.begin)
    while not closing.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), LOOK_SECONDS)
            return
        try:
            await asyncio.to_thread(agents.look)
        except Exception as error:  # noqa: BLE001 - the loop of its own task: a fault here must not end the watching
            log.error("the agents could not be looked at", error=repr(error))


async def _end_agents(server: FarmServer, agents: LocalAgents) -> list[ProcessFacts]:
    """End all agents. One that died with frames is started once more: only an agent ends what a dead one has left."""
    left: list[ProcessFacts] = []
    for _ in range(2):
        names = await asyncio.to_thread(agents.start_dead, server.hosts_with_runs())
        if names:
            log.warning("agents died with frames; they are started once more to end them", agents=names)
            await server.runs_ended(RECOVERY_SECONDS, set(names))
        left = await asyncio.to_thread(agents.stop, AGENT_STOP_SECONDS)
        if left or await server.runs_ended(0.5) == 0:
            break
    return left


# --- what the terminal says ---------------------------------------------------------------------------------------


async def _greet_when_ready(folder: DataFolder, server: FarmServer, agents: LocalAgents, stop: asyncio.Event) -> None:
    """Wait until every agent has reported, or it is plain that one will not; then say what runs."""
    deadline = time.monotonic() + AGENT_READY_SECONDS
    names = [share.name for share in agents.shares]
    while time.monotonic() < deadline and not stop.is_set():
        missing = [name for name in names if name not in server.reported_hosts()]
        if all(agents.ended_count(name) > 1 for name in missing):
            break
        await asyncio.sleep(0.05)
    if not stop.is_set():
        print(_greeting(folder, server, agents), flush=True)


def _greeting(folder: DataFolder, server: FarmServer, agents: LocalAgents) -> str:
    reported = server.reported_hosts()
    missing = [share.name for share in agents.shares if share.name not in reported]
    addresses = f"grpc={server.grpc_address} http={server.http_address} data={folder.path}"
    if missing:
        lines = [f"cuefarm runs, but {len(missing)} of {len(agents.shares)} agents did not come up: {addresses}"]
    else:
        lines = [f"cuefarm is up: {addresses}"]
    for share in agents.shares:
        if share.name in missing:
            lines += [f"  agent {share.name} does not report; the end of its log {agents.log_file(share.name)}:"]
            lines += [f"    {line}" for line in agents.last_words(share.name) or ["nothing"]]
        else:
            lines += [f"  agent {share.name}: {_size(share)}; log {agents.log_file(share.name)}"]
    if not agents.shares:
        start = f"rqd --server {server.client_address} --token-file {folder.token_file}"
        start += " --run-as-root" if os.geteuid() == 0 else ""
        lines += [f"  no agent runs here; to start one: {start}"]
    if agents.shares and os.geteuid() == 0:
        lines += [f"  {FRAMES_ARE_ROOTS}"]
    lines += [f"  logs of frames: {folder.logs}", f"  look at it: {_open_command(server)}", ""]
    lines += ["In another terminal:"]
    if not running_farms.is_default(server.client_address):
        lines += [f"  export CUEBOT_HOSTS={server.client_address}"]
    lines += ["  cuefarm submit --frames 1-10 'echo frame #IFRAME#'"]
    if EXAMPLE.exists():
        lines += [f"  pycuerun {EXAMPLE} 1-24"]
    lines += ["  cueadmin -lji", "  cueadmin -lh", ""]
    lines += ["Ctrl-C stops the farm; running frames wait again."]
    return "\n".join(lines)


def _open_command(server: FarmServer) -> str:
    """What opens the farm's page; where there are several farms, this one's."""
    alone = running_farms.is_default(server.client_address) or len(running_farms.found()) == 1
    return "cuefarm open" if alone else f"cuefarm open --server http://{server.page_address}"


def _stopping(frames: int) -> str:
    if not frames:
        return "stopping"
    return f"stopping: {frames} {'frame goes' if frames == 1 else 'frames go'} back to waiting"


def _size(share: Share) -> str:
    cores = "1 core" if share.cores == 1 else f"{share.cores} cores"
    return f"{cores}, {share.memory_kib / KIB_PER_GIB:.1f} GiB"


def wait_ready(folder: DataFolder, patience_s: float) -> dict[str, Any] | None:
    """Wait until the server on a folder has announced itself; its addresses, or None."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            facts = folder.announced()
            if facts:
                return facts
        time.sleep(0.02)
    return None
