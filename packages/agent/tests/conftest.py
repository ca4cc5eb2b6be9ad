"""A server for each test module, and agents that end with the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from agent_farm import AgentProcess, FakeServer


@pytest.fixture(scope="module")
def shared_server() -> Iterator[FakeServer]:
    """A server that a module's tests share; they tell their runs apart by id."""
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared_agent(shared_server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """An agent that a module's tests share, with a secret in its own environment."""
    agent = AgentProcess(tmp_path_factory.mktemp("agent"), shared_server, "--kill-grace-seconds", "0.5", "--tag", "gpu")
    yield agent.start(STUDIO_SECRET="hunter2")
    agent.destroy()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 640 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=640k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here: only root can, outside of most containers")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server of the test's own."""
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture
def make_agent(server: FakeServer, tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    """Starts agents with the options given; all are gone after the test."""
    agents: list[AgentProcess] = []

    def make(*options: str, folder: Path = tmp_path) -> AgentProcess:
        agent = AgentProcess(folder, server, "--kill-grace-seconds", "0.5", *options)
        agents.append(agent)
        return agent.start()

    yield make
    for agent in agents:
        agent.destroy()
