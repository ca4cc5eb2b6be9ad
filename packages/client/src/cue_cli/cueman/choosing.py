"""From the words of a line to the jobs and frames that are meant."""

from __future__ import annotations

import fnmatch
import re
from typing import Any, Dict, List, Optional, Sequence

from cue_cli.cueadmin.lookup import findJob, toMember
from cue_cli.cueadmin.session import CommandError, UsageError
from FileSequence import FrameSet
from opencue import api
from opencue.enums import FrameState
from opencue.search import UNBOUNDED, parseRange
from opencue.wrappers.job import Job

IDS_PER_CALL = 1_000


def jobs_of(words: Sequence[str], query: Optional[str], *, finished: bool = False) -> List[Job]:
    """Return the jobs that words name, each once: names, ids, patterns with `*`, with commas between them.

    With a query those that it finds. `finished` says that jobs that are over will do.
    """
    found: Dict[str, Job] = {}
    if query is not None:
        ids = api.findIds("job", query)
        for start in range(0, len(ids), IDS_PER_CALL):
            found.update((job.id(), job) for job in api.getJobs(id=ids[start : start + IDS_PER_CALL],
                                                                include_finished=finished))  # fmt: skip
        if not found:
            raise CommandError(f"no job is found by {query!r}")
        return list(found.values())
    for word in (part.strip() for text in words for part in text.split(",")):
        if not word:
            continue
        matches = _by_pattern(word) if re.search(r"[*?\[]", word) else [findJob(word, finished=finished)]
        found.update((job.id(), job) for job in matches)
    if not found:
        raise UsageError("which job? Name one")
    return list(found.values())


def _by_pattern(pattern: str) -> List[Job]:
    literal = max(re.split(r"[*?\[\]]+", pattern.lower()), key=len)
    jobs = api.getJobs(substr=[literal]) if literal else api.getJobs()
    found = [job for job in jobs if fnmatch.fnmatchcase(job.name(), pattern.lower())]
    if not found:
        raise CommandError(f"no pending job matches {pattern!r}; `cueadmin -lj` lists them")
    return found


def by_label(jobs: Sequence[Job]) -> Dict[str, Job]:
    """Return jobs by what they are called to people: their names, and their ids where several have one name."""
    names = [job.name() for job in jobs]
    return {job.name() if names.count(job.name()) == 1 else job.id(): job for job in jobs}


def frame_options(options: Any, job: Job) -> Dict[str, Any]:
    """Return the options of a search for the frames of a job that the filters of the line choose."""
    chosen: Dict[str, Any] = {}
    if options.layer:
        chosen["layer"] = layer_names(job, options.layer)
    if options.state:
        chosen["state"] = [toMember(FrameState, state, "frame state") for state in _each(options.state)]
    if options.range:
        chosen["range"] = frame_range(options.range)
    for name in ("memory", "duration"):
        if getattr(options, name):
            chosen[name] = _bounds(getattr(options, name), name)
    return chosen


def layer_names(job: Job, words: Sequence[str]) -> List[str]:
    """Return the names of layers as the farm has them.

    Raises:
        CueException: the job has no such layer.
    """
    return [job.getLayer(word).name() for word in _each(words)]


def frame_range(text: str) -> str:
    """Return a range of frame numbers.

    Raises:
        UsageError: it is none.
    """
    try:
        FrameSet(text)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return text


def bounds(text: str, what: str) -> tuple[float, float]:
    """Return the bounds that `A-B`, `gtN`, `ltN` or `N` means.

    Raises:
        UsageError: it is none of these, or the first is above the second.
    """
    try:
        low, high = parseRange(text)
    except ValueError as error:
        raise UsageError(f"-{what}: {error}") from None
    if low < 0 or high < low:
        raise UsageError(f"-{what} {text}: the first number has to be the smaller one, and 0 or more")
    return low, high


def _bounds(text: str, what: str) -> str:
    """Return the same in the words that a search for frames understands."""
    low, high = bounds(text, what)
    return f"{low:g}" if high >= UNBOUNDED else f"{low:g}-{high:g}"


def _each(words: Sequence[str]) -> List[str]:
    return [part for text in words for part in text.split(",") if part]
