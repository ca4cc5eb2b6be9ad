"""Events travel as JSON and come back the same; frame indices travel as runs."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuebot.domain.events import EVENTS, DependPairsSatisfied, Event, JobRecalled, UsageReported, decode, encode
from cuebot.domain.frames import IndexArray, as_indices, from_runs, to_runs
from cuebot.domain.nouns import Holder
from cuebot.domain.states import Cause, CheckpointState, FrameState, OnEnd

pytestmark = pytest.mark.slow

texts = st.text(max_size=20)
numbers = st.integers(-(2**62), 2**62)
indices = st.sets(st.integers(0, 2**31 - 2), max_size=50).map(lambda found: as_indices(sorted(found)))
values = st.dictionaries(texts, st.one_of(texts, numbers, st.booleans(), st.none(), st.lists(texts)), max_size=5)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "kind": texts,
    "values": values,
    "changes": values,
    "job": values,
    "layers": st.lists(values, max_size=3),
    "killed": st.booleans(),
    "free": st.booleans(),
    "alone": st.booleans(),
    "with_host": st.one_of(st.none(), st.booleans()),
    "indices": indices,
    "satisfied_pairs": indices,
    "run_ids": st.lists(texts, max_size=3),
    "host_ids": st.lists(texts, max_size=3),
    "reply": st.one_of(st.none(), texts, st.lists(texts)),
    "state": st.one_of(st.none(), st.sampled_from(FrameState)),
    "cause": st.sampled_from(Cause),
    "on_end": st.sampled_from(OnEnd),
    "summary": st.binary(max_size=20),
    "rest": st.binary(max_size=20),
    "layer_keys": st.lists(numbers, max_size=3),
    "superseded": st.booleans(),
    "older": st.lists(texts, max_size=3),
    "filter_ids": st.lists(texts, max_size=3),
    "done": st.lists(texts, max_size=3),
    "holders": st.dictionaries(texts, st.builds(Holder, texts, numbers, texts), max_size=3),
    "orders": st.lists(numbers, max_size=3),
    "exit_statuses": st.lists(numbers, max_size=3),
    "retries": st.lists(numbers, max_size=3),
    "start_us": st.lists(numbers, max_size=3),
    "stop_us": st.lists(numbers, max_size=3),
    "max_rss_kib": st.lists(numbers, max_size=3),
    "checkpoint": st.sampled_from(CheckpointState),
}


def field_of(kind: type[Event], name: str) -> st.SearchStrategy[Any]:
    """Values of one field of an event."""
    hint = get_type_hints(kind)[name]
    if name == "pairs":
        return indices if kind is DependPairsSatisfied else st.one_of(st.none(), indices)
    if name == "state" and hint is FrameState:
        return st.sampled_from(FrameState)
    if name == "exit_status":
        return numbers if hint is int else st.one_of(st.none(), numbers)
    if (
        name in ("cores", "memory", "gpus", "gpu_memory")
        and hint is not int
        and getattr(hint, "__origin__", None) is list
    ):
        return st.lists(numbers, max_size=3)
    if name in FIELDS:
        return FIELDS[name]
    return texts if hint is str else numbers


def events() -> st.SearchStrategy[Event]:
    """Events of every kind."""
    return st.sampled_from(sorted(EVENTS)).flatmap(
        lambda name: st.builds(
            EVENTS[name], **{f.name: field_of(EVENTS[name], f.name) for f in dataclasses.fields(EVENTS[name])}
        )
    )


def plain(event: Event) -> dict[str, Any]:
    """An event's fields, arrays as lists, for comparison."""
    found = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


@given(events())
def test_every_event_survives_the_journal(event: Event) -> None:
    """Decoding what was encoded gives the same event of the same kind; only what rows have is not kept twice."""
    back = decode(type(event).__name__, encode(event))
    assert type(back) is type(event)
    in_rows: dict[str, Any] = {"summary": b"", "rest": b""} if isinstance(event, JobRecalled) else {}
    in_rows |= {"holders": {}} if isinstance(event, UsageReported) else {}
    assert plain(back) == plain(event) | in_rows


@given(indices)
def test_indices_survive_as_runs(found: IndexArray) -> None:
    """Runs name the same frames, ascending, and neighbouring frames share one."""
    runs = to_runs(found)
    assert from_runs(runs).tolist() == found.tolist()
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(runs))


def test_a_hundred_thousand_frames_are_one_run() -> None:
    """A command on a whole layer is a few bytes in the journal."""
    assert to_runs(range(100_000)) == [[0, 99_999]]


def test_an_unknown_kind_of_event_is_an_error() -> None:
    """A journal of a later version is not read as if nothing had happened."""
    with pytest.raises(KeyError):
        decode("Unheard", b"{}")
