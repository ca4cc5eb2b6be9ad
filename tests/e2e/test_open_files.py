"""Idle connections shut nobody out: servers raise their limit of open files, and frames keep what was there."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, wait_for
from serve_process import ServeProcess

SOFT = 256
HELD = 600
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
"""What an HTTP/2 connection begins with; after it, nothing need come."""


@pytest.fixture(autouse=True)
def low_limit() -> Iterator[None]:
    """What is started here may open few files until it raises that itself; the test holds its connections later."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4 * HELD:
        pytest.skip(f"the hard limit of open files is {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def hold(address: str) -> list[socket.socket]:
    """Open more connections than the low limit allows, and leave them idle."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, _, port = address.rpartition(":")
    held = []
    for _ in range(HELD):
        one = socket.create_connection((host, int(port)), timeout=10)
        one.sendall(HELLO)
        held.append(one)
    for one in held:
        assert one.recv(9)  # the server has taken it, and begun to talk
    return held


def test_idle_connections_leave_a_server_open_to_others(tmp_path: Path) -> None:
    """`cuefarm serve` answers a new client while more connections are held than the limit that it was started with."""
    server = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite")
    try:
        server.start()
        held = hold(server.grpc)
        done = server.run("cueadmin", "-ls")
        assert done.returncode == 0, done.stderr
        for one in held:
            one.close()
    finally:
        server.cleanup()


def test_frames_keep_the_limit_that_was_there(new_farm: Callable[..., FarmProcess], tmp_path: Path) -> None:
    """`cuefarm up` and its agent's link raise it; frames do not get that, nor those of a runner that was a link."""
    farm = new_farm()
    assert farm.server is not None
    link = wait_for(farm.link, 10, "a link")
    for pid in (farm.server.pid, link.pid):
        wait_for(lambda pid=pid: open_files_of(pid) > SOFT, 20, "the limit to be raised")
    held = hold(farm.grpc)
    assert frames_may_open(farm, tmp_path, "first") == SOFT
    for one in held:
        one.close()

    (runner,) = farm.agents()
    runner.kill()
    wait_for(lambda: [agent.pid for agent in farm.agents()] == [link.pid], 30, "the link to become the runner")
    assert frames_may_open(farm, tmp_path, "second") == SOFT


def frames_may_open(farm: FarmProcess, folder: Path, name: str) -> int:
    """How many files a frame may have open, as its shell says."""
    job = farm.launch(name, layer("work", f"ulimit -Sn > {folder}/{name}", "1-1"))
    assert farm.wait_job(job).succeededFrames() == 1
    return int((folder / name).read_text())


def open_files_of(pid: int) -> int:
    """The soft limit of a process."""
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
