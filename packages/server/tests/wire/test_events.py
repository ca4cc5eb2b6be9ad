"""GetEvents: what happens, a page at a time, over a real connection."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Any

import pytest
from opencue_proto import job_pb2

from cuebot.feed.vocabulary import EVENT_TYPES
from cuefarm_proto import farm_pb2


async def ask(site: Any, position: str = "", query: str = "", wait_ms: int = 0) -> Any:
    """One call."""
    request = farm_pb2.GetEventsRequest(position=position, query=query, wait_ms=wait_ms)
    return await site.farm_interface.GetEvents(request, timeout=20)


def types(response: Any) -> list[str]:
    """What happened."""
    return [event.type for event in response.events]


def test_every_field_of_every_row_has_a_field_of_the_message() -> None:
    """A new row is not forgotten on the wire."""
    wanted = {field.name for kind in EVENT_TYPES.values() for field in fields(kind.row)}
    assert wanted == set(farm_pb2.EventRow.DESCRIPTOR.fields_by_name)


async def test_a_first_call_tells_where_to_begin(site: Any) -> None:
    """Nothing of what was, and the position from which on nothing is missed."""
    await site.launch(name="before", paused=True)
    first = await ask(site)
    assert first.events == []
    job = await site.launch(name="after", paused=True)
    told = await ask(site, first.position)
    assert types(told) == ["job.launched"]
    (launched,) = told.events
    assert (launched.show, launched.row.job_id, launched.row.frames_count) == ("testing", job.id, 10)
    assert types(await ask(site, told.position)) == []


async def test_a_call_waits_for_what_comes(site: Any) -> None:
    """It is answered as soon as something happens."""
    first = await ask(site)
    waiting = asyncio.create_task(ask(site, first.position, wait_ms=15_000))
    job = await site.launch(paused=True)
    assert types(await waiting) == ["job.launched"]
    waiting = asyncio.create_task(ask(site, (await ask(site)).position, wait_ms=15_000))
    await site.job.Resume(job_pb2.JobResumeRequest(job=job))
    assert types(await waiting) == ["job.resumed"]


async def test_a_query_chooses_among_events(site: Any) -> None:
    """By the one query language; what it leaves out moves the position on all the same."""
    first = await ask(site)
    job = await site.launch(name="one", paused=True)
    await site.launch(name="other", paused=True)
    await site.job.Resume(job_pb2.JobResumeRequest(job=job))
    told = await ask(site, first.position, "type:job.resumed,job.paused job:*one*")
    assert types(told) == ["job.resumed"]
    assert types(await ask(site, told.position)) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("type:frame.faild", "query, column 1: no event is of type 'frame.faild'; did you mean frame.failed?"),
        ("show:x type:frame.failed,host.gone", "column 8: no event is of type 'host.gone'; did you mean host.down?"),
        ("-type:frame.xyzzy", "'frame.xyzzy'; there are frame.started"),
        ("type:render.*", "'render.*'; there are job.*, layer.*"),
        ("faild", "'faild'"),
    ],
)
async def test_a_type_that_no_event_has_is_refused_with_the_nearest(site: Any, query: str, words: str) -> None:
    """Whoever mistypes it would wait for ever."""
    code, said = await site.refused(ask(site, query=query))
    assert (code, words in said) == ("INVALID_ARGUMENT", True), said


async def test_a_query_that_is_none_is_refused_with_its_column(site: Any) -> None:
    """As everywhere."""
    code, words = await site.refused(ask(site, query="job:x kind:y"))
    assert code == "INVALID_ARGUMENT"
    assert words.startswith("query, column 7: events have no field 'kind'")


async def test_a_position_of_another_farm_is_answered_with_a_reset(site: Any) -> None:
    """With the position to go on from, once everything was read anew."""
    told = await ask(site, "ff.1.1")
    assert told.reset
    assert "another farm" in told.reason
    job = await site.launch(paused=True)
    (launched,) = (await ask(site, told.position)).events
    assert launched.row.job_id == job.id


async def test_what_is_no_position_is_refused(site: Any) -> None:
    """It is a mistake of the caller's."""
    assert (await site.refused(ask(site, "yesterday")))[0] == "INVALID_ARGUMENT"
