"""`cueadmin -watch` and `api.followEvents`: what happens, from a position on, and how a person reads it."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from cue_cli.cueadmin import main
from cuefarm_proto.farm_pb2 import Event, EventRow, GetEventsResponse
from opencue import api
from opencue.exception import CueException

JOB = "testing-sh010-ann_comp"
NOON_US = 1_700_000_000_000_000
JOB_FIELDS = {"job_id": "j1", "job_name": JOB, "user": "ann"}
RUN_FIELDS = {**JOB_FIELDS, "layer_name": "beauty", "frame_number": 12, "host_name": "render01"}
FAILED = {**RUN_FIELDS, "cause": "EXITED", "frame_state": "DEAD", "exit_status": 3, "error_line": "Error: no texture"}

LINES = {
    "job.launched": (JOB_FIELDS | {"frames_count": 240}, "ann", f"{JOB} (240 frames of ann) [ann]"),
    "job.paused": (JOB_FIELDS, "bob", f"{JOB} [bob]"),
    "job.changed": (JOB_FIELDS | {"fields": ["priority", "max_cores"]}, "bob", f"{JOB} priority, max_cores [bob]"),
    "job.filtered": (
        JOB_FIELDS | {"done": ["hurry: priority 80", "rooms: group fx"]},
        "ann",
        f"{JOB} hurry: priority 80; rooms: group fx [ann]",
    ),
    "job.finished": (JOB_FIELDS | {"is_killed": True}, "ann", f"{JOB} (killed) [ann]"),
    "frame.started": (RUN_FIELDS, "system", f"{JOB} 0012-beauty on render01"),
    "frame.failed": (
        FAILED,
        "render01",
        f"{JOB} 0012-beauty on render01 exit status 3 Error: no texture (DEAD)",
    ),
    "frame.interrupted": (
        RUN_FIELDS | {"cause": "KILLED", "frame_state": "WAITING", "message": "too slow"},
        "render01",
        f"{JOB} 0012-beauty on render01 KILLED too slow (WAITING)",
    ),
    "frame.eaten": (
        JOB_FIELDS | {"layer_name": "beauty", "frame_range": "1-10,40", "frames_count": 11},
        "ann",
        f"{JOB} beauty: 11 frames 1-10,40 [ann]",
    ),
    "host.down": ({"host_id": "h1", "host_name": "render01"}, "system", "render01"),
    "comment.added": ({"user": "ann", "subject": "look", "job_id": "j1"}, "ann", "'look' by ann [ann]"),
    "show.added": ({"id": "s1", "name": "film"}, "ann", "film [ann]"),
}


def an_event(type_: str) -> Event:
    """An event as a server tells it."""
    row, actor, _ = LINES[type_]
    return Event(type=type_, seq=7, at_us=NOON_US, actor=actor, show="testing", row=EventRow(**row))


@pytest.mark.parametrize("type_", LINES)
def test_an_event_is_one_line_for_people(farm, capsys, type_):
    """When, what, of what, how, and by whom, where that is not the host itself."""
    farm.event_answers = [GetEventsResponse(position="p0"), GetEventsResponse(position="p1", events=[an_event(type_)])]
    assert main(["-watch"]) == 1  # the fake server has no more to say
    assert capsys.readouterr().out.splitlines() == [f"22:13:20 {type_:<18} {LINES[type_][2]}"]


def test_a_query_goes_to_the_server_as_it_was_typed(farm, capsys):
    """All words of the line are one query."""
    farm.event_answers = [GetEventsResponse(position="p0")]
    assert main(["-watch", "type:frame.failed", "user:me"]) == 1
    assert [request.query for request in farm.event_requests] == ["type:frame.failed user:me"] * 2


def test_events_as_json_are_one_object_a_line(farm, capsys):
    """So that a program can read them as they come."""
    events = [an_event("frame.failed"), an_event("job.changed"), an_event("job.filtered")]
    farm.event_answers = [GetEventsResponse(position="p0"), GetEventsResponse(position="p1", events=events)]
    assert main(["-watch", "--json"]) == 1
    failed, changed, filtered = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (failed["type"], failed["at_us"], failed["exit_status"]) == ("frame.failed", NOON_US, 3)
    assert changed["fields"] == ["priority", "max_cores"]
    assert filtered["done"] == ["hurry: priority 80", "rooms: group fx"]


def test_each_call_goes_on_where_the_last_one_ended(farm):
    """From now on, or from the position that is given; an answer without events is none to whoever follows."""
    farm.event_answers = [
        GetEventsResponse(position="p1"),
        GetEventsResponse(position="p2", events=[an_event("host.down")]),
        GetEventsResponse(position="p3"),
        GetEventsResponse(position="p4", events=[an_event("job.paused")]),
    ]
    told = [response.events[0].type for response in islice(api.followEvents(), 2)]
    assert told == ["host.down", "job.paused"]
    assert [request.position for request in farm.event_requests] == ["", "p1", "p2", "p3"]
    with pytest.raises(CueException, match="that was all"):
        next(api.followEvents("p4"))
    assert farm.event_requests[-1].position == "p4"


def test_a_reset_is_told(farm, capsys):
    """What happened meanwhile is not known, and a person who watches is not left to think that nothing did."""
    reset = GetEventsResponse(position="p9", reset=True, reason="the position is of another farm")
    farm.event_answers = [GetEventsResponse(position="p0"), reset]
    assert main(["-watch"]) == 1
    assert "Warning: some events are not known: the position is of another farm" in capsys.readouterr().err
    assert farm.event_requests[-1].position == "p9"
