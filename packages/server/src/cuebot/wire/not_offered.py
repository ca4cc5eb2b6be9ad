"""Every RPC of the published interface that this server does not do, each with its reason.

What stands here answers UNIMPLEMENTED with the reason. A test holds that this table and the services together are the
whole interface, so an RPC can be neither forgotten nor in both.
"""

from __future__ import annotations

from typing import Final

_AGENT = "agents answer this, the server only asks it"


def _all(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_OFFERED: Final[dict[str, dict[str, str]]] = {
    "job.LayerInterface": {
        "SetMinGpu": "this RPC never did anything; SetMinGpuMemory sets the memory, SetMinGpus the number"
    },
    "rqd.RqdInterface": _all(
        _AGENT,
        "GetRunFrame",
        "GetRunningFrameStatus",
        "KillRunningFrame",
        "LaunchFrame",
        "Lock",
        "LockAll",
        "NimbyOff",
        "NimbyOn",
        "RebootIdle",
        "RebootNow",
        "ReportStatus",
        "RestartRqdIdle",
        "RestartRqdNow",
        "ShutdownRqdIdle",
        "ShutdownRqdNow",
        "Unlock",
        "UnlockAll",
    ),
    "rqd.RunningFrame": _all(_AGENT, "Kill", "Status"),
}
"""Reason by service and RPC."""
