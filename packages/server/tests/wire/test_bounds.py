"""Every limit on what comes in: its refusal names it as `cuefarm.toml` does, and a larger one lets it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from opencue_proto import job_pb2, report_pb2
from small_farm import SmallFarm

from cuebot.decide.changes import checked
from cuebot.domain import commands as c
from cuebot.domain.bounds import DEFAULT_BOUNDS, GREATEST, Bounds
from cuebot.domain.errors import Exhausted, FarmError, LimitExceeded
from cuebot.domain.states import DependType
from cuebot.engine.readers import Readers
from cuebot.queries.frames import FrameCriteria, find_frames
from cuebot.queries.language import parse
from cuebot.queries.text import check_count, text_filter
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.sim.specs import job_spec, layer_spec, spec_of
from cuebot.spec import parse_spec
from cuebot.wire.agents.streams import AgentStreams
from cuebot.wire.call import REQUEST_ID_KEY
from cuebot.wire.calls_under_way import CallsUnderWay
from cuefarm_proto import farm_pb2

SPEC = (
    '<spec version="1.15"><facility>local</facility><show>testing</show><shot>sh010</shot><user>anna</user>'
    '<email>anna@farm.example</email><job name="comp"><os>linux</os><env><key name="VERSION">12</key></env><layers>'
    '<layer name="beauty" type="Render"><cmd>render it</cmd><range>1-10</range><chunk>1</chunk><cores>2.0</cores>'
    "<memory>1g</memory><tags>general</tags><outputs><output>/shots/a.exr</output></outputs></layer></layers></job>"
    '<depends><depend type="JOB_ON_JOB"><depjob>comp</depjob><onjob>sim</onjob></depend></depends></spec>'
)
IN_SPEC = {
    "spec_bytes": 100,
    "spec_elements": 10,
    "spec_depth": 3,
    "jobs_per_spec": 0,
    "layers_per_job": 0,
    "frames_per_spec": 9,
    "depends_per_spec": 0,
    "range_characters": 3,
    "frames_per_range": 9,
    "show_name_characters": 6,
    "shot_name_characters": 4,
    "user_name_characters": 3,
    "layer_name_characters": 5,
    "job_name_bytes": 10,
    "file_name_bytes": 20,
    "email_characters": 5,
    "os_name_characters": 4,
    "command_characters": 8,
    "argument_bytes": 8,
    "output_path_characters": 8,
    "tag_characters": 6,
    "listed_name_characters": 4,
    "environment_key_characters": 6,
    "environment_value_characters": 1,
    "environment_characters": 8,
    "names_per_list": 0,
    "layer_cores_centicores": 199,
    "layer_memory_kib": 1_000_000,
}
"""A value for which `SPEC` is just too much."""

IN_VALUES = {
    "job_retries": ("job", "max_retries", 5),
    "os_names": ("host", "os", ["linux"] * 5),
    "comment_email_characters": ("show", "comment_email", "a@b.c"),
    "display_text_characters": ("display_override", "text", "hello"),
    "start_after_reason_characters": ("layer", "start_after_reason", "night"),
    "comment_subject_characters": ("comment", "subject", "hello"),
    "comment_message_characters": ("comment", "message", "hello"),
}
"""What a field of a thing may be, by kind, field and a value of five."""

IN_SEARCHES: dict[str, Callable[[Bounds], Any]] = {
    "search_words": lambda bounds: check_count(2, bounds),
    "search_patterns": lambda bounds: text_filter((), ("a", "b"), bounds, lambda: 0.0),
    "pattern_characters": lambda bounds: text_filter((), ("ab",), bounds, lambda: 0.0),
    "query_characters": lambda bounds: parse("ab", bounds),
    "listed_frames": lambda bounds: find_frames((), FrameCriteria(ids=("a", "b")), bounds, 0),
}
"""What is too much for a limit of 1."""

ON_THE_WIRE = frozenset(
    {"request_id_characters", "unacknowledged_outcomes", "start_after_days", "commands_per_call", "log_followers"}
)
ELSEWHERE = {
    "depends_per_job": "below",
    "mailbox_commands": "below",
    "pattern_ms": "below",
    "agent_streams": "below",
    "waiting_calls_per_caller": "below",
    "waiting_bytes_per_caller": "below",
    "waiting_reads": "below",
    "read_seconds": "below",
    "message_seconds": "test_strangers",
    "refusals_per_connection": "test_strangers",
    "http_body_bytes": "web/test_http_doors",
    "http_body_seconds": "web/test_http_doors",
    "free_retries": "decide/test_retries",
    "limit_report_hosts": "decide/test_limit_reports",
    "feed_subscribers": "feed/test_event_feed",
    "recalls_per_call": "test_past_jobs",
    "filters_per_show": "decide/test_filters",
    "parts_per_filter": "decide/test_filters",
    "matcher_characters": "decide/test_filters",
    "tasks_per_department": "decide/test_departments",
    "subscribers_per_job": "app/test_job_mail",
}
"""And where they are tested."""

NO_REFUSAL = frozenset(
    {
        # What is more waits, or comes with the next page, slice or report.
        "page_rows",
        "bookings_per_slice",
        "launches_per_slice",
        "unlaunched_bookings",
        "ended_runs_per_reply",
        "calls_per_caller",
        "reply_bytes_per_caller",
        "log_read_bytes",
        "log_wait_ms",
        "events_wait_ms",
        # What is more is left out, cut or forgotten.
        "spec_warnings",
        "reason_characters",
        "feed_events",
        "kept_requests",
        "filter_steps",
        "kept_rows",
        "finished_jobs_hours",
        "past_jobs_looked_at",
        "past_events_looked_at",
        "list_reply_bytes",
        "failed_runs_looked_at",
        "failure_groups",
        "connections_remembered",
        "browser_links",
        "browser_sessions",
        # A connection or call that gRPC, or the port, ends without words of ours.
        "connections",
        "connections_per_caller",
        "calls_per_connection",
        "pending_calls",
        "concurrent_calls",
        "reply_bytes",
        "reply_seconds",
        "http_connections",
        "http_connections_per_caller",
        "http_head_bytes",
        "http_head_seconds",
        "http_stuck_seconds",
    }
)


def with_one(name: str, value: int) -> Bounds:
    """The defaults, but for one."""
    return replace(DEFAULT_BOUNDS, **{name: value})


def test_every_limit_is_in_one_of_these_tables() -> None:
    """A new one says what becomes of what is more, or is tested to name itself."""
    tables = [set(IN_SPEC), set(IN_VALUES), set(IN_SEARCHES), ON_THE_WIRE, set(ELSEWHERE), NO_REFUSAL]
    assert set.union(*map(set, tables)) == {one.name for one in fields(Bounds)}
    assert sum(map(len, tables)) == len(fields(Bounds))


@pytest.mark.parametrize("name", IN_SPEC)
def test_a_submission_is_refused_by_the_limits_name(name: str) -> None:
    """And taken where the limit is the default."""
    assert parse_spec(SPEC, DEFAULT_BOUNDS).jobs
    with pytest.raises(FarmError, match=rf"\b{name}\b"):
        parse_spec(SPEC, with_one(name, IN_SPEC[name]))


@pytest.mark.parametrize("name", IN_VALUES)
def test_a_value_is_refused_by_the_limits_name(name: str) -> None:
    """And taken where the limit is the default."""
    kind, field, value = IN_VALUES[name]
    assert checked(kind, "one", {field: value}, DEFAULT_BOUNDS)
    with pytest.raises(FarmError, match=rf"\b{name}\b"):
        checked(kind, "one", {field: value}, with_one(name, 4))


@pytest.mark.parametrize("name", IN_SEARCHES)
def test_a_search_is_refused_by_the_limits_name(name: str) -> None:
    """And taken where the limit is the default."""
    IN_SEARCHES[name](DEFAULT_BOUNDS)
    with pytest.raises(FarmError, match=rf"\b{name}\b"):
        IN_SEARCHES[name](with_one(name, 1))


@pytest.mark.parametrize("name", sorted(ON_THE_WIRE))
async def test_a_call_is_refused_by_the_limits_name(name: str, site: Any, start_agent: Any, tools: Any) -> None:
    """And taken where the limit is the default."""
    agent = await start_agent()
    agent.finish = False
    job = await site.launch(tools.layer("one", "1-2") + tools.layer("two", "1-2"))
    await tools.until(lambda: bool(agent.launched))
    call = await CALLS[name](site, job, agent)
    await call()
    site.engine.core.bounds = with_one(name, 0)
    code, words = await site.refused(call())
    assert (code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"), name in words) == (True, True), words


async def _with_request_id(site: Any, job: Any, agent: Any) -> Any:
    return lambda: site.job.Pause(job_pb2.JobPauseRequest(job=job), metadata=((REQUEST_ID_KEY, "12345"),))


async def _report(site: Any, job: Any, agent: Any) -> Any:
    runs = [report_pb2.RunningFrameInfo(resource_id=run.resource_id, frame_id=run.frame_id) for run in agent.launched]
    request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=agent.facts(), frames=runs))
    return lambda: site.report.ReportStatus(request, metadata=agent.metadata())


async def _start_after(site: Any, job: Any, agent: Any) -> Any:
    layer = (await site.layers_of(job))[0]
    when = site.engine.now_us() // 1_000_000 + 3_600
    return lambda: site.layer.SetStartAfter(job_pb2.LayerSetStartAfterRequest(layer=layer, start_after=when))


async def _reorder(site: Any, job: Any, agent: Any) -> Any:
    return lambda: site.job.ReorderFrames(job_pb2.JobReorderFramesRequest(job=job, range="1-2", order=job_pb2.FIRST))


async def _follow(site: Any, job: Any, agent: Any) -> Any:
    request = farm_pb2.ReadLogRequest(run_id=agent.launched[0].resource_id, wait_ms=1)
    return lambda: site.farm_interface.ReadLog(request)


CALLS = {
    "request_id_characters": _with_request_id,
    "unacknowledged_outcomes": _report,
    "start_after_days": _start_after,
    "commands_per_call": _reorder,
    "log_followers": _follow,
}


def test_depends_of_a_job_are_refused_by_the_limits_name() -> None:
    """And taken where the limit is the default."""
    for bounds, is_taken in ((DEFAULT_BOUNDS, True), (with_one("depends_per_job", 0), False)):
        farm = SmallFarm(bounds=bounds)
        farm.do(c.SubmitJobs(spec_of(job_spec("one"), job_spec("two"))))
        one, two = farm.job("one"), farm.job("two")
        depend = c.AddDepend(DependType.JOB_ON_JOB, one.id, two.id)
        if is_taken:
            farm.do(depend)
        else:
            with pytest.raises(LimitExceeded, match="depends_per_job"):
                farm.do(depend)


def test_what_waits_for_the_disk_is_refused_by_the_limits_name() -> None:
    """One command waits, the next does not."""
    farm = SmallFarm(bounds=Bounds(mailbox_commands=1))
    farm.core.execute(c.Sweep(), c.Envelope(), farm.now_us, lambda reply: None)
    with pytest.raises(Exhausted, match="mailbox_commands"):
        farm.core.execute(c.Sweep(), c.Envelope(), farm.now_us, lambda reply: None)


def test_patterns_that_take_long_are_refused_by_the_limits_name() -> None:
    """By a clock that goes a second with each look at it."""
    ticks = iter(range(100))
    matches = text_filter((), ("a",), Bounds(pattern_ms=500), lambda: float(next(ticks)))
    assert matches("a")
    with pytest.raises(Exhausted, match="pattern_ms"):
        matches("a")


async def test_streams_are_refused_by_the_limits_name() -> None:
    """One agent has a stream, the next makes single calls."""
    streams = AgentStreams()
    streams.open("host1:1", "one", 1)
    with pytest.raises(Exhausted, match="agent_streams"):
        streams.open("host2:1", "two", 1)


async def test_calls_that_wait_are_refused_by_the_limits_name() -> None:
    """Too many of them, or too large ones."""
    for name in ("waiting_calls_per_caller", "waiting_bytes_per_caller"):
        calls = CallsUnderWay(replace(Bounds(calls_per_caller=1), **{name: 0}))
        await calls.enter("ann", 1)
        with pytest.raises(Exhausted, match=name):
            await calls.enter("ann", 1)


async def test_reads_are_refused_by_the_limits_name() -> None:
    """Those that find too many before them, and those that get no answer."""
    with pytest.raises(FarmError, match="waiting_reads"):
        await Readers("the disk", 1, Bounds(waiting_reads=0)).read(lambda: None)
    never = asyncio.Event()
    readers = Readers("the disk", 0, Bounds(read_seconds=0))
    with pytest.raises(FarmError, match="read_seconds"):
        await readers.read(never.is_set)


def test_a_limit_that_cannot_be_raised_is_not_said_to_be() -> None:
    """What Linux or a file system sets is as large as it may be already."""

    def words(limit: str, allowed: int) -> str:
        return str(LimitExceeded("it", "bytes", given=allowed + 1, limit=limit, allowed=allowed))

    assert words("spec_bytes", 10) == (
        "it: 11 bytes, more than the limit spec_bytes = 10. Make it smaller, or ask who runs the farm to raise"
        " spec_bytes in its cuefarm.toml."
    )
    assert words("argument_bytes", GREATEST["argument_bytes"]).endswith("Make it smaller.")


def test_what_was_accepted_is_read_whatever_holds_later() -> None:
    """A range that a lower limit would refuse is no reason for a farm not to work on."""
    text = ",".join(str(number) for number in range(1, 3_000, 2))
    assert len(text) > DEFAULT_BOUNDS.range_characters
    farm = SmallFarm()
    farm.do(c.SubmitJobs(spec_of(job_spec("one", layer_spec("render", text)))))
    assert len(farm.layer("one/render").frames) == 1_500


def test_a_tag_is_advised_within_the_farms_own_limit() -> None:
    """Where the layer has as many as the farm allows, another is no remedy."""
    for most, is_advised in ((1, False), (2, True)):
        farm = SmallFarm(bounds=Bounds(names_per_list=most))
        farm.report("host0", tags=("other",))
        farm.do(c.SubmitJobs(spec_of(job_spec("one", layer_spec("render", "1-2", tags=("none",))))))
        explanation = explain_layer(farm.farm, farm.layer("one/render"), farm.now_us)
        advice = {step.code for remedy in explanation.remedies for step in remedy.steps}
        assert ("ANOTHER_TAG" in advice) is is_advised, advice
