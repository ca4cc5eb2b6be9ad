"""Which commands need a shell."""

from __future__ import annotations

import pytest

from rqd.runner.command import direct_arguments


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/usr/bin/render -s 1 --out=/a/b.%04d.exr", ["/usr/bin/render", "-s", "1", "--out=/a/b.%04d.exr"]),
        ("render -s 1", []),
        ("/usr/bin/render $FRAME", []),
        ("/usr/bin/render 'a b'", []),
        ("/usr/bin/render; true", []),
        ("/usr/bin/render *.exr", []),
        ("/usr/bin/render ~/x", []),
        ("/usr/bin/render\ntrue", []),
    ],
)
def test_only_what_the_shell_would_not_change_runs_without_it(command: str, words: list[str]) -> None:
    """A program by its path with plain words needs no shell; anything else gets one."""
    assert direct_arguments(command) == words
