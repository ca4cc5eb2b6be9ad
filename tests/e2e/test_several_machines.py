"""The README's farm on several machines, from an empty folder, with this machine in all the parts."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_process import layer, spec, wait_for

import opencue

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## A farm on several machines"


def commands_of(page: Path, heading: str) -> list[str]:
    """The lines of all code blocks under a heading of a page."""
    text = page.read_text().split(heading, 1)[1].split("\n## ", 1)[0]
    lines = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [words for line in lines if (words := line.split("#")[0].strip())]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Machines:
    """An empty folder in which commands are run as a page writes them, on loopback instead of a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.grpc = f"127.0.0.1:{free_port()}"
        self.started: list[subprocess.Popen[bytes]] = []
        binaries = Path(sys.executable).parent
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CUEBOT_", "OPENCUE_"))}
        self.environment = {**kept, "PATH": f"{binaries}:{os.environ['PATH']}"}
        (folder / "shots").mkdir()

    def here(self, command: str) -> list[str]:
        """The words of a command with this machine's addresses and paths."""
        for theirs, ours in (
            ("farm.example:8443", self.grpc),
            ("0.0.0.0:8443", self.grpc),
            ("0.0.0.0", "127.0.0.1"),
            ("/shots", str(self.folder / "shots")),
        ):
            command = command.replace(theirs, ours)
        return shlex.split(command)

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        words = [*self.here(command), *more]
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, name: str, command: str, *more: str) -> None:
        """Start a command that stays."""
        with (self.folder / f"{name}.log").open("ab") as log:
            words = [*self.here(command), *more]
            self.started.append(subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=log, stderr=log))

    def words(self, name: str) -> str:
        """What a started command said."""
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        """End what was started, the last first."""
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)  # agents with their frames
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Machines that end with the test."""
    made = Machines(tmp_path)
    yield made
    opencue.Cuebot.closeChannel()
    made.stop()


def begin(machines: Machines, lines: list[str]) -> None:
    """Run the page's lines: the token, the server, two hosts, the address."""
    for line in lines[:2]:
        made = machines.run(line)
        assert made.returncode == 0, made.stderr
    serve, rqd, export = lines[2:5]
    assert serve.startswith("cuefarm serve")
    machines.start("serve", serve, "--http", "127.0.0.1:0")
    wait_for(lambda: "cuefarm serves" in machines.words("serve"), 40, "the server to start")
    for name in ("left", "right"):
        machines.start(name, rqd, "--name", name, "--spool", f"spool-{name}", "--port", "0", "--cores", "1")
    variable, _, value = machines.here(export)[1].partition("=")
    machines.environment[variable] = value


def test_readme_from_an_empty_folder(machines: Machines) -> None:
    """The README's commands, run from an empty folder, make a farm of two hosts that renders a job on both."""
    lines = commands_of(ROOT / "README.md", HEADING)
    begin(machines, lines)
    token = machines.folder / "token"
    assert token.stat().st_mode & 0o777 == 0o600

    def both_report() -> bool:
        listed = machines.run(lines[5]).stdout
        return "left" in listed and "right" in listed

    wait_for(both_report, 40, "both hosts to report")
    opencue.Cuebot.setHosts([machines.grpc])
    (job,) = opencue.api.launchSpecAndWait(spec("spread", layer("work", "sleep 2", "1-4", cores="1.0")))
    wait_for(lambda: opencue.api.getJob(job.id()).succeededFrames() == 4, 60, "the job to finish")
    assert {frame.lastResource().split("/")[0] for frame in job.getFrames()} == {"left", "right"}
    assert list((machines.folder / "shots" / "logs").rglob("*.rqlog"))


def test_doctor_knows_a_farm_that_serves(machines: Machines) -> None:
    """The doctor finds a `serve` farm by --grpc and by CUEBOT_HOSTS, and names a host that went silent or down."""
    lines = commands_of(ROOT / "README.md", HEADING)
    begin(machines, lines)
    wait_for(lambda: "right" in machines.run(lines[5]).stdout, 40, "the hosts to report")
    by_variable = machines.run("cuefarm doctor")
    assert f"use {machines.grpc}: the environment says so (CUEBOT_HOSTS)" in by_variable.stdout
    assert f"farm answers       {machines.grpc}" in by_variable.stdout
    assert "2 of 2 can work" in by_variable.stdout
    machines.started[-1].send_signal(signal.SIGTERM)
    machines.started[-1].wait(20)

    def told() -> bool:
        words = machines.run(f"cuefarm doctor --grpc {machines.grpc}").stdout
        assert "end what" not in words
        return "right" in words and "cueadmin -delete-host right" in words

    wait_for(told, 70, "the doctor to name the host that was stopped")


def test_howto_is_the_readme_at_length() -> None:
    """The page on several machines has every command of the README, as it stands there."""
    page = (ROOT / "docs" / "howto" / "several-machines.md").read_text()
    for line in commands_of(ROOT / "README.md", HEADING):
        assert f"\n{line}\n" in page


def test_token_is_never_overwritten(machines: Machines) -> None:
    """A second `cuefarm token` leaves the file as it is and says so; --show prints it."""
    assert machines.run("cuefarm token").returncode == 0
    before = (machines.folder / "token").read_text()
    again = machines.run("cuefarm token")
    assert again.returncode == 1
    assert "stays as it is" in again.stderr
    assert machines.run("cuefarm token --show").stdout == (machines.folder / "token").read_text() == before


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("cuefarm serve --db sqlite:///f.sqlite --token-file none --log-root logs", 78, ["no token", "cuefarm token"]),
        ("cuefarm serve --db sqlite:////no/such/f.sqlite --token-file T --log-root logs", 78, ["folder exists"]),
        (
            "cuefarm serve --db postgresql://a@127.0.0.1:1/b --token-file T --log-root logs --wait-for-database 0",
            75,
            ["cannot be opened", "no database server answers there"],
        ),
        ("cuefarm serve --db mysql://a@b/c --token-file T --log-root logs", 78, ["SQLite or PostgreSQL"]),
        ("cuefarm serve --db sqlite:///f.sqlite --token-file T --log-root logs --grpc TAKEN", 75, ["TAKEN", "--grpc"]),
        (
            "cuefarm serve --db sqlite:///f.sqlite --token-file T --log-root logs --grpc 127.0.0.1:99999",
            78,
            ["HOST:PORT"],
        ),
        (
            "cuefarm serve --db sqlite:///f.sqlite --token-file T --log-root logs --grpc no.such.name.invalid:0",
            78,
            ["--grpc"],
        ),
        ("cuefarm serve --token-file T --log-root logs", 2, ["--db", "CUEFARM_DB"]),
        (
            "cuefarm serve --db sqlite:///f.sqlite --db-password-file T --token-file T --log-root logs",
            78,
            ["SQLite", "no password"],
        ),
        (
            "cuefarm serve --db postgresql://a@h/b --db-password-file none --token-file T --log-root logs",
            78,
            ["password file none cannot be read"],
        ),
        ("cuefarm backup copy --db postgresql://a:b@c@h/b", 1, ["%40"]),
        ("cuefarm up --data T", 78, ["T", "--data"]),
        ("cuefarm up --data D --grpc TAKEN", 75, ["TAKEN is in use by another program;", "--grpc"]),
        ("cuefarm up --data D --agents 9999", 78, ["cores"]),
        ("cuefarm up --data /proc/none", 78, ["/proc/none", "--data"]),
        ("cuefarm token /proc/none/token", 1, ["cannot be written"]),
        ("cuefarm demo --data /proc/none", 1, ["/proc/none", "--data"]),
    ],
)
def test_a_slip_is_told_in_a_line(machines: Machines, command: str, status: int, words: list[str]) -> None:
    """A port that is taken, a folder or a database that cannot be used: a line that says what to do, no traceback.

    The status tells a supervisor whether to start it again.
    """
    machines.run("cuefarm token T")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = machines.run(command.replace("TAKEN", address))
    assert result.returncode == status, result.stderr
    told = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(told) == 1, result.stderr
    assert told[0].startswith(" ".join(command.split()[:2]) + ":")
    for word in words:
        assert word.replace("TAKEN", address) in told[0]
