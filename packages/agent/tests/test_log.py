"""The agent's own messages."""

from __future__ import annotations

import pytest

from rqd import log


def test_a_message_stays_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A frame's name cannot forge a line of the agent's messages."""
    log.warning("run ended", frame="0001-x\n2026 error forged")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert 'frame="0001-x\\\\n2026 error forged"' in written
