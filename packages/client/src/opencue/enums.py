"""The wire's enumerations as Python IntEnums, member for member; each member equals the number on the wire."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from opencue_proto import depend_pb2, filter_pb2, host_pb2, job_pb2, limit_pb2


def _fromProto(name: str, proto_enum: Any) -> Any:
    make: Any = IntEnum  # whose functional form takes a literal only, where types are checked
    members = make(name, proto_enum.items(), module=__name__)
    members.__doc__ = f"Members and numbers of the wire's {name}."
    return members


JobState = _fromProto("JobState", job_pb2.JobState)
FrameState = _fromProto("FrameState", job_pb2.FrameState)
FrameExitStatus = _fromProto("FrameExitStatus", job_pb2.FrameExitStatus)
CheckpointState = _fromProto("CheckpointState", job_pb2.CheckpointState)
LayerType = _fromProto("LayerType", job_pb2.LayerType)
Order = _fromProto("Order", job_pb2.Order)
DependType = _fromProto("DependType", depend_pb2.DependType)
DependTarget = _fromProto("DependTarget", depend_pb2.DependTarget)
HardwareState = _fromProto("HardwareState", host_pb2.HardwareState)
LockState = _fromProto("LockState", host_pb2.LockState)
ThreadMode = _fromProto("ThreadMode", host_pb2.ThreadMode)
HostTagType = _fromProto("HostTagType", host_pb2.HostTagType)
RedirectType = _fromProto("RedirectType", host_pb2.RedirectType)
RunState = _fromProto("RunState", host_pb2.RunState)
LimitType = _fromProto("LimitType", limit_pb2.LimitType)
LimitEnforcement = _fromProto("LimitEnforcement", limit_pb2.LimitEnforcement)
LimitBindSource = _fromProto("LimitBindSource", limit_pb2.LimitBindSource)
LimitHoldSource = _fromProto("LimitHoldSource", limit_pb2.LimitHoldSource)
FilterType = _fromProto("FilterType", filter_pb2.FilterType)
MatchSubject = _fromProto("MatchSubject", filter_pb2.MatchSubject)
MatchType = _fromProto("MatchType", filter_pb2.MatchType)
ActionType = _fromProto("ActionType", filter_pb2.ActionType)
ActionValueType = _fromProto("ActionValueType", filter_pb2.ActionValueType)
