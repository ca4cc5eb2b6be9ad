"""Garbage collection in a server with many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from cuebot.app.garbage import freeze_survivors


class Thing:
    """Something that the collector keeps track of."""


@pytest.fixture
def frozen() -> Iterator[None]:
    """A process that freezes what survives, and does not any more afterwards."""
    before = list(gc.callbacks)
    freeze_survivors()
    yield
    gc.callbacks[:] = before
    gc.unfreeze()


def test_what_survived_a_full_collection_is_not_gone_through_again(frozen: None) -> None:
    """Objects that came after the start are out of the collector's way once it has seen them."""
    things = [Thing() for _ in range(1_000)]
    assert any(each is things[0] for each in gc.get_objects())
    gc.collect()
    assert not any(each is things[0] for each in gc.get_objects())


def test_new_garbage_is_still_found(frozen: None) -> None:
    """Cycles that nobody uses any more go, before and after a full collection."""
    for _ in range(2):
        one, other = Thing(), Thing()
        one.other, other.one = other, one  # type: ignore[attr-defined]
        del one, other
        assert gc.collect() >= 2
