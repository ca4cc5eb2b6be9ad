"""Limits over the wire."""

from __future__ import annotations

from typing import Any

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


async def test_a_limit_that_would_not_be_enforced_is_refused(site: Any) -> None:
    """Asking for an advisory limit is an error that says what is accepted."""
    limits = limit_pb2_grpc.LimitInterfaceStub(site.channel)
    request = limit_pb2.LimitCreateRequest(name="nuke", max_value=5, enforcement=limit_pb2.ADVISORY)
    code, words = await site.refused(limits.Create(request))
    assert (code, "ENFORCED" in words) == ("INVALID_ARGUMENT", True)
