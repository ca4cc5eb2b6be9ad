"""The simulated disk: rows of committed batches, merged as the journal would, and the history beside them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from cuebot.domain.apply import apply
from cuebot.domain.archive import ArchivedJob, PackedJob, pack, unpack
from cuebot.domain.commands import RecallJob
from cuebot.domain.events import encode
from cuebot.domain.farm import Farm
from cuebot.domain.frames import COLUMNS, stored_columns
from cuebot.domain.nouns import NOUNS, stored_values
from cuebot.domain.units import split_frame_id
from cuebot.engine.farm_rows import FrameRows, Row, Rows, load_farm, take_dirty
from cuebot.engine.ports import Batch, Recorded
from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.invariants import InvariantChecker

SOFT_COLUMNS = frozenset({"eligible_us", "updated_us", "max_rss_kib"})
"""Not written for their own sake, or raised by telemetry before the run has ended."""


class Disk:
    """What is durable. Every commit is compared with what its events alone would have written."""

    def __init__(self, checker: InvariantChecker) -> None:
        self.things: dict[str, dict[str, Row]] = {kind: {} for kind in NOUNS}
        self.frames: dict[int, dict[int, tuple[Any, ...]]] = {}
        """Layer key to frame index to the values of the stored columns and of the dispatch order."""
        self.archive: dict[str, PackedJob] = {}
        """Finished jobs that left memory, by id."""
        self.last_seq = 0
        self.folded = Farm()
        """The farm that the committed events alone describe."""
        self.hash = hashlib.sha256()
        self.commits = 0
        self._checker = checker

    def commit(self, batch: Batch) -> None:
        """Make a batch durable; one that was committed before changes nothing."""
        fresh = [recorded for recorded in batch.events if recorded.seq > self.last_seq]
        self.merge(batch.rows)
        self._fold(fresh)
        if fresh:
            _compare_rows(batch.rows, take_dirty(self.folded))
            self._checker.read(fresh)
            self.last_seq = fresh[-1].seq
        self.commits += 1

    def rows(self) -> Rows:
        """All rows, as a journal hands them back."""
        rows = Rows(things={kind: list(table.values()) for kind, table in self.things.items()})
        names = [*COLUMNS, "dispatch_order"]
        for key, by_index in self.frames.items():
            indices = np.array(sorted(by_index), dtype=np.int32)
            values = zip(*(by_index[index] for index in indices.tolist()), strict=True)
            columns = {name: np.array(column) for name, column in zip(names, values, strict=True)}
            rows.frames.append(FrameRows(key, indices, columns))
        return rows

    def load(self, now_us: int) -> Farm:
        """The farm of the stored rows, after comparing it with the farm of the stored events."""
        farm = load_farm(self.rows(), now_us)
        compare_farms("rows", farm, "events", self.folded)
        return farm

    def merge(self, rows: Rows) -> None:
        """Insert, replace and remove rows."""
        for kind, things in rows.things.items():
            self.things[kind].update({row["id"]: row for row in things})
        for kind, ids in rows.removed.items():
            for id in ids:
                self.things[kind].pop(id, None)
        for part in rows.frames:
            stored = self.frames.setdefault(part.layer_key, {})
            values = zip(*(part.columns[name].tolist() for name in (*COLUMNS, "dispatch_order")), strict=True)
            stored.update(zip(part.indices.tolist(), values, strict=True))

        for id in rows.recalled:
            self.archive.pop(id, None)
        for archived in rows.archived:
            self.archive[archived.job.id] = pack(archived)
        for key in rows.removed_frames:
            self.frames.pop(key, None)

    def job_with(self, id: str) -> str | None:
        """The archived job whose id, or whose layer's or frame's, this is."""
        frame = split_frame_id(id)
        ids = {id} if frame is None else {id, frame[0]}
        return next((job_id for job_id, packed in self.archive.items() if ids & _ids_of(job_id, packed)), None)

    def recalls(self, farm: Farm, job_id: str) -> list[RecallJob]:
        """What loads an archived job again, and before it what it refers to and is not in memory."""
        packed = self.archive.get(job_id)
        if packed is None or job_id in farm.jobs:
            return []
        needed = [recall for id in sorted(unpack(packed).needs()) for recall in self.recalls(farm, id)]
        return [*needed, RecallJob(job_id, *packed)]

    def _fold(self, fresh: list[Recorded]) -> None:
        for recorded in fresh:
            apply(self.folded, recorded.event, recorded.at_us)
            self.hash.update(f"{recorded.seq} {recorded.at_us} {recorded.envelope.actor} ".encode())
            self.hash.update(encode(recorded.event))


def _compare_rows(written: Rows, folded: Rows) -> None:
    """A commit writes exactly the rows that its events changed."""
    for what, a, b in (
        ("rows", _by_id(written), _by_id(folded)),
        ("removed rows", written.removed, folded.removed),
        ("archived jobs", _archived(written), _archived(folded)),
        ("jobs that are no longer archived", written.recalled, folded.recalled),
        ("removed frame rows", written.removed_frames, folded.removed_frames),
        ("frame rows", _frames_by_key(written), _frames_by_key(folded)),
    ):
        if a != b:
            raise Violation(f"{what} written by a commit differ from its events: {_first_difference(a, b)}")


def _by_id(rows: Rows) -> dict[str, dict[str, Row]]:
    return {kind: {row["id"]: row for row in things} for kind, things in rows.things.items()}


def _archived(rows: Rows) -> dict[str, Any]:
    return {archived.job.id: _view_of(archived) for archived in rows.archived}


def _view_of(archived: ArchivedJob) -> dict[str, Any]:
    """An archived job as plain values, without what is soft."""
    things: list[Any] = [archived.job, *archived.layers, *archived.depends, *archived.comments]
    view: dict[str, Any] = {thing.id: stored_values(thing) for thing in things}
    for layer in archived.layers:
        columns = stored_columns(layer.frames, np.arange(len(layer.frames), dtype=np.int32))
        view[f"frames of {layer.id}"] = {
            name: values.tolist() for name, values in columns.items() if name not in SOFT_COLUMNS
        }
    return view


def _ids_of(job_id: str, packed: PackedJob) -> set[str]:
    return {job_id, *unpack(packed).part_ids()}


def _frames_by_key(rows: Rows) -> dict[int, dict[str, list[Any]]]:
    return {
        part.layer_key: {
            "indices": part.indices.tolist(),
            **{name: values.tolist() for name, values in part.columns.items() if name not in SOFT_COLUMNS},
        }
        for part in rows.frames
    }


def compare_farms(a_name: str, a: Farm, b_name: str, b: Farm) -> None:
    """Raise Violation unless two farms are the same in everything that is stored or follows from it."""
    views = zip(farm_view(a).items(), farm_view(b).items(), strict=True)
    for (what, one), (_, other) in views:
        if one != other:
            raise Violation(f"{what} of {a_name} and of {b_name} differ: {_first_difference(one, other)}")


def farm_view(farm: Farm) -> dict[str, dict[Any, Any]]:
    """Everything of a farm that a restart must bring back, as plain values."""
    view: dict[str, dict[Any, Any]] = {
        kind: {id: stored_values(thing) for id, thing in farm.table(kind).items()} for kind in NOUNS
    }
    names = [name for name in (*COLUMNS, "dispatch_order", "depend_count") if name not in SOFT_COLUMNS]
    view["frames"] = {
        layer.id: {name: getattr(layer.frames, name).tolist() for name in names} for layer in farm.layers.values()
    }
    view["counters"] = {
        thing.id: (thing.reserved_cores, getattr(thing, "reserved_gpus", 0), *getattr(thing, "counts", ()))
        for kind in ("job", "layer", "group", "allocation", "subscription")
        for thing in farm.table(kind).values()
    }
    view["indexes"] = {
        "active jobs": farm.active_job_by_name,
        "hosts": farm.host_by_name,
        "host names": farm.host_names,
        "shows": farm.show_by_name,
        "ready": sorted(farm.ready),
        "layer keys": farm.layer_by_key,
        "runs": {layer.id: layer.runs for layer in farm.layers.values()},
    }
    return view


def _first_difference(a: Any, b: Any, path: str = "") -> str:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            if key not in a or key not in b:
                return f"{path}/{key} is only on one side"
            if a[key] != b[key]:
                return _first_difference(a[key], b[key], f"{path}/{key}")
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            if x != y:
                return _first_difference(x, y, f"{path}[{place}]")
    return f"{path}: {a!r} and {b!r}"
