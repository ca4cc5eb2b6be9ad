"""`cuefarm serve`: the server alone, on any database."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from cuebot.app import file_modes, token_file
from cuebot.app.config import Config
from cuebot.app.database_url import database_url
from cuebot.app.exit_status import PERSON_MUST_MEND, RESTART_MAY_MEND, STOPPED, CannotStart, status_of
from cuebot.app.farm_server import FarmServer
from cuebot.app.file_modes import GroupUnusable
from cuebot.app.token_file import TokenUnusable
from cuebot.engine.ports import JournalError
from cuebot.journal import JournalUnusable, sqlite_file
from opencue import running_farms
from opencue.wording import counted
from rqd import open_files

log = structlog.get_logger("serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a server finds what belongs to its farm."""

    database: str
    """SQLAlchemy URL, with its password."""
    token_file: Path
    log_root: Path


def serve(config: Config) -> int:
    """Serve until told to stop. Agents and their frames are left alone. Returns the exit status."""
    options = config.server
    if options.db is None or options.token_file is None or options.log_root is None:
        return _say_missing(config)
    try:
        database = database_url("serve", options.db, options.db_password_file, by_flag=config.source("db") == "--db")
    except CannotStart as error:
        print(f"cuefarm serve: {error}", file=sys.stderr)
        return PERSON_MUST_MEND
    log_root = options.log_root.expanduser().absolute()
    return _run(config, _Place(database=database, token_file=options.token_file, log_root=log_root))


def _say_missing(config: Config) -> int:
    """Say what a server must be told and was not. Returns the exit status."""
    for key in (value.key for value in config.values if value.key.name in ("db", "token_file", "log_root")):
        if getattr(config.server, key.field_name) is None:
            where = f"{key.flag} {'URL' if key.name == 'db' else 'PATH'}, the variable {key.variable}"
            print(f"cuefarm serve: say which it is: {where}, or {key.name} in cuefarm.toml", file=sys.stderr)
    return 2


def _run(config: Config, place: _Place) -> int:
    import uvloop

    options = config.server
    try:
        token = token_file.read(place.token_file)
        _look_at_log_root(place.log_root)
        group = file_modes.group_id(options.group) if options.group else None
        database = sqlite_file(place.database)
        if group is not None and database is None:
            raise GroupUnusable("--group is for the file of a SQLite database; this one is elsewhere")
        file_modes.set_umask(group)
        open_files.raise_limit()
        return int(uvloop.run(_serve(config, place, token, database, group)))
    except (CannotStart, JournalUnusable, GroupUnusable, JournalError, TokenUnusable, OSError) as error:
        print(f"cuefarm serve: {error}", file=sys.stderr)
        return status_of(error)


async def _serve(config: Config, place: _Place, token: str, database: Path | None, group: int | None) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = FarmServer(config, database=place.database, token=token, log_root=place.log_root)
    if not await started(server, stop):
        print("stopped before the server was up", flush=True)
        return STOPPED
    if group is not None and database is not None:
        file_modes.share_files(file_modes.sqlite_files(database), group)
    server.say_ready()
    _greet(place, server)
    failed = False
    token_path = str(place.token_file.absolute())
    with running_farms.announced(server.client_address, server.database_name, token_path, server.page_address):
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


def _look_at_log_root(root: Path) -> None:
    """Raises CannotStart where no log can be read in it. One that is not there yet may be made later."""
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotStart(f"the log root {root} cannot be entered: {error.strerror}; {_LET_IN}") from None
    if not is_folder:
        raise CannotStart(f"the log root {root} is no folder; choose another with --log-root DIR")
    if not os.access(root, os.X_OK):
        raise CannotStart(f"the log root {root} cannot be entered: {os.strerror(errno.EACCES)}; {_LET_IN}")


_LET_IN = "let the user of this server enter it and the folders above it, or choose another with --log-root DIR"


def _greet(place: _Place, server: FarmServer) -> None:
    print(f"cuefarm serves: grpc={server.grpc_address} http={server.http_address}", flush=True)
    if not running_farms.is_default(server.client_address):
        print(f"  on this machine: export CUEBOT_HOSTS={server.client_address}", flush=True)
    print(f"  look at it: cuefarm open --server http://{server.page_address}", flush=True)
    if token_file.others_can_read(place.token_file):
        log.warning("others can read the token; chmod 600 it", file=str(place.token_file))
    root = place.log_root
    if not root.exists():
        print(
            f"  warning: the log root {root} is no folder on this machine; logs are read here, so: mkdir -p {root}",
            flush=True,
        )
        print("  Every host needs it too, the same folder, writable for the user of its agent.", flush=True)
