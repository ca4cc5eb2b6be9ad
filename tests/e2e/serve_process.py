"""`cuefarm serve` as a process of its own, which a test stops, kills and starts again under the same address."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from farm_process import wait_for

START_SECONDS = 30.0


class ServeProcess:
    """A server on any database; the first start chooses its ports."""

    def __init__(self, folder: Path, database: str, *extra: str, environment: dict[str, str] | None = None) -> None:
        self.folder, self.database, self.extra = folder, database, extra
        self.environment = {**os.environ, **(environment or {})}
        self.grpc, self.http = "127.0.0.1:0", "127.0.0.1:0"
        self.log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.program = [sys.executable, "-m", "cuebot.app.cli"]
        token = folder / "token"
        if not token.exists():
            token.write_text("a-token-of-this-test")
            token.chmod(0o600)

    def begin(self) -> ServeProcess:
        """Start the process, and do not wait."""
        self.log.write_text("")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", *self.options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
            )
        return self

    def options(self) -> list[str]:
        """The flags that it is started with."""
        options = ["--token-file", f"{self.folder}/token", "--log-root", f"{self.folder}/logs"]
        options += ["--grpc", self.grpc, "--http", self.http, "--log-level", "warning", *self.extra]
        return [*options, "--db", self.database] if self.database else options

    def up(self, seconds: float = START_SECONDS) -> ServeProcess:
        """Wait until it serves."""

        def serves() -> str:
            assert self.process is not None
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.words()}"
            return next((line for line in self.words().splitlines() if "cuefarm serves" in line), "")

        line = wait_for(serves, seconds, "the server to serve")
        self.grpc = line.split("grpc=")[1].split()[0]
        self.http = line.split("http=")[1].split()[0]
        return self

    def start(self) -> ServeProcess:
        """Start it and wait until it serves."""
        return self.begin().up()

    def words(self) -> str:
        """What it said since it was started last."""
        return self.log.read_text(errors="replace")

    def ended(self, seconds: float = 30.0) -> int:
        """Wait until it ends; its exit status."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.ended()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def cleanup(self) -> None:
        """End it, however it is."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands against this server, as from another terminal."""
        executable = Path(sys.executable).with_name(command[0])
        return subprocess.run(
            [str(executable), *command[1:]],
            env={**os.environ, "CUEBOT_HOSTS": self.grpc},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
