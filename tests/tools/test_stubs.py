"""`make stubs`: what the type checker knows of messages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools.stubs import FOLDERS, write_stubs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", FOLDERS)
def test_stubs_are_those_of_the_messages_that_are_loaded(package: str, tmp_path: Path) -> None:
    """Written again they are the same; `make stubs` brings them up to date."""
    again = {path.name: path.read_text() for path in write_stubs(package, tmp_path)}
    stored = {path.name: path.read_text() for path in (ROOT / FOLDERS[package]).glob("*.pyi")}
    stored.pop("__init__.pyi", None)
    assert again == stored


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("job_pb2.Job(nmae='x')", 'Unexpected keyword argument "nmae"'),
        ("job_pb2.Job(name=1)", 'Argument "name" to "Job" has incompatible type "int"'),
        ("job_pb2.Job().job_stats.max_rrs", '"JobStats" has no attribute "max_rrs"'),
        ("job_pb2.Job(state=3)", 'Argument "state" to "Job" has incompatible type "int"'),
        ("farm_pb2.Run().exit_stauts", '"Run" has no attribute "exit_stauts"'),
    ],
)
def test_a_slip_in_a_message_is_found_before_it_runs(line: str, words: str, tmp_path: Path) -> None:
    """A field that is misspelled or of another type, of the published messages and of ours."""
    slip = tmp_path / "slip.py"
    slip.write_text(f"from opencue_proto import job_pb2\nfrom cuefarm_proto import farm_pb2\n{line}\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={ROOT}/.mypy_cache", str(slip)]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "stubs")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 1, done.stderr
    assert words in done.stdout
