"""`cuefarm serve`: the server alone, on any database."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from cue_cli.words import counted
from cuebot.app import token_file
from cuebot.app.exit_status import RESTART_MAY_MEND, STOPPED, CannotStart, status_of
from cuebot.app.farm_server import FarmServer, ServerOptions
from cuebot.app.token_file import TokenUnusable
from cuebot.engine.ports import JournalError
from cuebot.wire.doors import Door
from opencue import running_farms

log = structlog.get_logger("serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `cuefarm serve` was given."""

    database: str
    token_file: Path
    log_root: Path
    grpc: str
    http: str
    opened: frozenset[Door]
    wait_for_database_s: float


def run_server(options: ServeOptions) -> int:
    """Serve until told to stop. Agents and their frames are left alone. Returns the exit status."""
    import uvloop

    try:
        token = token_file.read(options.token_file)
        return int(uvloop.run(_serve(options, token)))
    except (CannotStart, JournalError, TokenUnusable, OSError) as error:
        print(f"cuefarm serve: {error}", file=sys.stderr)
        return status_of(error)


async def _serve(options: ServeOptions, token: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = FarmServer(
        ServerOptions(
            database=options.database,
            token=token,
            log_root=options.log_root.expanduser().absolute(),
            grpc=options.grpc,
            http=options.http,
            opened=options.opened,
            wait_for_database_s=options.wait_for_database_s,
        )
    )
    if not await started(server, stop):
        print("stopped before the server was up", flush=True)
        return STOPPED
    _greet(options, server)
    failed = False
    with running_farms.announced(server.client_address, server.database_name, str(options.token_file.absolute())):
        try:
            await server.wait(stop)
        except Exception as error:  # noqa: BLE001 - the outermost border: say it, and let the next start load the farm
            log.error("the server cannot go on", error=str(error))
            failed = True
    await server.drain()
    if failed:
        await server.abandon()
        return RESTART_MAY_MEND
    runs = await server.runs_ended(0)
    print(f"stopping: {counted(runs, 'frame')} and all agents go on" if runs else "stopping: agents go on", flush=True)
    await server.stop()
    print("stopped", flush=True)
    return STOPPED


async def started(server: FarmServer, stop: asyncio.Event) -> bool:
    """Start a server, unless it is told to stop before it is up; whether it is up. Raises what `start` raises."""
    starting, stopping = asyncio.ensure_future(server.start()), asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return False
    await starting
    return True


def _greet(options: ServeOptions, server: FarmServer) -> None:
    print(f"cuefarm serves: grpc={server.grpc_address} http={server.http_address}", flush=True)
    if not running_farms.is_default(server.client_address):
        print(f"  on this machine: export CUEBOT_HOSTS={server.client_address}", flush=True)
    if token_file.others_can_read(options.token_file):
        log.warning("others can read the token; chmod 600 it", file=str(options.token_file))
    if not options.log_root.is_dir():
        root = options.log_root
        print(
            f"  warning: the log root {root} is no folder on this machine; logs are read here, so: mkdir -p {root}",
            flush=True,
        )
        print("  Every host needs it too, the same folder, writable for the user of its agent.", flush=True)
