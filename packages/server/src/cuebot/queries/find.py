"""Queries in words: what a noun's things are, which of them a query asks for, and in which order they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.units import frame_id
from cuebot.queries import hosts, jobs, layers, procs
from cuebot.queries.fields import NOUNS
from cuebot.queries.frames import FramePlace
from cuebot.queries.language import Moment, Term, in_order, matcher, parse
from cuebot.queries.lookup import job_of


class QueryField(NamedTuple):
    """Something that a query can ask of a noun, in words."""

    noun: str
    name: str
    accepts: str
    help: str


@dataclass(frozen=True, slots=True)
class Question:
    """A query of a noun, understood: the things to look at, which of them are meant, and their order."""

    things: Iterable[Any]
    matches: Callable[[Any], bool]
    ordered: Callable[[Iterable[Any]], list[Any]]
    id_of: Callable[[Any], str]
    terms: Sequence[Term]
    matches_at: Callable[[Moment], Callable[[Any], bool]]
    """The same as `matches`, asked of another farm."""
    is_of_any_job: bool
    """Finished jobs are meant as well, also those that are not in memory."""


def question(noun: str, query: str, order: str, job: str, moment: Moment, bounds: Bounds) -> Question:
    """Understand a query; `job` names the job whose layers or frames are meant. Raises Invalid, NotFound."""
    if noun not in NOUNS:
        raise Invalid(f"{quoted(noun)!r} cannot be asked for; there are {', '.join(NOUNS)}")
    fields, terms = NOUNS[noun], parse(query, bounds)
    things, by_default, id_of = _source(noun, terms, job, moment.farm)
    ordered = by_default if not order else lambda found: in_order(fields, by_default(found), order, moment)
    ordered([])  # an order that is not known is refused before anything is looked at
    return Question(
        things,
        matches=matcher(fields, terms, moment),
        ordered=ordered,
        id_of=id_of,
        terms=terms,
        matches_at=lambda other: matcher(fields, terms, other),
        is_of_any_job=noun == "job" and _is_of_any(terms),
    )


def query_fields() -> list[QueryField]:
    """Everything that queries can ask, noun by noun."""
    return [
        QueryField(noun, field.name, field.kind.what, field.help) for noun, fields in NOUNS.items() for field in fields
    ]


_Source = tuple[Iterable[Any], Callable[[Iterable[Any]], list[Any]], Callable[[Any], str]]


def _source(noun: str, terms: Sequence[Term], job: str, farm: Farm) -> _Source:
    if noun == "job":
        return list(farm.jobs.values()) if _is_of_any(terms) else jobs.pending_jobs(farm), jobs.by_name, _id
    if noun == "host":
        return hosts.present(farm), hosts.by_name, _id
    if noun == "proc":
        return list(farm.procs.values()), lambda found: procs.by_host(farm, found), _id
    if not job:
        raise Invalid(f"name the job whose {noun}s are meant")
    of_job = layers.in_dispatch_order(farm, job_of(farm, job))
    if noun == "layer":
        return of_job, list, _id
    frames: list[FramePlace] = [(layer, index) for layer in of_job for index in range(len(layer.frames))]
    return frames, list, lambda frame: frame_id(frame[0].id, frame[1])


def _is_of_any(terms: Sequence[Term]) -> bool:
    """Whether jobs in any state are asked for, and not only those that are PENDING."""
    return any(term.field.lower() in ("state", "ended") for term in terms)


def _id(thing: Any) -> str:
    id: str = thing.id
    return id
