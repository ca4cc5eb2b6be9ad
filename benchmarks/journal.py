"""The journal alone: commits, a big submission made durable, a big farm back after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.table import Figure, show
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.frames import COLUMNS
from cuebot.domain.states import Cause, FrameState, JobState
from cuebot.domain.units import CoreUnits, KiB, Micros
from cuebot.engine.core import Core
from cuebot.engine.farm_rows import FrameRows, Rows, frame_columns, load_farm, take_dirty
from cuebot.engine.ports import Batch, Recorded
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec

NOW_US = 1_790_000_000_000_000
ENVELOPE = c.Envelope("benchmark")
SUBMITTED_FRAMES = 100_000
RESTART_FRAMES = 1_000_000
BATCHES = ((1, 500), (100, 200), (1_000, 50))
"""Rows a batch, and how many batches."""


def figures() -> Iterator[Figure]:
    """Measure everything on SQLite files in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cuefarm-bench-") as folder:
        root = Path(folder)
        for rows, batches in BATCHES:
            yield from commits(root, rows, batches)
        yield from submission(root)
        yield from restart(root)


def commits(root: Path, rows: int, batches: int) -> Iterator[Figure]:
    """Batches of frame rows; the same rows through the driver alone; batches of ended runs, with their history."""
    frame_batches = [Batch(Rows(frames=[frame_rows(rows, number)]), []) for number in range(batches)]
    wall_s, cpu_s = _committed(root / f"frames{rows}.sqlite", frame_batches)
    yield Figure(f"commits of {rows} frame rows", batches / wall_s, "/s")
    yield Figure(f"... CPU a row at {rows}", 1e6 * cpu_s / (rows * batches), "us")
    raw = [list(_tuples(batch.rows.frames[0])) for batch in frame_batches]
    yield Figure(f"... CPU a row at {rows}, driver alone", 1e6 * _driver(root / f"raw{rows}.sqlite", raw), "us")
    ended = [Batch(batch.rows, run_events(rows, number)) for number, batch in enumerate(frame_batches)]
    wall_s, cpu_s = _committed(root / f"runs{rows}.sqlite", ended)
    yield Figure(f"commits of {rows} ended runs (frame, event, frame_run)", batches / wall_s, "/s")
    yield Figure(f"... CPU a run at {rows}", 1e6 * cpu_s / (rows * batches), "us")


def submission(root: Path) -> Iterator[Figure]:
    """One job of 100,000 frames: decided, applied and durable."""
    journal = SqlJournal(f"sqlite:///{root / 'submit.sqlite'}")
    try:
        core = seeded(journal)
        spec = parse_spec(job_text("big", 1, SUBMITTED_FRAMES))
        began = time.perf_counter()
        core.execute(c.SubmitJobs(spec), ENVELOPE, NOW_US)
        asyncio.run(journal.commit(core.take()))
        yield Figure(f"submit {SUBMITTED_FRAMES:,} frames, durable (spec parsed)", time.perf_counter() - began, "s", 1)
    finally:
        journal.close()


def restart(root: Path) -> Iterator[Figure]:
    """A million finished frames in 10 jobs, written by the journal, read back and made a farm again."""
    url = f"sqlite:///{root / 'restart.sqlite'}"
    journal = SqlJournal(url)
    jobs = 10
    core = seeded(journal)
    for number in range(jobs):
        core.execute(c.SubmitJobs(parse_spec(job_text(f"job{number}", 1, RESTART_FRAMES // jobs))), ENVELOPE, NOW_US)
    asyncio.run(journal.commit(core.take()))
    finished = finish_all(core.farm)
    began = time.perf_counter()
    asyncio.run(journal.commit(Batch(finished, [])))
    yield Figure(f"write {RESTART_FRAMES:,} frame rows in one commit", time.perf_counter() - began, "s")
    journal.close()

    began = time.perf_counter()
    journal = SqlJournal(url)
    rows, _ = journal.load()
    read = time.perf_counter()
    farm = load_farm(rows, NOW_US)
    built = time.perf_counter()
    journal.close()
    assert sum(job.counts[FrameState.SUCCEEDED] for job in farm.jobs.values()) == RESTART_FRAMES
    yield Figure(f"restart with {RESTART_FRAMES:,} finished frames", built - began, "s", 3)
    yield Figure("... of that in SQL", read - began, "s")


def frame_rows(count: int, number: int) -> FrameRows:
    """Rows of a layer of 100,000 frames, a different stretch in each batch."""
    columns = {name: np.full(count, 1_000_000, dtype=np.int64).astype(dtype) for name, (dtype, _) in COLUMNS.items()}
    for name in ("eligible_us", "start_us", "stop_us", "updated_us"):
        columns[name] += NOW_US + number
    columns["dispatch_order"] = np.arange(count, dtype=np.int32)
    return FrameRows(1, (np.arange(count, dtype=np.int32) + number * count) % 100_000, columns)


def run_events(count: int, number: int) -> list[Recorded]:
    """The ends of so many runs, of four layers."""
    first = number * count + 1
    layers = [f"{layer:08d}-0000-4000-8000-000000000000" for layer in range(4)]
    return [
        Recorded(seq, NOW_US, ENVELOPE, _run_ended(layers[seq % 4], seq)) for seq in range(first, first + count)
    ]  # fmt: skip


def _run_ended(layer_id: str, seq: int) -> ev.RunEnded:
    return ev.RunEnded(
        run_id=str(uuid.uuid4()),
        job_id=layer_id,
        layer_id=layer_id,
        index=seq,
        number=seq + 1,
        host_id=layer_id,
        cores=CoreUnits(100),
        memory=KiB(1_000_000),
        booked_us=Micros(NOW_US),
        state=FrameState.SUCCEEDED,
        exit_status=0,
        exit_signal=0,
        cause=Cause.EXITED,
        run_us=Micros(1_000_000),
        max_rss=KiB(100_000),
    )


def _committed(path: Path, batches: list[Batch]) -> tuple[float, float]:
    """Wall and CPU seconds of committing all batches one after another."""
    journal = SqlJournal(f"sqlite:///{path}")

    async def commit_all() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            await journal.commit(batch)
        return time.perf_counter() - wall, time.process_time() - cpu

    try:
        return asyncio.run(commit_all())
    finally:
        journal.close()


def _tuples(part: FrameRows) -> Iterator[tuple[int, ...]]:
    for place, index in enumerate(part.indices.tolist()):
        yield (part.layer_key, index, *(int(values[place]) for values in part.columns.values()))


def _driver(path: Path, batches: list[list[tuple[int, ...]]]) -> float:
    """CPU seconds a row of the same upserts through sqlite3 alone: the floor."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    names = [*COLUMNS, "dispatch_order"]
    database.execute(
        f"CREATE TABLE frame (layer_key, idx, {', '.join(names)}, PRIMARY KEY (layer_key, idx)) WITHOUT ROWID"
    )
    places = ", ".join("?" for _ in range(len(names) + 2))
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    statement = f"INSERT INTO frame VALUES ({places}) ON CONFLICT (layer_key, idx) DO UPDATE SET {changes}"
    cpu = time.process_time()
    for rows in batches:
        database.execute("BEGIN IMMEDIATE")
        database.executemany(statement, rows)
        database.execute("COMMIT")
    cpu = time.process_time() - cpu
    database.close()
    return cpu / sum(map(len, batches))


def seeded(journal: SqlJournal) -> Core:
    """A core over an empty journal, with the first show."""
    rows, last_seq = journal.load()
    core = Core(load_farm(rows, NOW_US), last_seq=last_seq, started_us=NOW_US, new_id=lambda: str(uuid.uuid4()))
    core.execute(c.Seed(), ENVELOPE, NOW_US)
    return core


def job_text(name: str, first: int, last: int) -> str:
    """A specification of one job with one layer."""
    layer = f'<layer name="beauty" type="Render"><cmd>true</cmd><range>{first}-{last}</range><chunk>1</chunk></layer>'
    job = f'<job name="{name}"><paused>False</paused><env/><layers>{layer}</layers></job>'
    return f"<spec><facility>local</facility><show>testing</show><shot>sh010</shot><user>ann</user>{job}</spec>"


def finish_all(farm: Farm) -> Rows:
    """Rows that say that every frame has succeeded, and that every job is over."""
    take_dirty(farm)
    for job in farm.jobs.values():
        job.state = JobState.FINISHED
        farm.dirty.row("job", job.id)
    rows = take_dirty(farm)
    for layer in farm.layers.values():
        frames, count = layer.frames, len(layer.frames)
        frames.state[:] = FrameState.SUCCEEDED
        frames.copy_on_write()
        frames.exit_status[:] = 0
        frames.start_us[:] = NOW_US + np.arange(count) * 1_000
        frames.stop_us[:] = frames.start_us + 60_000_000
        frames.updated_us[:] = frames.stop_us
        frames.core_us[:] = 60_000_000
        frames.max_rss_kib[:] = 2_000_000
        indices = np.arange(count, dtype=np.int32)
        rows.frames.append(FrameRows(layer.key, indices, frame_columns(frames, indices)))
    return rows


if __name__ == "__main__":
    print(show(list(figures())))
