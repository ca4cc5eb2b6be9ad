"""`make dev`: a server with an agent beside it, each started anew when its code changes. Ctrl-C ends both.

The farm lives in one folder and survives every start, and so do frames: a server that ends leaves them alone, and the
next agent on a spool takes them over.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import PythonFilter, watch

from cuebot.app import token_file

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "packages" / name / "src" for name in ("client", "agent", "server")]
END_SECONDS = 20.0


@dataclass(slots=True)
class Program:
    """A program that is started again; SIGTERM ends it without its frames."""

    name: str
    words: Sequence[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in a session of its own so that a Ctrl-C of the terminal is ours alone."""
        self.process = subprocess.Popen(self.words, start_new_session=True)
        print(f"dev: {self.name} started", flush=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait. Does nothing where it has ended, for example by a slip in its code."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM. Returns the exit status."""
    options = _options(arguments)
    folder: Path = options.data.absolute()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    if not (folder / "token").exists():
        token_file.run(folder / "token", show=False)

    server = Program("the server", _server_words(folder, options))
    agent = Program("the agent", _agent_words(folder, options))
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    try:
        server.start()
        agent.start()
        for changes in watch(*SOURCES, *options.watch, watch_filter=PythonFilter(), raise_interrupt=True):
            _start_anew(server, agent, [Path(path) for _, path in changes])
    except KeyboardInterrupt:
        print("dev: ending both, and the frames", flush=True)
    finally:
        agent.end(signal.SIGINT)  # with its frames, while there is a server to be told
        server.end()
    return 0


def _start_anew(server: Program, agent: Program, changed: Sequence[Path]) -> None:
    """End and start what the changed files belong to: the client's are everybody's."""
    began = time.monotonic()
    agents = ROOT / "packages" / "agent" / "src"
    servers = ROOT / "packages" / "server" / "src"
    concerned = [
        program
        for program, others in ((server, agents), (agent, servers))
        if not all(path.is_relative_to(others) for path in changed)
    ]

    print(f"dev: {changed[0].name} changed", flush=True)
    for program in concerned:
        program.end()
        program.start()
    print(f"dev: {len(concerned)} started anew in {time.monotonic() - began:.1f} s", flush=True)


def _server_words(folder: Path, options: argparse.Namespace) -> list[str]:
    words = [sys.executable, "-m", "cuebot.app.cli", "serve", "--db", f"sqlite:///{folder / 'farm.sqlite'}"]
    words += ["--token-file", str(folder / "token"), "--log-root", str(folder / "logs")]
    return [*words, "--grpc", options.grpc, "--http", options.http, "--log-level", options.log_level]


def _agent_words(folder: Path, options: argparse.Namespace) -> list[str]:
    words = [sys.executable, "-m", "rqd", "--server", options.grpc, "--token-file", str(folder / "token")]
    return [*words, "--spool", str(folder / "spool"), "--port", "0", "--report-seconds", "2"]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "dev-farm", metavar="DIR", help="%(default)s")
    parser.add_argument("--grpc", default="127.0.0.1:8443", metavar="HOST:PORT", help="%(default)s")
    parser.add_argument("--http", default="127.0.0.1:8448", metavar="HOST:PORT", help="%(default)s")
    parser.add_argument("--watch", type=Path, action="append", default=[], metavar="DIR", help="code besides our own")
    parser.add_argument(
        "--log-level", default=os.environ.get("CUEFARM_LOG_LEVEL", "info"), metavar="LEVELS", help="info"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
