"""A fake farm for each test, and the client pointed at it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode adds no folder for helpers beside the tests

from fake_farm import FakeFarm


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFarm]:
    """Give a running fake farm that `opencue` connects to; everything is closed afterwards."""
    from opencue.cuebot import Cuebot

    fake = FakeFarm().start()
    for variable in ("OPENCUE_HOSTS", "CUEBOT_FACILITY", "OPENCUE_FACILITY", "CUEADMIN_FORMAT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CUEBOT_HOSTS", fake.address)
    Cuebot.closeChannel()  # another test of this process may have left one
    monkeypatch.setattr(Cuebot, "Hosts", [])
    monkeypatch.setattr(Cuebot, "Timeout", 5_000)
    yield fake
    Cuebot.closeChannel()
    fake.stop()


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Print times in UTC, so that tables are the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
