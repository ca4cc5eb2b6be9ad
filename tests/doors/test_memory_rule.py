"""Server and client agree on which runs lacked memory."""

from __future__ import annotations

import pytest

from cuebot.domain.memory import MEMORY_EXITS, is_believable
from cuefarm_proto import farm_pb2
from opencue.causes import MEMORY_STATUSES, causeText

RESERVED_KIB = 1_000_000


@pytest.mark.parametrize("used_kib", [0, 1, 3_000, 799_999, 800_000, 1_000_000, 2_000_000])
def test_words_and_rule_agree(used_kib: int) -> None:
    """The words "out of memory" are said of a run where the server would raise its layer's memory, and of no other."""
    assert set(MEMORY_STATUSES) == set(MEMORY_EXITS)
    for status in MEMORY_STATUSES:
        run = farm_pb2.Run(cause="EXITED", exit_status=status, max_rss_kib=used_kib, memory_kib=RESERVED_KIB)
        assert causeText(run).endswith("out of memory)") == is_believable(used_kib, RESERVED_KIB)
