"""The part of cuefarm.v1 FarmInterface that answers queries in words."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from copy import copy
from typing import cast
from urllib.parse import unquote

from cuebot.domain.actions import ACTIONS, Target
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.engine.past_jobs import Past
from cuebot.engine.ports import JobSearch
from cuebot.queries.fields import NOUNS
from cuebot.queries.find import Question, query_fields, question
from cuebot.queries.language import DURATION, ME, Moment, Term
from cuebot.wire.call import USER_KEY, Call, those
from cuebot.wire.job_lists import warn_of_past
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


def _with_room(farm: Farm) -> tuple[Farm, dict[str, Job], dict[str, Layer]]:
    """The farm as it is, and dictionaries of which whatever is put into them is seen in it. Nothing of it is copied."""
    jobs, layers = dict[str, Job](), dict[str, Layer]()
    seen = copy(farm)
    seen.jobs = cast(dict[str, Job], ChainMap(farm.jobs, jobs))
    seen.layers = cast(dict[str, Layer], ChainMap(farm.layers, layers))
    return seen, jobs, layers


def _search(terms: Sequence[Term], moment: Moment) -> JobSearch:
    """What the disk has columns for of a query; the rest is seen to job by job."""
    fields: dict[str, Sequence[str]] = {}
    stopped_since_us = 0
    for term in terms:
        name = term.field.lower()
        if term.is_not:
            continue
        if name == "ended" and term.op in ("<", "<="):
            stopped_since_us = max(stopped_since_us, moment.now_us - int(DURATION.read(term.values[0])))
        elif term.op in (":", "=", "") and not any(set(value) & set("*?") for value in term.values):
            fields.setdefault(name, term.values)

    return JobSearch(
        ids=fields.get("id", ()),
        show_ids=[moment.farm.show_id_of(name) for name in fields.get("show", ())],
        users=[moment.me if name == ME else name for name in fields.get("user", ())],
        parts=fields.get("", ()),
        stopped_since_us=stopped_since_us,
    )


class Queries:
    """What a query asks for, and what it can ask."""

    async def Find(self, request: farm_pb2.FindRequest, call: Call) -> farm_pb2.FindResponse:
        """Ids of the things of a noun that a query asks for, in an order, a page at most."""
        bounds = call.engine.core.bounds
        farm, past_jobs, past_layers = _with_room(call.farm)
        moment = Moment(farm, call.engine.now_us(), unquote(call.metadata(USER_KEY)))
        if request.noun in NOUNS:
            call.authorize(ACTIONS[f"{request.noun}.read"], Target(request.noun))
        asked = question(request.noun, request.query, request.order, request.job, moment, bounds)
        found = await those(call, asked.things, asked.matches)
        if asked.is_of_any_job:
            past = await self._jobs_on_disk(call, asked, moment)
            past_jobs.update({one.job.id: one.job for one in past.jobs})
            for one in past.jobs[:1]:
                past_layers.update(one.farm.layers)
            found += [job for job in past_jobs.values() if job.id not in call.farm.jobs]
        found = asked.ordered(found)
        most = request.limit if 0 < request.limit <= bounds.page_rows else bounds.page_rows
        first = max(request.offset, 0)
        ids = [asked.id_of(thing) for thing in found[first : first + most]]
        return farm_pb2.FindResponse(ids=ids, found=int32(len(found)))

    async def _jobs_on_disk(self, call: Call, asked: Question, moment: Moment) -> Past:
        """Jobs on disk that are asked for."""
        await call.engine.durable()
        most = call.engine.core.bounds.past_jobs_looked_at
        search = _search(asked.terms, moment)
        past = await call.engine.past_jobs.find(
            call.farm, search, lambda farm: asked.matches_at(moment._replace(farm=farm)), most, most
        )
        warn_of_past(call, past)
        return past

    def GetQueryFields(self, request: farm_pb2.GetQueryFieldsRequest, call: Call) -> farm_pb2.GetQueryFieldsResponse:
        """Everything that queries can ask, noun by noun."""
        fields = [farm_pb2.QueryField(**field._asdict()) for field in query_fields()]
        return farm_pb2.GetQueryFieldsResponse(fields=fields)
