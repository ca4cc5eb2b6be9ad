"""Upstream's published clients and agent, in an environment of their own that `make test` makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess, wait_for

ROOT = Path(__file__).resolve().parents[2]
UPSTREAM = Path(os.environ.get("CUEFARM_UPSTREAM", ROOT / ".venv-upstream")) / "bin"

Upstream = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def upstream_bin() -> Path:
    """The commands of upstream's packages."""
    if not (UPSTREAM / "cueadmin").exists():
        words = f"upstream's packages are not in {UPSTREAM.parent}; `make upstream` installs them"
        if "CUEFARM_UPSTREAM" in os.environ:
            pytest.fail(words)
        pytest.skip(words)
    return UPSTREAM


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A farm that the tests of a module share."""
    process = FarmProcess(tmp_path_factory.mktemp("farm")).start()
    wait_for(lambda: process.connect().api.getHosts(), 20, "the host to report")
    yield process
    process.cleanup()


@pytest.fixture
def upstream(farm: FarmProcess, upstream_bin: Path) -> Upstream:
    """Run a command of upstream's against the farm."""

    def run(*command: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [str(upstream_bin / command[0]), *command[1:]],
            env={**environment, "CUEBOT_HOSTS": farm.grpc},
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
