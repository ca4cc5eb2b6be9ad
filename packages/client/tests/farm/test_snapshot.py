"""Snapshots: what is written is read again, and logs are read when somebody looks."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from builders import a_frame, a_job, a_layer
from hypothesis import given, settings
from hypothesis import strategies as st

import opencue
from opencue.snapshot.lazy import LazyDict

JOB = "demo-sh010-ann_comp"

texts = st.text(max_size=30)
names = st.text('abzAZ09_.- é"<&', min_size=1, max_size=10)
scalars = st.one_of(texts, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
frames = st.dictionaries(
    st.integers(-(10**9), 10**9),
    st.fixed_dictionaries({"status": texts, "host": texts, "pid": st.integers(), "stdout": texts}),
    max_size=4,
)
subjobs = st.dictionaries(
    names, st.fixed_dictionaries({"status": texts, "total": st.integers(), "frames": frames}), max_size=3
)
counts = st.fixed_dictionaries({"complete": st.integers(), "total": st.integers(), "failed": st.integers()})
details = st.fixed_dictionaries(
    {"specification": texts, "paused": st.booleans(), "depends": st.lists(st.dictionaries(st.just("type"), scalars))}
)
snapshots = st.dictionaries(
    names,
    st.fixed_dictionaries({"status": texts, "frames": counts, "subjobs": subjobs, "details": details}),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(snapshots)
def test_a_snapshot_is_read_as_it_was_written(taken: dict[str, Any]) -> None:
    """Whatever logs and commands hold: control characters, halves of surrogates, quotes, ends of lines."""
    assert opencue.snapshot.from_json(opencue.snapshot.to_json(taken)) == taken
    assert opencue.snapshot.from_xml(opencue.snapshot.to_xml(taken)) == taken


def test_a_log_is_read_when_somebody_looks_and_once(farm: Any) -> None:
    """Taking a snapshot reads none; a frame that never ran has none."""
    farm.jobs[JOB], farm.layers[JOB] = a_job(), [a_layer("beauty")]
    farm.frames[JOB] = [a_frame(1, last_resource="render01/1.00/0"), a_frame(2, last_resource="")]
    found = opencue.snapshot.take(JOB)[JOB]["subjobs"]["beauty"]["frames"]
    asked = len([call for call in farm.calls if call.name.endswith("ReadLog")])
    assert asked == 0
    assert (found[2]["stdout"], found[2]["pid"]) == ("", 0)
    before = found[1]["stdout"], found[1]["pid"]
    assert (found[1]["stdout"], found[1]["pid"]) == before
    asked = len([call for call in farm.calls if call.name.endswith("ReadLog")])
    assert asked >= 1
    dict(found[1]), list(found[1].values()), json.dumps(found[1])
    assert len([call for call in farm.calls if call.name.endswith("ReadLog")]) == asked


@pytest.mark.parametrize(
    "use",
    [
        dict,
        lambda lazy: lazy.copy(),
        lambda lazy: dict(lazy.items()),
        lambda lazy: json.loads(json.dumps(lazy)),
        copy.deepcopy,
        lambda lazy: pickle.loads(pickle.dumps(lazy)),
        lambda lazy: {**lazy},
        lambda lazy: {key: lazy.get(key) for key in lazy},
    ],
)
def test_a_lazy_dictionary_is_used_as_any_other(use: Any) -> None:
    """However it is copied or written, what is found later is in it."""
    lazy = LazyDict({"status": "Failed"}, ("pid", "stdout"), lambda: {"pid": 7, "stdout": "words"})
    assert use(lazy) == {"status": "Failed", "pid": 7, "stdout": "words"}
    assert list(lazy) == ["status", "pid", "stdout"]
