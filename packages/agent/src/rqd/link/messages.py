"""Between the wire's messages and the plain dicts that the runner understands."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from opencue_proto import report_pb2

Description = dict[str, Any]


GPU = "gpu"
"""The kind of device that is counted."""

_FIELD = FieldDescriptor
_RANGES = {
    _FIELD.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    _FIELD.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    _FIELD.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    _FIELD.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}

NO_LIMITS = {"run_seconds": 0, "silence_seconds": 0, "start_seconds": 0, "memory_kib": 0}


def launch_from(run_frame: Any) -> Description:
    """What the runner needs of a RunFrame, which has no limits: a server keeps them itself."""
    environment = dict(run_frame.environment)
    memory = environment.get("CUE_MEMORY", "")
    return {
        "run_id": run_frame.resource_id,
        "frame_id": run_frame.frame_id,
        "frame_name": run_frame.frame_name,
        "job_id": run_frame.job_id,
        "job_name": run_frame.job_name,
        "layer_id": run_frame.layer_id,
        "arguments": [],
        "shell_text": run_frame.command,
        "wrapper": [],
        "working_folder": "",
        "user_name": run_frame.user_name,
        "log_dir": run_frame.log_dir,
        "log_path": [],
        "log_parts": [run_frame.job_name, run_frame.frame_name],
        "show": run_frame.show,
        "shot": run_frame.shot,
        "uid": run_frame.uid if run_frame.HasField("uid") else None,
        "gid": run_frame.gid,
        "core_units": run_frame.num_cores,
        "gpus": run_frame.num_gpus,
        "memory_kb": int(memory) if memory.isascii() and memory.isdigit() else 0,
        "environment": environment,
        "secrets": [],
        "limits": NO_LIMITS,
    }


def launch_from_order(order: Any) -> Description:
    """What the runner needs of a RunOrder: the same, and what RunFrame cannot say."""
    user = order.user
    *of_job, of_frame = order.log.name or [""]
    return {
        "run_id": order.run_id,
        "frame_id": order.frame_id,
        "frame_name": order.frame_name,
        "job_id": order.job_id,
        "job_name": order.job_name,
        "layer_id": order.layer_id,
        "arguments": list(order.arguments),
        "shell_text": order.shell_text,
        "wrapper": list(order.wrapper),
        "working_folder": order.working_folder,
        "user_name": user.name,
        "log_dir": order.log.root,
        "log_path": list(order.log.path),
        "log_parts": [".".join(of_job), of_frame],
        "show": order.show,
        "shot": order.shot,
        "uid": user.uid if user.HasField("uid") else None,
        "gid": user.gid,
        "core_units": order.cores,
        "gpus": sum(device.count for device in order.devices if device.kind == GPU),
        "memory_kb": order.memory_kib,
        "environment": dict(order.environment),
        "secrets": list(order.secrets),
        "limits": limits_from(order.limits),
    }


def limits_from(limits: Any) -> Description:
    """What a run may."""
    return {name: getattr(limits, name) for name in NO_LIMITS}


def frame_info(run: Description) -> Any:
    """A run as reports list it."""
    attributes = {"cuefarm.state": run["state"]}
    outcome = run["outcome"]
    if run["ran_ms"]:
        attributes["cuefarm.ran_ms"] = str(run["ran_ms"])
    if run["stuck"]:
        attributes["cuefarm.stuck"] = run["stuck"]
    if outcome is not None:
        attributes["cuefarm.cause"] = outcome["cause"]
        attributes["cuefarm.run_ms"] = str(outcome["run_ms"])
        attributes["cuefarm.cpu_ms"] = str(outcome["user_ms"] + outcome["system_ms"])
        if outcome["message"]:
            attributes["cuefarm.message"] = outcome["message"]
        if outcome["kill_message"]:
            attributes["cuefarm.kill_message"] = outcome["kill_message"]
        if outcome["error_line"]:
            attributes["cuefarm.error_line"] = outcome["error_line"]
        if outcome["left_behind"]:
            attributes["cuefarm.left_behind"] = outcome["left_behind"]
        if run["log_name"]:
            attributes["cuefarm.log_name"] = run["log_name"]
    return _cut_to_fit(
        report_pb2.RunningFrameInfo,
        resource_id=run["run_id"],
        job_id=run["job_id"],
        job_name=run["job_name"],
        frame_id=run["frame_id"],
        frame_name=run["frame_name"],
        layer_id=run["layer_id"],
        num_cores=run["core_units"],
        num_gpus=run["gpus"],
        start_time=run["start_ms"],
        rss=run["rss_kb"],
        max_rss=run["max_rss_kb"],
        vsize=run["vsize_kb"],
        max_vsize=run["max_vsize_kb"],
        llu_time=run["log_written_s"],
        attributes=attributes,
    )


def completion(run: Description, host: Any) -> Any:
    """The outcome of a run that ended, as a call of its own."""
    return report_pb2.RqdReportRunningFrameCompletionRequest(frame_complete_report=_complete_report(run, host))


def stream_outcome(run: Description) -> bytes:
    """The outcome of a run that ended, as it goes into a message of the stream."""
    return bytes(_complete_report(run, None).SerializeToString())


def _complete_report(run: Description, host: Any) -> Any:
    outcome = run["outcome"]
    return _cut_to_fit(
        report_pb2.FrameCompleteReport,
        host=host,
        frame=frame_info(run),
        exit_status=outcome["exit_status"],
        exit_signal=outcome["exit_signal"],
        run_time=outcome["run_ms"] // 1000,
    )


def core_detail(cores: dict[str, int]) -> Any:
    """Core units in all, idle, locked and booked."""
    return report_pb2.CoreDetail(
        total_cores=cores["total"], idle_cores=cores["idle"], locked_cores=cores["locked"], booked_cores=cores["booked"]
    )


def _cut_to_fit(kind: Any, **values: Any) -> Any:
    """A message whose numbers are at most what their fields can hold: one odd run must not cost a whole report."""
    for name, field in kind.DESCRIPTOR.fields_by_name.items():
        if name in values and field.cpp_type in _RANGES:
            least, most = _RANGES[field.cpp_type]
            values[name] = min(max(values[name], least), most)
    return kind(**values)
