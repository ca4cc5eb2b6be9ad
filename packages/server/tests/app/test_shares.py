"""How the agents of one machine share it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuebot.app.shares import TooManyAgents, share_out

GIB = 1 << 20


def test_one_agent_measures_the_machine_itself() -> None:
    """A single agent is given no share: it offers what it measures."""
    (share,) = share_out(1, 8, 16 * GIB)
    assert (share.cores, share.memory_kib, share.options) == (8, 16 * GIB, [])


def test_the_first_has_what_is_left_over() -> None:
    """Seven cores among three agents are 3, 2 and 2, with memory in the same proportion."""
    shares = share_out(3, 7, 14 * GIB)
    assert [share.cores for share in shares] == [3, 2, 2]
    assert [share.memory_kib // GIB for share in shares] == [6, 4, 4]
    assert shares[1].options == ["--cores", "2", "--memory-gb", "4.000"]
    assert len({share.name for share in shares}) == 3


@given(cores=st.integers(1, 256), count=st.integers(1, 256), memory=st.integers(1, 1 << 32))
def test_shares_are_whole_cores_of_the_machine(cores: int, count: int, memory: int) -> None:
    """Every agent has a whole core, together they have the machine's, or they are refused with the number that fits."""
    if count > cores and count > 1:
        with pytest.raises(TooManyAgents, match=f"use --agents {cores}"):
            share_out(count, cores, memory)
        return
    shares = share_out(count, cores, memory)
    assert sum(share.cores for share in shares) == cores
    assert min(share.cores for share in shares) >= 1
    assert sum(share.memory_kib for share in shares) <= memory
