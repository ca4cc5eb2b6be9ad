"""Farms for end-to-end tests: one that a module shares, and fresh ones for tests that break theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmProcess]:
    """A farm that the tests of a module share."""
    process = FarmProcess(tmp_path_factory.mktemp("farm")).start()
    yield process
    process.cleanup()


@pytest.fixture
def new_farm(tmp_path: Path) -> Iterator[Callable[..., FarmProcess]]:
    """A maker of farms that end with the test."""
    made: list[FarmProcess] = []

    def make(*extra: str) -> FarmProcess:
        made.append(FarmProcess(tmp_path / f"farm{len(made)}", *extra))
        return made[-1].start()

    yield make
    for process in made:
        process.cleanup()


@pytest.fixture(autouse=True)
def nothing_left_by_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an outline launched in this process has set does not name the jobs of the next test."""
    for variable in ("SHOW", "SHOT"):
        monkeypatch.delenv(variable, raising=False)
