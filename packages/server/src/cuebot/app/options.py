"""What `cuefarm serve` and `cuefarm up` may be told, by flags, variables, or in `[server]` of `cuefarm.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cuebot.app.config_values import Address, DatabaseUrl, Duration, File, Kind, Levels, Text, Whole, Words
from cuebot.domain.units import MINUTE, Micros

DOORS: Final = ("clients", "agents")


def _option(kind: Kind, default: Any = None) -> Any:
    """A field of `ServerOptions`."""
    return field(default=default, metadata={"kind": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a server is started with; None where nothing was said."""

    grpc: str = _option(Address(), "127.0.0.1:8443")
    """Where clients and agents reach the server. Port 0 picks a free one."""
    http: str = _option(Address(), "127.0.0.1:8448")
    """Where browsers reach it."""
    http_name: tuple[str, ...] = _option(Words(), ())
    """Names by which browsers call the HTTP address, besides the address itself."""
    open: tuple[str, ...] = _option(Words(DOORS), ())
    """Who is let in without the installation's token, from wherever."""
    group: str | None = _option(Text())
    """Who may read the database, and with `up` the folder's logs, besides their owner."""
    log_level: str = _option(Levels(), "info")
    """How much the server's own log says, and single parts of it: `info,wire=debug`."""
    db: str | None = _option(DatabaseUrl())
    """`serve`: where the farm is kept."""
    db_password_file: Path | None = _option(File())
    """`serve`: the file with the database's password."""
    token_file: Path | None = _option(File())
    """`serve`: the file with the token that agents carry too."""
    log_root: Path | None = _option(File())
    """`serve`: the folder of frame logs, which every host must see under this path."""
    wait_for_database_us: Micros = _option(Duration(), MINUTE)
    """`serve`: how long a database that is not up yet is waited for."""
    agents: int = _option(Whole(0, 1_000), 1)
    """`up`: agents to run on this machine."""
