"""`cuefarm serve`: the server alone, on any database."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog

from cuebot.app.farm_server import CannotStart, FarmServer, ServerOptions

log = structlog.get_logger("serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `cuefarm serve` was given."""

    database: str
    token_file: Path
    log_root: Path
    grpc: str
    http: str
    allow_agents_without_token: bool


def run_server(options: ServeOptions) -> int:
    """Serve until told to stop. Agents and their frames are left alone. Returns the exit status."""
    import uvloop

    try:
        token = options.token_file.read_text().strip()
        if not token:
            raise OSError(f"the token file {options.token_file} is empty; write a long random text into it")
        return int(uvloop.run(_serve(options, token)))
    except (CannotStart, OSError) as error:
        print(f"cuefarm serve: {error}", file=sys.stderr)
        return 1


async def _serve(options: ServeOptions, token: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = FarmServer(
        ServerOptions(
            database=options.database,
            token=token,
            log_root=options.log_root,
            grpc=options.grpc,
            http=options.http,
            allow_agents_without_token=options.allow_agents_without_token,
        )
    )
    await server.start()
    print(f"cuefarm serves: grpc={server.grpc_address} http={server.http_address}", flush=True)
    await server.wait(stop)
    await server.drain()
    await server.stop()
    return 0
