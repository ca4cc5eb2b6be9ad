"""Wrappers reach one another without importing one another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from opencue import exception, kinds
from opencue.cuebot import Cuebot
from opencue.wrappers.job import Job


@pytest.mark.parametrize(
    "first", ["opencue.kinds", "opencue.search", "opencue.wrappers.proc", "opencue.wrappers.by_name"]
)
def test_whatever_is_imported_first_every_wrapper_is_found(first: str) -> None:
    """A script may import one module alone, and get everything from its methods."""
    code = f"import {first}\nfrom opencue.kinds import wrapperOf\nprint(wrapperOf('Host').__module__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "opencue.wrappers.host\n"


def test_a_studios_own_job_takes_nobodys_place() -> None:
    """A subclass of a wrapper, even of the same name, is not what the others return."""
    theirs = type("Job", (Job,), {})
    assert issubclass(theirs, Job)
    assert kinds.wrapperOf("Job") is Job


def test_retries_are_those_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """`opencue.exception` reads the configuration that the connection uses."""
    monkeypatch.setitem(Cuebot.Config, "cuebot.exception_retries", 3)
    assert exception.getRetryCount() == 3
