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


JobState: Any = _fromProto("JobState", job_pb2.JobState)
FrameState: Any = _fromProto("FrameState", job_pb2.FrameState)
FrameExitStatus: Any = _fromProto("FrameExitStatus", job_pb2.FrameExitStatus)
CheckpointState: Any = _fromProto("CheckpointState", job_pb2.CheckpointState)
LayerType: Any = _fromProto("LayerType", job_pb2.LayerType)
Order: Any = _fromProto("Order", job_pb2.Order)
DependType: Any = _fromProto("DependType", depend_pb2.DependType)
DependTarget: Any = _fromProto("DependTarget", depend_pb2.DependTarget)
HardwareState: Any = _fromProto("HardwareState", host_pb2.HardwareState)
LockState: Any = _fromProto("LockState", host_pb2.LockState)
ThreadMode: Any = _fromProto("ThreadMode", host_pb2.ThreadMode)
HostTagType: Any = _fromProto("HostTagType", host_pb2.HostTagType)
RedirectType: Any = _fromProto("RedirectType", host_pb2.RedirectType)
RunState: Any = _fromProto("RunState", host_pb2.RunState)
LimitType: Any = _fromProto("LimitType", limit_pb2.LimitType)
LimitEnforcement: Any = _fromProto("LimitEnforcement", limit_pb2.LimitEnforcement)
LimitBindSource: Any = _fromProto("LimitBindSource", limit_pb2.LimitBindSource)
LimitHoldSource: Any = _fromProto("LimitHoldSource", limit_pb2.LimitHoldSource)
FilterType: Any = _fromProto("FilterType", filter_pb2.FilterType)
MatchSubject: Any = _fromProto("MatchSubject", filter_pb2.MatchSubject)
MatchType: Any = _fromProto("MatchType", filter_pb2.MatchType)
ActionType: Any = _fromProto("ActionType", filter_pb2.ActionType)
ActionValueType: Any = _fromProto("ActionValueType", filter_pb2.ActionValueType)
