"""The token goes to the farm's server, and not to another user who listens at the other address of its name."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import wait_for
from serve_process import ServeProcess

from opencue import running_farms

UID = 20_125

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root can become another user"
)

LISTEN = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((sys.argv[1], int(sys.argv[2])))
    server.listen()
    print("listens", flush=True)
    while True:
        connection, _ = server.accept()
        print("called", flush=True)
        connection.settimeout(1)
        try:
            connection.sendall(bytes.fromhex("000000040000000000"))
            while data := connection.recv(65536):
                print(data, flush=True)
        except OSError:
            pass
        connection.close()
"""


class Stranger:
    """Another user who listens somewhere, as a process of its own."""

    def __init__(self, host: str, port: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, host, port, str(UID)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listens\n"

    def was_called(self) -> bool:
        """Whether anybody has connected."""
        return bool(select.select([self._process.stdout], [], [], 0.5)[0])

    def heard(self) -> str:
        """All that it was sent; it ends."""
        self._process.kill()
        return self._process.communicate()[0]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def stranger() -> Iterator[Callable[[str, str], Stranger]]:
    """A maker of strangers, of which none is left."""
    made: list[Stranger] = []

    def make(host: str, port: str) -> Stranger:
        made.append(Stranger(host, port))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServeProcess]:
    """A server, told to listen at `localhost`; records of other farms are not found."""
    for variable in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("CUEFARM_TOKEN_FILE", str(tmp_path / "token"))
    process = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite")
    process.grpc = process.http = "localhost:0"
    yield process.start()
    process.cleanup()


def test_localhost_is_one_address(server: ServeProcess) -> None:
    """A server that is told `localhost` listens at 127.0.0.1 and says so, and clients find it by the name too."""
    assert server.grpc.startswith("127.0.0.1:")
    assert server.http.startswith("127.0.0.1:")
    server.grpc = server.grpc.replace("127.0.0.1", "localhost")
    listed = server.run("cueadmin", "-ls")
    assert listed.returncode == 0, listed.stderr


def test_a_client_sends_no_token_where_a_stranger_listens_at_the_names_other_address(
    server: ServeProcess, stranger: Callable[[str, str], Stranger]
) -> None:
    """By name it is told who listens and what to do instead; by number it goes on working."""
    thief = stranger("::1", server.grpc.rpartition(":")[2])
    by_number = server.run("cueadmin", "-ls")
    assert by_number.returncode == 0, by_number.stderr

    number, server.grpc = server.grpc, server.grpc.replace("127.0.0.1", "localhost")
    by_name = server.run("cueadmin", "-ls")

    assert by_name.returncode != 0
    assert f"uid {UID}" in by_name.stderr
    assert f"the server listens at {number}: name it so" in by_name.stderr
    assert not thief.was_called()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "0.0.0.0"])
def test_a_client_sends_no_token_to_a_stranger_in_the_servers_place(
    server: ServeProcess, stranger: Callable[[str, str], Stranger], host: str
) -> None:
    """The server is gone and somebody else listens: the error says who, and what to do."""
    server.stop()
    thief = stranger(host, server.grpc.rpartition(":")[2])
    server.grpc = server.grpc.replace("127.0.0.1", "localhost")
    refused = server.run("cueadmin", "-ls")
    assert refused.returncode != 0
    assert f"listens uid {UID}, so the token is not sent there" in refused.stderr
    assert f"chown {UID} FILE" in refused.stderr
    assert not thief.was_called()


def test_an_open_connection_does_not_lead_to_a_stranger(
    server: ServeProcess, stranger: Callable[[str, str], Stranger], tmp_path: Path
) -> None:
    """A script that called the server goes on when that has gone: its next call is refused here, and sent to nobody."""
    script = "import opencue\nopencue.api.getShows()\nprint('called', flush=True)\ninput()\nopencue.api.getShows()\n"
    environment = {**os.environ, "CUEBOT_HOSTS": server.grpc, "CUEFARM_TOKEN_FILE": f"{tmp_path}/token"}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == "called\n"
            server.stop()
            thief = stranger("127.0.0.1", server.grpc.rpartition(":")[2])
            time.sleep(1.1)  # what was seen a second ago counts no more
            _, words = client.communicate("\n", timeout=60)
        finally:
            client.kill()
    assert "StrangerListens" in words
    assert f"listens uid {UID}" in words
    # Its connection may try to come back, which tells nobody anything; a call does not go by it.
    assert "no server answers" not in words
    assert "token" not in thief.heard()


def test_a_token_that_was_only_guessed_is_not_left_away_for_a_stranger(
    server: ServeProcess, stranger: Callable[[str, str], Stranger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The farm's own record names the token; a stranger gets neither it nor the call without it."""
    monkeypatch.delenv("CUEFARM_TOKEN_FILE")
    port = server.grpc.rpartition(":")[2]
    thief = stranger("127.0.0.2", port)
    with running_farms.announced(f"127.0.0.2:{port}", "a farm that has gone", f"{server.folder}/token"):
        server.grpc = f"127.0.0.2:{port}"
        refused = server.run("cueadmin", "-ls")
    assert f"listens uid {UID}, so the token is not sent there" in refused.stderr
    assert not thief.was_called()


def test_whoever_owns_the_token_file_is_trusted_with_it(
    server: ServeProcess, stranger: Callable[[str, str], Stranger]
) -> None:
    """A server of another user is called with a token that is this user's: it knows the token already."""
    server.stop()
    os.chown(server.folder / "token", UID, -1)
    thief = stranger("127.0.0.1", server.grpc.rpartition(":")[2])
    assert "so the token is not sent" not in server.run("cueadmin", "-ls").stderr
    assert thief.was_called()


def test_cuefarm_open_sends_no_token_to_a_stranger(
    server: ServeProcess, stranger: Callable[[str, str], Stranger]
) -> None:
    """Over HTTP it is the same."""
    port = server.http.rpartition(":")[2]
    thief = stranger("::1", port)
    assert server.run("cuefarm", "open", "--print", "--server", f"http://127.0.0.1:{port}").returncode == 0
    refused = server.run("cuefarm", "open", "--print", "--server", f"http://localhost:{port}")
    assert refused.returncode == 1
    assert f"uid {UID}" in refused.stderr
    assert not thief.was_called()


def test_an_agent_sends_no_token_where_a_stranger_listens_at_the_names_other_address(
    server: ServeProcess, stranger: Callable[[str, str], Stranger], tmp_path: Path
) -> None:
    """An agent of `--server localhost` waits, and says why; it reports as soon as the stranger is gone."""
    port = server.grpc.rpartition(":")[2]
    thief = stranger("::1", port)
    log = tmp_path / "agent.log"
    words = ["--server", f"localhost:{port}", "--token-file", f"{tmp_path}/token", "--spool", f"{tmp_path}/spool"]
    words += ["--port", "0", "--name", "waits", "--run-as-root", "--report-seconds", "0.5"]
    with log.open("wb") as file:
        agent = subprocess.Popen([sys.executable, "-m", "rqd", *words], stderr=file)
    try:
        wait_for(lambda: f"listens uid {UID}" in log.read_text(), 30, "the agent's words")
        assert not thief.was_called()
        thief.stop()
        wait_for(lambda: "in contact with the server" in log.read_text(), 30, "the agent's report")
    finally:
        agent.terminate()
        agent.wait(30)
