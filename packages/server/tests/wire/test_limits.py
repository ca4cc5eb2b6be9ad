"""Limits over the wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from opencue_proto import job_pb2, limit_pb2, limit_pb2_grpc


async def test_a_limit_is_made_found_changed_renamed_and_deleted(site: Any) -> None:
    """A limit by host keeps its type, maximum and new name, and is not found once it is deleted."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    request = limit_pb2.LimitCreateRequest(name="houdini", max_value=5, type=limit_pb2.HOST)
    made = (await limits.Create(request)).limit
    assert (made.name, made.max_value, made.type) == ("houdini", 5, limit_pb2.HOST)
    await limits.SetMaxValue(limit_pb2.LimitSetMaxValueRequest(name="houdini", max_value=7))
    await limits.SetType(limit_pb2.LimitSetTypeRequest(name="houdini", type=limit_pb2.FRAME))
    await limits.Rename(limit_pb2.LimitRenameRequest(old_name="houdini", new_name="hython"))
    found = (await limits.Find(limit_pb2.LimitFindRequest(name="hython"))).limit
    assert (found.id, found.max_value, found.type) == (made.id, 7, limit_pb2.FRAME)
    assert [limit.name for limit in (await limits.GetAll(limit_pb2.LimitGetAllRequest())).limits] == ["hython"]
    await limits.Delete(limit_pb2.LimitDeleteRequest(name="hython"))
    code, words = await site.refused(limits.Get(limit_pb2.LimitGetRequest(id=made.id)))
    assert (code, made.id in words) == ("NOT_FOUND", True)


async def test_a_layer_gets_and_loses_limits(site: Any) -> None:
    """A layer lists the limits that it was given, until they are dropped."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    limit = (await limits.Create(limit_pb2.LimitCreateRequest(name="nuke", max_value=5))).limit
    (layer,) = await site.layers_of(await site.launch(paused=True))
    await site.layer.AddLimit(job_pb2.LayerAddLimitRequest(layer=layer, limit_id=limit.id))
    held = await site.layer.GetLimits(job_pb2.LayerGetLimitsRequest(layer=layer))
    assert [one.name for one in held.limits] == ["nuke"]
    await site.layer.DropLimit(job_pb2.LayerDropLimitRequest(layer=layer, limit_id=limit.id))
    assert not (await site.layer.GetLimits(job_pb2.LayerGetLimitsRequest(layer=layer))).limits


async def test_a_limit_is_made_whole(site: Any) -> None:
    """Create takes all of a limit; a soft value of 0, which a client sends that says nothing, is the maximum."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    request = limit_pb2.LimitCreateRequest(
        name="nuke", max_value=5, type=1, enforcement=1, soft_value=3, exit_status=330, delay_minutes=5, auto_tag=True
    )
    made = (await limits.Create(request)).limit
    assert (made.type, made.enforcement, made.soft_value) == (limit_pb2.HOST, limit_pb2.ADVISORY, 3)
    assert (made.exit_status, made.delay_minutes, made.auto_tag, made.blocking_disabled) == (330, 5, True, True)
    plain = (await limits.Create(limit_pb2.LimitCreateRequest(name="maya", max_value=5))).limit
    assert (plain.soft_value, plain.report_ttl, plain.blocking_disabled) == (-1, 900, False)


async def test_the_newer_setters_change_a_limit(site: Any) -> None:
    """Enforcement, soft value, time to live and failure rule are kept; a soft value of 0 is one of 0 here."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    await limits.Create(limit_pb2.LimitCreateRequest(name="nuke", max_value=5))
    await limits.SetEnforcement(limit_pb2.LimitSetEnforcementRequest(name="nuke", enforcement=limit_pb2.DISABLED))
    await limits.SetSoftValue(limit_pb2.LimitSetSoftValueRequest(name="nuke", soft_value=0))
    await limits.SetReportTtl(limit_pb2.LimitSetReportTtlRequest(name="nuke", report_ttl=60))
    await limits.SetFailureRule(limit_pb2.LimitSetFailureRuleRequest(name="nuke", exit_status=330, delay_minutes=5))
    found = (await limits.Find(limit_pb2.LimitFindRequest(name="nuke"))).limit
    assert (found.enforcement, found.soft_value, found.report_ttl) == (limit_pb2.DISABLED, 0, 60)
    assert (found.exit_status, found.delay_minutes, found.auto_tag) == (330, 5, False)


async def test_a_soft_value_that_changes_nothing_is_told_of(site: Any) -> None:
    """It orders hosts, so that a limit by frames has no use for it, and none has for one above its maximum."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    soft = limit_pb2.LimitSetSoftValueRequest(name="nuke", soft_value=7)
    host = limit_pb2.LimitSetTypeRequest(name="nuke", type=limit_pb2.HOST)
    most = limit_pb2.LimitSetMaxValueRequest(name="nuke", max_value=7)
    await limits.Create(limit_pb2.LimitCreateRequest(name="nuke", max_value=5))
    assert await _warnings(limits.SetSoftValue(soft)) == [
        "limit 'nuke' counts frames: its soft value 7 has no effect before it counts hosts"
        " (`cueadmin -limit-type nuke host`)"
    ]
    assert await _warnings(limits.SetType(host)) == [
        "the soft value 7 of limit 'nuke' is above its maximum, so that the maximum 5 holds"
    ]
    assert await _warnings(limits.SetMaxValue(most)) == []
    made = limit_pb2.LimitCreateRequest(name="maya", max_value=5, soft_value=3)
    assert len(await _warnings(limits.Create(made))) == 1


async def _warnings(call: Any) -> list[str]:
    await call
    return [unquote(str(v)) for k, v in await call.trailing_metadata() or () if k == "cuefarm-warning"]


@pytest.mark.parametrize(
    ("method", "fields", "code", "words"),
    [
        ("SetFailureRule", {"exit_status": 1}, "INVALID_ARGUMENT", "above 1"),
        ("SetFailureRule", {"exit_status": 330}, "ALREADY_EXISTS", "'maya'"),
        ("SetFailureRule", {"exit_status": 331, "delay_minutes": -1}, "INVALID_ARGUMENT", "minutes"),
        ("SetEnforcement", {"enforcement": 7}, "INVALID_ARGUMENT", "ADVISORY"),
        ("SetType", {"type": 7}, "INVALID_ARGUMENT", "HOST"),
        ("SetSoftValue", {"soft_value": -2}, "INVALID_ARGUMENT", "soft_value"),
        ("SetReportTtl", {"report_ttl": -1}, "INVALID_ARGUMENT", "report_ttl"),
        ("SetReportTtl", {"name": "none", "report_ttl": 1}, "NOT_FOUND", "'none'"),
        ("ClearBindings", {"limit_name": "nuke", "sources": [0]}, "INVALID_ARGUMENT", "specification"),
        ("GetBindings", {"limit_name": "none"}, "NOT_FOUND", "'none'"),
        ("GetHolds", {"limit_name": "none"}, "NOT_FOUND", "'none'"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(
    site: Any, method: str, fields: dict[str, Any], code: str, words: str
) -> None:
    """The field's codes, and which thing and value are meant."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    await limits.Create(limit_pb2.LimitCreateRequest(name="nuke", max_value=5))
    await limits.Create(limit_pb2.LimitCreateRequest(name="maya", max_value=5, exit_status=330))
    kind = getattr(limit_pb2, f"Limit{method}Request")
    named = {} if "limit_name" in fields else {"name": "nuke"}
    refused = await site.refused(getattr(limits, method)(kind(**{**named, **fields})))
    assert refused[0] == code
    assert words in refused[1]


async def test_reported_use_is_answered_and_listed(site: Any, start_agent: Any, tools: Any) -> None:
    """A report says what it changed, whom nobody knows and what was skipped; holds name workstations and hosts."""
    agent = await start_agent("host1")
    agent.finish = False
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    limit = (await limits.Create(limit_pb2.LimitCreateRequest(name="nuke", max_value=4))).limit
    hosts = [limit_pb2.LimitHostUsage(host_name="WS1.studio.example", tokens=3, user="ann")]
    report = limit_pb2.LimitReport(limit_name="nuke", hosts=hosts, total_licenses=10)
    unknown = limit_pb2.LimitReport(limit_name="mari")
    request = limit_pb2.LimitReportUsageRequest(reports=[report, unknown], source="rlm")
    answer = await limits.ReportUsage(request)
    assert [(one.name, one.settled_usage, one.report_source) for one in answer.limits] == [("nuke", 3, "rlm")]
    assert (list(answer.unknown_limits), list(answer.skipped_limits)) == (["mari"], [])
    again = await limits.ReportUsage(request)
    assert [(skip.limit_name, skip.reason) for skip in again.skipped_limits] == [("nuke", limit_pb2.RATE_LIMITED)]

    (layer,) = await site.layers_of(await site.launch(paused=True))
    await site.layer.AddLimit(job_pb2.LayerAddLimitRequest(layer=layer, limit_id=limit.id))
    await site.job.Resume(
        job_pb2.JobResumeRequest(job=(await site.job.GetJobs(job_pb2.JobGetJobsRequest())).jobs.jobs[0])
    )
    await tools.until(lambda: len(agent.runs) == 1)
    holds = (await limits.GetHolds(limit_pb2.LimitGetHoldsRequest())).holds
    assert [(hold.host_name, hold.tokens, hold.source) for hold in holds] == [
        ("WS1.studio.example", 3, limit_pb2.EXTERNAL),
        ("host1", 1, limit_pb2.CUE),
    ]
    found = (await limits.Find(limit_pb2.LimitFindRequest(name="nuke"))).limit
    assert (found.current_usage, found.current_running, found.settled_usage, found.pending_usage) == (4, 4, 3, 1)
    (binding,) = (await limits.GetBindings(limit_pb2.LimitGetBindingsRequest(limit_name="nuke"))).bindings
    assert (binding.layer_id, binding.source) == (layer.id, limit_pb2.MANUAL)
    asked = limit_pb2.LimitGetBindingsRequest(limit_name="nuke", sources=[limit_pb2.SPEC, limit_pb2.AUTO])
    assert not (await limits.GetBindings(asked)).bindings
    cleared = limit_pb2.LimitClearBindingsRequest(limit_name="nuke", sources=[limit_pb2.MANUAL])
    assert (await limits.ClearBindings(cleared)).removed == 1


async def test_a_restart_loses_nothing_of_limits(
    start_site: Any, start_agent_of: Any, tools: Any, tmp_path: Any
) -> None:
    """Rules, reports, their holders and what made a layer be counted are there after a restart."""
    database = f"sqlite:///{tmp_path}/farm.sqlite"
    site = await start_site(database)
    agent = await start_agent_of(site, "host1")
    agent.finish = False
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    request = limit_pb2.LimitCreateRequest(
        name="nuke", max_value=5, type=1, soft_value=3, exit_status=330, delay_minutes=5, auto_tag=True
    )
    await limits.Create(request)
    hosts = [limit_pb2.LimitHostUsage(host_name="WS1.studio.example", tokens=2, user="ann")]
    report = limit_pb2.LimitReport(limit_name="nuke", hosts=hosts, total_licenses=10)
    await limits.ReportUsage(limit_pb2.LimitReportUsageRequest(reports=[report], source="rlm"))
    await site.launch(tools.layer("comp", "1-2"))
    await tools.until(lambda: len(agent.runs) == 2)
    await agent.complete(next(iter(agent.runs.values())), exit_status=330)
    before = await _all_of_limits(limits)
    assert before[2].bindings[0].source == limit_pb2.AUTO
    await site.stop()
    site = await start_site(database)
    after = await _all_of_limits(limit_pb2_grpc.LimitInterfaceStub(site.channel))
    assert after == before


async def _all_of_limits(limits: Any) -> tuple[Any, Any, Any]:
    return (
        await limits.GetAll(limit_pb2.LimitGetAllRequest()),
        await limits.GetHolds(limit_pb2.LimitGetHoldsRequest()),
        await limits.GetBindings(limit_pb2.LimitGetBindingsRequest(limit_name="nuke")),
    )
