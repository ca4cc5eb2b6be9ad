"""Every RPC of the published interface that this server does not do, each with its reason.

What stands here answers UNIMPLEMENTED with the reason. A test holds that this table and the services together are the
whole interface, so an RPC can be neither forgotten nor in both.
"""

from __future__ import annotations

from typing import Final

_AGENT = "agents answer this, the server only asks it"
_PARTITIONS = "local rendering (render partitions) is not offered by this server"
_REDIRECTS = "redirects are not offered: no run keeps a place on a host beyond its own end, so there is none to hand on"
_OWNERS = "owners and deeds of hosts are not offered; lock a host with Host.Lock, or give it a tag of its own"
_REBOOTS = "this server does not reboot hosts; set the host to REPAIR, reboot it, and its next report brings it back"


def _all(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


NOT_OFFERED: Final[dict[str, dict[str, str]]] = {
    "host.DeedInterface": _all(_OWNERS, "Delete", "GetHost", "GetOwner"),
    "host.HostInterface": _all(_OWNERS, "GetDeed", "GetOwner")
    | _all(_PARTITIONS, "GetRenderPartitions")
    | _all(_REBOOTS, "Reboot", "RebootWhenIdle")
    | _all(_REDIRECTS, "RedirectToJob"),
    "host.OwnerInterface": _all(_OWNERS, "Delete", "GetDeeds", "GetHosts", "GetOwner", "SetShow", "TakeOwnership"),
    "host.ProcInterface": _all(
        _REDIRECTS, "ClearRedirect", "RedirectToGroup", "RedirectToJob", "UnbookToGroup", "UnbookToJob"
    ),
    "job.FrameInterface": _all(_PARTITIONS, "AddRenderPartition"),
    "job.JobInterface": _all(_PARTITIONS, "AddRenderPartition"),
    "job.LayerInterface": _all(_PARTITIONS, "AddRenderPartition")
    | {"SetMinGpu": "this RPC never did anything; SetMinGpuMemory sets the memory, SetMinGpus the number"},
    "renderPartition.RenderPartitionInterface": _all(_PARTITIONS, "Delete", "SetMaxResources"),
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
    "show.ShowInterface": _all(_OWNERS, "CreateOwner", "GetDeeds"),
}
"""Reason by service and RPC."""
