"""`make dev`: a server and an agent that follow the code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import wait_for

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[tuple[Callable[[str], int], Path, str]]:
    """How often it has said something, a folder that it watches, and the server's address."""
    code = tmp_path / "code"
    code.mkdir()
    said = tmp_path / "said"
    grpc = f"127.0.0.1:{free_port()}"
    words = ["--data", str(tmp_path / "farm"), "--watch", str(code), "--grpc", grpc, "--http", "127.0.0.1:0"]
    with said.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "tools.dev", *words], cwd=ROOT, stdout=out, stderr=out)
    yield lambda text: said.read_text().count(text), code, grpc
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_change_starts_both_anew_and_costs_no_frame(
    dev: tuple[Callable[[str], int], Path, str], tmp_path: Path
) -> None:
    """A frame that began before is done afterwards, in its first run."""
    count, code, grpc = dev
    wait_for(lambda: count("cuefarm serves"), 30, "the server to serve")
    began, mended = tmp_path / "began", tmp_path / "mended"
    command = f"echo >> {began}; while [ ! -e {mended} ]; do sleep 0.1; done"
    submit = ["-m", "cuebot.app.cli", "submit", "--server", grpc, "--wait", "--", "/bin/sh", "-c", command]
    environment = {**os.environ, "CUEFARM_TOKEN_FILE": str(tmp_path / "farm" / "token")}
    submitted = subprocess.Popen([sys.executable, *submit], env=environment, stdout=subprocess.DEVNULL)
    wait_for(began.exists, 60, "the frame to run")

    (code / "changed.py").write_text("")
    wait_for(lambda: count("dev: 2 started anew"), 60, "both to be started anew")
    wait_for(lambda: count("cuefarm serves") == 2, 30, "the server to serve again")
    mended.touch()

    assert submitted.wait(60) == 0
    assert began.read_text() == "\n"
