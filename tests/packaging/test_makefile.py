"""What the Makefile announces before it installs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_announced_size_is_true() -> None:
    """The size that `make venv` announces is within a third of what it installed."""
    environment = Path(sys.prefix)
    if not (environment / ".installed").exists():
        pytest.skip("this environment was not made by `make venv`")
    (announced_mb,) = re.findall(r"about (\d+) MB", (ROOT / "Makefile").read_text())
    seen: set[int] = set()
    used_bytes = 0
    for folder, _, files in os.walk(environment):
        for name in files:
            facts = os.lstat(os.path.join(folder, name))
            if facts.st_ino not in seen:
                seen.add(facts.st_ino)
                used_bytes += facts.st_blocks * 512
    assert used_bytes / 1e6 == pytest.approx(int(announced_mb), rel=0.34)
