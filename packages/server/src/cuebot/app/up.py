"""`cuefarm up`: a whole farm on this machine. The process is the server; agents are processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from cuebot.app import local_agents
from cuebot.app.data_folder import DataFolder, FolderInUse, ProcessFacts
from cuebot.app.farm_server import CannotStart, FarmServer, ServerOptions

log = structlog.get_logger("up")

AGENT_STOP_SECONDS = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `cuefarm up` was given."""

    data: Path
    grpc: str
    http: str
    agents: int
    log_level: str
    allow_agents_without_token: bool = False


def up(options: UpOptions) -> int:
    """Run a farm until it is told to stop. Returns the exit status."""
    import uvloop

    folder = DataFolder(options.data)
    try:
        folder.create()
        with folder.lock():
            return int(uvloop.run(_up(folder, options)))
    except (FolderInUse, CannotStart, OSError) as error:
        print(f"cuefarm up: {error}", file=sys.stderr)
        return 1


async def _up(folder: DataFolder, options: UpOptions) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = FarmServer(
        ServerOptions(
            database=f"sqlite:///{folder.database}",
            token=folder.token(),
            log_root=folder.logs,
            grpc=options.grpc,
            http=options.http,
            allow_agents_without_token=options.allow_agents_without_token,
        )
    )
    await server.start()
    folder.announce(grpc=server.grpc_address, http=server.http_address)
    agents = local_agents.ensure(folder, options.agents, log_level=options.log_level)
    _greet(folder, server, agents)
    failed = False
    try:
        await server.wait(stop)
    except Exception as error:  # noqa: BLE001 - the outermost border: say it, then end everything in order
        log.error("the server cannot go on", error=str(error))
        failed = True
    await server.drain()
    if failed:  # agents keep their outcomes for the next start
        return 1
    agents = {**agents, **folder.running_agents()}  # a runner that died has a successor
    left = await asyncio.to_thread(local_agents.stop, agents.values(), AGENT_STOP_SECONDS)
    runs = await server.runs_ended(0.5)
    if left or runs:
        log.warning("stopped with frames left; the next start takes them over", agents=len(left), frames=runs)
    await server.stop()
    return 0


def _greet(folder: DataFolder, server: FarmServer, agents: dict[str, ProcessFacts]) -> None:
    if not sys.stdout.isatty():
        print(f"cuefarm is up: grpc={server.grpc_address} http={server.http_address} data={folder.path}", flush=True)
        return
    hosts = "CUEBOT_HOSTS=" + server.grpc_address + " " if not server.grpc_address.endswith(":8443") else ""
    print(
        f"""
  cuefarm is up.   data {folder.path}
                   gRPC {server.grpc_address}   HTTP http://{server.http_address}/healthz   agents {len(agents)}

  In another terminal:
    {hosts}pycuerun examples/turntable.outline 1-24
    {hosts}cueadmin -lji
    {hosts}cueadmin -lh

  Ctrl-C stops the farm; running frames wait again.
""",
        flush=True,
    )


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
