"""Criteria of jobs, hosts and procs: which of them a caller asks for. Fields are ANDed, the values of one are ORed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from google.protobuf.message import Message

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Exhausted, Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job, Proc
from cuebot.domain.states import JobState
from cuebot.domain.units import SECOND, is_id
from cuebot.wire.call import Call, those

PATTERN_CHARACTERS: Final = 200
PATTERN_EFFORT: Final = 18
"""How hard a pattern may be to fail: what the longest name then takes is some 0.1 s, and twice that for each more."""
REPEAT_EFFORT: Final = 6
"""Each repeat multiplies that time by up to the length of a name."""
CHOICE_EFFORT: Final = 2
"""Each `?`, and each `|` in a pattern with groups, doubles it."""
PATTERN_SECONDS: Final = 0.5
"""What all patterns of one search may take together."""

_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""What stands for one character in a pattern, whatever else it has in it."""
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPEAT = re.compile(r"(?:[*+]|\{\d*,\d*\})[?+]?")
_OPTIONAL = re.compile(r"(?<!\()\?")
_AT_THE_ENDS = re.compile(r"^\^?\.\*(?![?+*{])|(?<!\\)\.\*\$?$")
"""Whatever stands before or behind is no matter to a search, so it need not be looked for."""


def pending_jobs(farm: Farm) -> list[Job]:
    """All jobs that are PENDING."""
    active = (farm.jobs[id] for id in farm.active_job_by_name.values())
    return [job for job in active if job.state is JobState.PENDING]


def job_filter(farm: Farm, criteria: Any, bounds: Bounds) -> Callable[[Job], bool]:
    """Which jobs the criteria mean, whatever their state (behaviour_jobs 4.10).

    Where a name or a part of one is asked for, an id or its beginning will do.
    """
    _bound_words(criteria, bounds)
    ids, names, users, shots = (
        frozenset(field) for field in (criteria.ids, criteria.jobs, criteria.users, criteria.shots)
    )
    named = _named_filter(names)
    shows = {farm.show_by_name.get(name, "") for name in criteria.shows}
    matches = _text_filter(criteria.substr, criteria.regex, bounds)
    return lambda job: bool(
        (not ids or job.id in ids)
        and (not names or named(job))
        and (not users or job.user in users)
        and (not shots or job.shot in shots)
        and (not shows or job.show_id in shows)
        and matches(job.name, job.id)
    )


async def finished_jobs(call: Call, criteria: Any) -> list[Job]:
    """Finished jobs by name, part of a name, show and user, the one that ended last first."""
    farm, bounds = call.farm, call.engine.core.bounds
    _bound_words(criteria, bounds)
    names, users = frozenset(criteria.names), frozenset(criteria.users)
    named = _named_filter(names)
    shows = {farm.show_by_name.get(name, "") for name in criteria.shows}
    matches = _text_filter(criteria.parts, (), bounds)
    found = await those(
        call,
        farm.jobs.values(),
        lambda job: (
            job.state is JobState.FINISHED
            and (not names or named(job))
            and (not users or job.user in users)
            and (not shows or job.show_id in shows)
            and matches(job.name, job.id)
        ),
    )
    return sorted(found, key=lambda job: (-job.stopped_us, -job.submitted_us, job.id))


async def find_hosts(call: Call, criteria: Any, among: Iterable[Host] | None = None) -> list[Host]:
    """Hosts by name; allocations are named in full."""
    farm, bounds = call.farm, call.engine.core.bounds
    _bound_words(criteria, bounds)
    ids, names = frozenset(criteria.ids), frozenset(criteria.hosts)
    allocations = _allocation_ids(farm, criteria.allocs)
    states, locks = frozenset(criteria.states.state), frozenset(criteria.lock_states.state)
    matches = _text_filter(criteria.substr, criteria.regex, bounds)
    found = await those(
        call,
        farm.hosts.values() if among is None else among,
        lambda host: (
            not host.removed
            and (not ids or host.id in ids)
            and (not names or host.name in names)
            and (not criteria.allocs or host.allocation_id in allocations)
            and (not states or host.state in states)
            and (not locks or host.lock in locks)
            and matches(host.name)
        ),
    )
    return sorted((host for host in found if not host.removed), key=lambda host: host.name)


async def find_procs(call: Call, criteria: Any) -> list[Proc]:
    """Procs by host, then the oldest first. Memory is in KiB, durations are in seconds since the booking."""
    farm, now_us = call.farm, call.engine.now_us()
    _bound_words(criteria, call.engine.core.bounds)
    hosts, jobs, layers = (frozenset(field) for field in (criteria.hosts, criteria.jobs, criteria.layers))
    named = _named_filter(jobs)
    shows = {farm.show_by_name.get(name, "") for name in criteria.shows}
    allocations = _allocation_ids(farm, criteria.allocs)
    found = await those(
        call,
        farm.procs.values(),
        lambda proc: (
            proc.id in farm.procs  # it may have ended since the search began
            and (not hosts or farm.hosts[proc.host_id].name in hosts)
            and (not jobs or named(farm.jobs[proc.job_id]))
            and (not layers or farm.layers[proc.layer_id].name in layers)
            and (not shows or proc.show_id in shows)
            and (not criteria.allocs or farm.hosts[proc.host_id].allocation_id in allocations)
            and _within(proc.memory, criteria.memory_range)
            and all(proc.memory > bound.value for bound in criteria.memory_greater_than[:1])
            and all(proc.memory < bound.value for bound in criteria.memory_less_than[:1])
            and _within((now_us - proc.booked_us) // SECOND, criteria.duration_range)
        ),
    )
    found = [proc for proc in found if proc.id in farm.procs]
    found.sort(key=lambda proc: (farm.hosts[proc.host_id].name, proc.booked_us, proc.id))
    first = max(criteria.first_result, 0)
    last = first + criteria.max_results[0] if criteria.max_results and criteria.max_results[0] > 0 else None
    return found[first:last]


def _bound_words(criteria: Any, bounds: Bounds) -> None:
    """Refuse criteria of more words than anybody means: each may be looked for in every name of the farm."""
    words = _words_in(criteria)
    if words > bounds.search_words:
        raise Invalid(
            f"a search has at most {bounds.search_words} words (limit search_words), this one has {words}; ask several"
            " times, or for a part that the names share"
        )


def _words_in(criteria: Any) -> int:
    """How many values the lists of a message have, and those of the messages in it."""
    words = 0
    for _, value in criteria.ListFields():
        if isinstance(value, Message):
            words += _words_in(value)
        elif not isinstance(value, (str, int, float)):  # a list
            words += len(value)
    return words


def _named_filter(words: Iterable[str]) -> Callable[[Job], bool]:
    """Jobs of which one of these is the name, the id, or the beginning of that."""
    names = frozenset(words)
    ids = tuple(word.lower() for word in names if is_id(word))
    return lambda job: job.name in names or job.id.startswith(ids)


def _within(value: int, ranges: Any) -> bool:
    return all(bounds.min <= value <= bounds.max for bounds in ranges[:1])


def _allocation_ids(farm: Farm, names: Iterable[str]) -> set[str]:
    wanted = frozenset(names)
    return {
        a.id for a in farm.allocations.values() if wanted and (a.name in wanted or farm.allocation_name(a) in wanted)
    }


def _text_filter(parts: Iterable[str], patterns: Sequence[str], bounds: Bounds) -> Callable[..., bool]:
    """Names that contain one of `parts`, or whose ids begin so, and in which a regular expression is found."""
    if len(patterns) > bounds.search_patterns:
        raise Invalid(
            f"a search has at most {bounds.search_patterns} patterns (limit search_patterns), this one has"
            f" {len(patterns)}; name the jobs or hosts, or parts of their names"
        )
    contained = list(dict.fromkeys(parts))
    ids = tuple(part.lower() for part in contained if is_id(part))
    compiled = [_compile(pattern) for pattern in patterns]
    searched_s = 0.0

    def matches(name: str, id: str = "") -> bool:
        nonlocal searched_s
        if contained and not any(part in name for part in contained) and not id.startswith(ids):
            return False
        if not compiled:
            return True
        if searched_s > PATTERN_SECONDS:
            raise Exhausted(f"the search by pattern took more than {PATTERN_SECONDS} s; ask with a simpler pattern")
        began = time.monotonic()
        found = any(pattern.search(name) for pattern in compiled)
        searched_s += time.monotonic() - began
        return found

    return matches


def _compile(pattern: str) -> re.Pattern[str]:
    """A caller's regular expression. Those that can take for ever to fail would hold up the whole farm: refused."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise Invalid(f"a search pattern has at most {PATTERN_CHARACTERS} characters, this one has {len(pattern)}")
    pattern = _AT_THE_ENDS.sub("", pattern)
    plain = _ONE_CHARACTER.sub("x", pattern)
    if _REPEATED_GROUP.search(plain) or _effort(plain) > PATTERN_EFFORT:
        raise Invalid(
            f"the search pattern {quoted(pattern)!r} repeats a group, has more than {PATTERN_EFFORT // REPEAT_EFFORT}"
            f" repeats, or more than {PATTERN_EFFORT // CHOICE_EFFORT} choices; name the jobs or hosts, or use several"
            " shorter patterns"
        )
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise Invalid(f"{quoted(pattern)!r} is no regular expression: {error}") from error


def _effort(plain: str) -> int:
    """How hard a pattern without escapes and sets is to fail, by the powers of PATTERN_EFFORT."""
    single, repeats = _REPEAT.subn("", plain)
    choices = len(_OPTIONAL.findall(single)) + (single.count("|") if "(" in single else 0)
    return REPEAT_EFFORT * repeats + CHOICE_EFFORT * choices
