"""Finished jobs that are on disk: loaded again when somebody asks for one, and looked through for lists."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from typing import Final, NamedTuple, TypeVar

from cuebot.domain import commands as c
from cuebot.domain.archive import PackedJob, unpack, unpack_summary
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Unavailable
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.engine.ports import FoundJob, JobHistory, JobSearch, JournalError, KeptJobs
from cuebot.engine.readers import Readers

JOBS_AT_A_TIME: Final = 500
"""How many summaries are read before it is seen whether they are enough."""
THREADS: Final = 2

Result = TypeVar("Result")


class PastJob(NamedTuple):
    """An archived job as it is listed."""

    farm: Farm
    """The farm, with archived jobs in the place of those that live."""
    job: Job
    is_commented: bool


class Past(NamedTuple):
    """What a search found on disk."""

    jobs: list[PastJob]
    """The one that ended last first."""
    is_all: bool
    """False where the search ended before all had been looked at."""


class NoJobHistory:
    """Stands for the archive of a server that has none; satisfies `engine.ports.JobHistory`."""

    def job_with(self, text: str) -> str | None:
        """Nothing."""
        return None

    def packed_job(self, job_id: str) -> PackedJob | None:
        """Nothing."""
        return None

    def has_younger(self, name: str, submitted_us: int) -> bool:
        """No."""
        return False

    def find_jobs(self, search: JobSearch, limit: int) -> list[FoundJob]:
        """Nothing."""
        return []

    def kept_jobs(self) -> KeptJobs:
        """None."""
        return KeptJobs(0, 0)

    def specification(self, specification_id: str) -> bytes | None:
        """Nothing."""
        return None


class PastJobs:
    """Reads archived jobs in threads; the loop never waits for a disk."""

    def __init__(self, history: JobHistory, bounds: Bounds) -> None:
        self._history = history
        self._readers = Readers("the database's archive of jobs", THREADS, bounds)
        self.one_at_a_time = asyncio.Lock()
        """Held while a job is loaded again, so that what was read is still what is on disk when it is applied."""

    async def recall(self, farm: Farm, text: str) -> list[c.RecallJob]:
        """The commands that load the job that an id or name means, and all that it refers to; those first.

        Nothing where no archived job is meant. Raises Unavailable.
        """
        job_id = await self._read(partial(self._history.job_with, text))
        if job_id is None:
            return []
        return await self._read(partial(_commands, self._history, farm, job_id))

    async def find(
        self, farm: Farm, search: JobSearch, matcher: Callable[[Farm], Callable[[Job], bool]], most: int, looks: int
    ) -> Past:
        """At most `most` archived jobs that fit a search and match, of `looks` that are looked at. Raises Unavailable.

        `matcher` is called once, with a farm that has the archived jobs which are looked at, and no others.
        """
        return await self._read(partial(_find, self._history, copy(farm), search, matcher, most, looks))

    async def layers(
        self, search: JobSearch, layer_name: str, read: Callable[[Job, Layer], Result | None], most: int, looks: int
    ) -> tuple[list[Result], bool]:
        """What can be read of layers of a name, frames included, of at most `looks` archived jobs; and if that is all.

        The job that ended last comes first, and `most` results at most come. Raises Unavailable.
        """
        return await self._read(partial(_layers, self._history, search, layer_name, read, most, looks))

    async def kept_jobs(self) -> KeptJobs:
        """How many archived jobs there are, and since when. Raises Unavailable."""
        return await self._read(self._history.kept_jobs)

    async def specification(self, specification_id: str) -> str | None:
        """What jobs were submitted with, if that was kept. Raises Unavailable."""
        return await self._read(partial(_text_of, self._history, specification_id))

    async def _read(self, work: Callable[[], Result]) -> Result:
        try:
            return await self._readers.read(work)
        except JournalError as error:
            raise Unavailable(f"finished jobs cannot be read now: {error}") from error


def _text_of(history: JobHistory, specification_id: str) -> str | None:
    compressed = history.specification(specification_id)
    return None if compressed is None else zlib.decompress(compressed).decode()


def _commands(history: JobHistory, farm: Farm, job_id: str) -> list[c.RecallJob]:
    """Recalls of a job and, before it, of what it refers to and is not in memory."""
    commands: dict[str, c.RecallJob] = {}
    wanted = [job_id]
    while wanted:
        id = wanted.pop()
        packed = history.packed_job(id) if id not in farm.jobs else None
        if packed is None:
            continue
        archived = unpack(packed)
        superseded = history.has_younger(archived.job.name, archived.job.submitted_us)
        commands.pop(id, None)
        commands[id] = c.RecallJob(id, packed.summary, packed.rest, superseded)
        wanted += sorted(archived.needs())
    return list(reversed(commands.values()))


def _find(
    history: JobHistory,
    farm: Farm,
    search: JobSearch,
    matcher: Callable[[Farm], Callable[[Job], bool]],
    most: int,
    looks: int,
) -> Past:
    listed = copy(farm)
    listed.jobs, listed.layers = {}, {}
    matches = matcher(listed)
    found: list[PastJob] = []
    looked_at = 0
    for page in _pages(history, search):
        if looked_at >= looks or len(found) > most:
            return Past(found[:most], is_all=False)
        looked_at += len(page)
        found += [one for one in _entered(farm, listed, page) if _is_wanted(one, matches)]
    return Past(found[:most], is_all=len(found) <= most)


def _layers(
    history: JobHistory,
    search: JobSearch,
    layer_name: str,
    read: Callable[[Job, Layer], Result | None],
    most: int,
    looks: int,
) -> tuple[list[Result], bool]:
    found: list[Result] = []
    looked_at = 0
    for page in _pages(history, search):
        if looked_at >= looks:
            return found, False
        looked_at += len(page)
        for one in page:
            archived, _ = unpack_summary(one.summary)
            is_wanted = any(layer.name == layer_name for layer in archived.layers)
            packed = history.packed_job(one.id) if is_wanted else None
            if packed is None:
                continue
            if len(found) >= most:
                return found, False
            whole = unpack(packed)
            results = (read(whole.job, layer) for layer in whole.layers if layer.name == layer_name)
            found += [result for result in results if result is not None]
    return found, True


def _pages(history: JobHistory, search: JobSearch) -> Iterator[list[FoundJob]]:
    while page := history.find_jobs(search, JOBS_AT_A_TIME):
        yield page
        if len(page) < JOBS_AT_A_TIME:
            return
        search = search.after(page[-1])


def _entered(farm: Farm, listed: Farm, page: list[FoundJob]) -> Iterator[PastJob]:
    """Those of a page that are not in memory again, each entered into the farm of what is listed."""
    for one in page:
        archived, is_commented = unpack_summary(one.summary)
        job = archived.job
        show = farm.shows.get(job.show_id)
        if show is None or one.id in farm.jobs:
            continue
        if job.group_id not in farm.groups:
            job.group_id = show.root_group_id
        if job.facility_id not in farm.facilities:
            job.facility_id = next(iter(farm.facilities))
        listed.jobs[job.id] = job
        listed.layers.update({layer.id: layer for layer in archived.layers})
        yield PastJob(listed, job, is_commented)


def _is_wanted(one: PastJob, matches: Callable[[Job], bool]) -> bool:
    """Whether a job matches; one that does not is forgotten at once."""
    if matches(one.job):
        return True
    del one.farm.jobs[one.job.id]
    for layer_id in one.job.layer_ids:
        del one.farm.layers[layer_id]
    return False
