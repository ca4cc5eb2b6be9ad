"""Finished jobs are packed on disk, read back as they were, and forgotten when they are too old or too many."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_farm import START_US, Mix, assert_same, commit, reloaded
from sqlalchemy import Connection, event

from cuebot.app.retention import forget_what_is_old, month_before
from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain.archive import ArchivedJob, PackedJob, pack, unpack
from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.recount import check
from cuebot.domain.states import JobState
from cuebot.domain.units import HOUR, SECOND, Micros
from cuebot.engine.core import Core
from cuebot.engine.past_jobs import PastJobs
from cuebot.engine.ports import JobSearch
from cuebot.journal import History, SqlJournal, archive
from cuebot.journal.database import engine_for, parse

Open = Callable[[str], SqlJournal]
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def history(url: str) -> Iterator[History]:
    """A reader of the test's database."""
    reader = History(url)
    yield reader
    reader.close()


def worked(journal: SqlJournal, batches: int = 120) -> tuple[Mix, dict[str, ArchivedJob]]:
    """A farm on which much has happened and whose finished jobs left memory at once; and what left, as it was."""
    mix = Mix(5)
    mix.core.settings = mix.core.farm.settings = Settings(finished_in_memory_us=Micros(0))
    left: dict[str, ArchivedJob] = {}
    for _ in range(batches):
        batch = mix.until_batch()
        left.update({archived.job.id: archived for archived in batch.rows.archived})
        commit(journal, batch)
        mix.sweep()
    while mix.core.has_batch():
        batch = mix.batch()
        left.update({archived.job.id: archived for archived in batch.rows.archived})
        commit(journal, batch)
    check(mix.core.farm)
    assert len(left) > 5
    return mix, left


def recalled(mix: Mix, history: History, text: str) -> list[c.RecallJob]:
    """What loads a job again."""

    async def ask() -> list[c.RecallJob]:
        return await PastJobs(history, DEFAULT_BOUNDS).recall(mix.core.farm, text)

    return asyncio.run(ask())


def test_what_left_memory_is_on_disk_as_it_was(url: str, open_journal: Open, history: History) -> None:
    """Each job to the byte, found by its own id, by the beginning of that, and by the id of anything of it."""
    _, left = worked(open_journal(url))
    for job_id, archived in left.items():
        assert history.packed_job(job_id) == pack(archived)
        frame_id = archived.layers[0].id[:-8] + "00000001"
        for text in (job_id, job_id[:8].upper(), frame_id, *archived.part_ids()):
            assert history.job_with(text) == job_id
    some = next(iter(left.values())).job
    assert history.job_with(some.name.upper().replace("_", "-")) == history.job_with(some.name)
    assert history.job_with("nobody") is None
    assert history.packed_job("nobody") is None


def test_a_restart_loads_no_job_that_left_memory(url: str, open_journal: Open) -> None:
    """The farm is the one that was in memory, to the last row."""
    journal = open_journal(url)
    mix, left = worked(journal)
    farm, last_seq = reloaded(journal, mix.now_us)
    assert not set(left) & set(farm.jobs)
    assert last_seq == mix.core.last_seq
    assert_same(farm, mix.core.farm)


def test_jobs_come_back_and_leave_again_unchanged(url: str, open_journal: Open, history: History) -> None:
    """With those that they waited for; the disk has each of them once, wherever it is now."""
    journal = open_journal(url)
    mix, left = worked(journal)
    for job_id in left:
        for command in recalled(mix, history, job_id):
            mix.do(command)
    assert set(left) <= set(mix.core.farm.jobs)
    check(mix.core.farm)
    commit(journal, mix.batch())
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)
    assert history.find_jobs(JobSearch(), 1_000) == []
    assert all(history.job_with(job_id) is None for job_id in left)

    mix.now_us += SECOND
    while mix.core.has_batch() or set(left) & set(mix.core.farm.jobs):
        mix.sweep()
        commit(journal, mix.batch())
    for job_id, archived in left.items():
        assert plain(history.packed_job(job_id)) == plain(pack(archived))


def plain(packed: PackedJob | None) -> PackedJob:
    """An archived job without what it gets anew when it comes back.

    Its layers' keys, what its name means, when frames that wait for others began to, and what happened meanwhile to
    what it waited for.
    """
    assert packed is not None
    archived = unpack(packed)
    archived.job.superseded = False
    for layer in archived.layers:
        layer.key = 0
        layer.frames.updated_us[:] = layer.frames.eligible_us[:] = 0
    for depend in archived.depends:
        depend.active = False
    return pack(archived)


def test_jobs_on_disk_come_page_by_page(url: str, open_journal: Open, history: History) -> None:
    """The one that ended last first, each once, and only those that a search means."""
    _, left = worked(open_journal(url))
    jobs = sorted((archived.job for archived in left.values()), key=lambda job: (-job.stopped_us, job.id))
    search, found = JobSearch(), []
    while page := history.find_jobs(search, 3):
        found += [one.id for one in page]
        search = search.after(page[-1])
    assert found == [job.id for job in jobs]

    some = jobs[len(jobs) // 2]
    for search, wanted in (
        (JobSearch(ids=[some.id]), [some.id]),
        (JobSearch(names=[some.name]), [some.id]),
        (JobSearch(names=[some.name.replace("_", "-").upper()]), [some.id]),
        (JobSearch(names=[some.id[:8]]), [some.id]),
        (JobSearch(parts=[some.name[3:].upper()]), [job.id for job in jobs if some.name[3:] in job.name]),
        (JobSearch(users=[some.user]), [job.id for job in jobs if job.user == some.user]),
        (JobSearch(users=[some.user.upper()]), [job.id for job in jobs if job.user == some.user]),
        (JobSearch(shots=[some.shot]), [job.id for job in jobs if job.shot == some.shot]),
        (JobSearch(show_ids=[some.show_id]), [job.id for job in jobs if job.show_id == some.show_id]),
        (JobSearch(stopped_since_us=some.stopped_us), [job.id for job in jobs if job.stopped_us >= some.stopped_us]),
        (JobSearch(users=["nobody"]), []),
    ):
        assert [one.id for one in history.find_jobs(search, 1_000)] == wanted, search


def test_a_search_may_be_for_anything(url: str, open_journal: Open, history: History) -> None:
    """Thousands of ids, beginnings or parts, what SQL means something by, and what no database stores."""
    _, left = worked(open_journal(url))
    some = next(iter(left.values())).job
    others = [f"{number:08x}" for number in range(3_000)]
    whole = [f"{word}-0000-0000-0000-000000000000" for word in others]
    odd = ["%", "_", "'; --", "a\0b", "x" * 100_000, "*", "\\"]
    for search in (
        JobSearch(ids=[*whole, *odd, some.id]),
        JobSearch(names=[*whole, *odd, some.id]),
        JobSearch(names=[*others, *odd, some.id[:8]]),
        JobSearch(parts=[*others, *odd, some.name]),
        JobSearch(users=[*odd, some.user]),
        JobSearch(shots=[*odd, some.shot], show_ids=[*odd, some.show_id]),
    ):
        assert some.id in {one.id for one in history.find_jobs(search, 1_000)}
    for word in odd:
        assert history.job_with(word) is None
        for search in (JobSearch(ids=[word]), JobSearch(names=[word]), JobSearch(users=[word])):
            assert history.find_jobs(search, 1_000) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in FIXTURES.glob("v*.sqlite")))
def test_finished_jobs_of_an_earlier_version_leave_and_come_back(name: str, tmp_path: Path, open_journal: Open) -> None:
    """Each as it was; none of them has a specification, which those versions did not keep."""
    path = tmp_path / "farm.sqlite"
    shutil.copy(FIXTURES / f"{name}.sqlite", path)
    journal, history = open_journal(f"sqlite:///{path}"), History(f"sqlite:///{path}")
    now_us = json.loads((FIXTURES / f"{name}.json").read_text())["now_us"] + HOUR
    farm, last_seq = reloaded(journal, now_us)
    finished = {job.id: job.name for job in farm.jobs.values() if job.state is JobState.FINISHED}
    assert finished

    settings = Settings(finished_jobs_in_memory=0)
    core = Core(farm, last_seq=last_seq, started_us=now_us, new_id=lambda: str(uuid.uuid4()), settings=settings)
    mix = Mix(1, core)
    mix.now_us = now_us
    mix.sweep()
    commit(journal, mix.batch())
    left = set(finished) - set(farm.jobs)
    assert left
    check(farm)
    for job_id in left:
        for command in recalled(mix, history, job_id):
            mix.do(command)
        assert farm.jobs[job_id].name == finished[job_id]
    check(farm)
    commit(journal, mix.batch())
    assert_same(reloaded(journal, now_us)[0], farm)
    history.close()


@pytest.mark.parametrize(
    "search",
    [
        JobSearch(),
        JobSearch(parts=["comp"]),
        JobSearch(shots=["sh010"]),
        JobSearch(users=["ann"]),
        JobSearch(names=["comp"]),
        JobSearch(before=(1, "x")),
    ],
)
def test_no_search_reads_the_rows_of_jobs_that_it_does_not_find(
    search: JobSearch, new_database: Callable[[str], str], open_journal: Open
) -> None:
    """A row has a kilobyte and more, so a search through a million of them ends in an index."""
    url = new_database("sqlite")
    open_journal(url)
    plans: list[str] = []

    def explain(connection: Connection, _: Any, statement: str, values: Any, *unused: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            plans.extend(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))

    engine = engine_for(parse(url))
    event.listen(engine, "before_cursor_execute", explain)
    with engine.connect() as connection:
        archive.find_jobs(connection, search, 10)
    engine.dispose()
    of_jobs = [step for step in plans if "archived_job" in step]
    assert of_jobs
    assert all("COVERING INDEX" in step or step.startswith("SEARCH") for step in of_jobs), of_jobs


def test_the_oldest_of_too_many_are_forgotten(url: str, open_journal: Open, history: History) -> None:
    """With everything of theirs, and what they were submitted with once no job has it any more."""
    journal = open_journal(url)
    mix, left = worked(journal)
    ends = sorted((archived.job.stopped_us for archived in left.values()), reverse=True)
    asyncio.run(forget_what_is_old(journal, Settings(finished_jobs_kept=3), mix.now_us))
    kept = history.find_jobs(JobSearch(), 1_000)
    assert [one.stopped_us for one in kept] == ends[: len(kept)]
    assert len(kept) == 3
    for job_id in set(left) - {one.id for one in kept}:
        assert all(history.job_with(id) is None for id in (job_id, *left[job_id].part_ids()))
    assert_same(reloaded(journal, mix.now_us)[0], mix.core.farm)


def test_those_that_ended_long_ago_are_forgotten(url: str, open_journal: Open, history: History) -> None:
    """By days; without a setting nothing is forgotten."""
    journal = open_journal(url)
    mix, left = worked(journal)
    asyncio.run(forget_what_is_old(journal, Settings(), mix.now_us + 10_000 * HOUR))
    assert len(history.find_jobs(JobSearch(), 1_000)) == len(left)
    last_us = max(archived.job.stopped_us for archived in left.values())
    asyncio.run(forget_what_is_old(journal, Settings(finished_jobs_kept_days=2), last_us + 48 * HOUR))
    assert [one.stopped_us for one in history.find_jobs(JobSearch(), 1_000)] == [last_us]


def test_what_a_job_was_submitted_with_goes_with_the_last_job_that_has_it(
    url: str, open_journal: Open, history: History
) -> None:
    """Not before, whether that one is on disk or in memory."""
    journal = open_journal(url)
    mix = Mix(7)
    mix.core.settings = Settings(finished_in_memory_us=Micros(0))
    ids = [mix.submit(name) for name in ("one", "two")]
    commit(journal, mix.batch())
    texts = [b"what one was submitted with", b"what two was submitted with"]
    assert [history.specification(id) for id in ids] == texts
    mix.do(c.KillJob(ids[0], "enough"))
    commit(journal, mix.batch())
    mix.now_us += SECOND
    mix.sweep()
    commit(journal, mix.batch())
    assert history.specification(ids[0]) is not None
    asyncio.run(forget_what_is_old(journal, Settings(finished_jobs_kept_days=1), mix.now_us + 48 * HOUR))
    assert [history.specification(id) for id in ids] == [None, texts[1]]


def test_months_are_counted_back_over_the_turn_of_a_year() -> None:
    """Two months before October 2026 is August, eleven are November of the year before."""
    assert [month_before(START_US, months) for months in (0, 2, 11)] == ["2026_10", "2026_08", "2025_11"]
