"""HostInterface."""

from __future__ import annotations

from typing import Final, Protocol

import structlog
from opencue_proto import host_pb2, renderPartition_pb2

from cuebot.domain import commands as c
from cuebot.domain.advice import advise
from cuebot.domain.commands import Envelope
from cuebot.domain.errors import FarmError, Invalid, NotFound, NotOffered, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host
from cuebot.domain.principals import THE_SERVER
from cuebot.domain.states import HostState, LockState, ThreadMode
from cuebot.domain.tags import read_tags
from cuebot.engine.requests import Address, address_of
from cuebot.queries.comments import commented, comments_of
from cuebot.queries.hosts import host_row, present
from cuebot.queries.owners import deed_of_host
from cuebot.queries.partitions import partition_row, partitions_of_host
from cuebot.queries.procs import ProcRow, proc_row, procs_of_host
from cuebot.wire.call import Call, rows_of, shared
from cuebot.wire.criteria import find_hosts
from cuebot.wire.messages.comments import comment_seq
from cuebot.wire.messages.hosts import host_message, nested_host_message
from cuebot.wire.messages.owners import deed_message, owner_message
from cuebot.wire.messages.partitions import partition_message
from cuebot.wire.messages.procs import proc_message
from cuebot.wire.requests import OfHost
from cuebot.wire.rows import list_of, row_of
from cuebot.wire.services.procs import redirect
from cuebot.wire.values import member

log = structlog.get_logger("hosts")

_TO_REBOOT: Final = (HostState.REBOOTING, HostState.REBOOT_WHEN_IDLE)


class HostAgents(Protocol):
    """What hosts' agents are told at a client's word. Each raises FarmError where an agent will not."""

    async def restart(self, address: Address, when_idle: bool) -> None:
        """Start yourself anew, at once or after the last run."""

    async def reboot(self, address: Address, when_idle: bool) -> None:
        """Reboot your machine, likewise."""

    async def stay(self, address: Address) -> None:
        """Take work again, and do not what you were to do once idle."""


class HostInterface:
    """Render hosts."""

    def __init__(self, agents: HostAgents | None = None) -> None:
        self._agents = agents

    def FindHost(self, request: host_pb2.HostFindHostRequest, call: Call) -> host_pb2.HostFindHostResponse:
        """A host by name."""
        host = call.farm.host_named(request.name)
        return host_pb2.HostFindHostResponse(host=_message(call, host))

    def GetHost(self, request: host_pb2.HostGetHostRequest, call: Call) -> host_pb2.HostGetHostResponse:
        """The host with that id."""
        host = call.farm.get("host", request.id)
        return host_pb2.HostGetHostResponse(host=_message(call, host))

    @shared
    async def GetHosts(self, request: host_pb2.HostGetHostsRequest, call: Call) -> bytes:
        """Hosts by criteria."""
        return list_of(await rows_of(call, await find_hosts(call, request.r), call.rows.host))

    @shared
    async def GetHostWhiteboard(self, request: host_pb2.HostGetHostWhiteboardRequest, call: Call) -> bytes:
        """All hosts with what runs on them."""
        farm = call.farm
        with_comments = commented(farm)
        return list_of(await rows_of(call, present(farm), lambda host: row_of(_nested(farm, host, with_comments))))

    def GetProcs(self, request: host_pb2.HostGetProcsRequest, call: Call) -> host_pb2.HostGetProcsResponse:
        """What runs on a host."""
        procs = [proc_message(row) for row in _proc_rows(call.farm, _host(request, call))]
        return host_pb2.HostGetProcsResponse(procs=host_pb2.ProcSeq(procs=procs))

    def GetComments(self, request: host_pb2.HostGetCommentsRequest, call: Call) -> host_pb2.HostGetCommentsResponse:
        """The comments on a host."""
        comments = comments_of(call.farm, _host(request, call).id)
        return host_pb2.HostGetCommentsResponse(comments=comment_seq(comments))

    def GetDeed(self, request: host_pb2.HostGetDeedRequest, call: Call) -> host_pb2.HostGetDeedResponse:
        """The deed of a host."""
        deed = deed_of_host(call.farm, _host(request, call))
        return host_pb2.HostGetDeedResponse(deed=deed_message(call.farm, deed))

    def GetOwner(self, request: host_pb2.HostGetOwnerRequest, call: Call) -> host_pb2.HostGetOwnerResponse:
        """Who owns a host."""
        owner = call.farm.owners[deed_of_host(call.farm, _host(request, call)).owner_id]
        return host_pb2.HostGetOwnerResponse(owner=owner_message(call.farm, owner))

    def GetRenderPartitions(
        self, request: host_pb2.HostGetRenderPartitionsRequest, call: Call
    ) -> host_pb2.HostGetRenderPartitionsResponse:
        """The parts of a host on which its user renders."""
        farm = call.farm
        found = [partition_message(partition_row(farm, one)) for one in partitions_of_host(farm, _host(request, call))]
        sequence = renderPartition_pb2.RenderPartitionSeq(render_partitions=found)
        return host_pb2.HostGetRenderPartitionsResponse(render_partitions=sequence)

    async def AddComment(self, request: host_pb2.HostAddCommentRequest, call: Call) -> None:
        """Comment on a host."""
        comment = request.new_comment
        command = c.AddComment(comment.user, comment.subject, comment.message, host_id=_host(request, call).id)
        await call.submit(command, actor=comment.user)

    async def Lock(self, request: host_pb2.HostLockRequest, call: Call) -> None:
        """Keep a host from being booked; what runs there goes on."""
        await call.submit(c.LockHost(_host(request, call).id, LockState.LOCKED))

    async def Unlock(self, request: host_pb2.HostUnlockRequest, call: Call) -> None:
        """Let a host be booked again."""
        await call.submit(c.LockHost(_host(request, call).id, LockState.OPEN))

    async def AddTags(self, request: host_pb2.HostAddTagsRequest, call: Call) -> None:
        """Give a host manual tags."""
        await call.submit(c.AddHostTags(_host(request, call).id, tuple(request.tags)))

    async def RemoveTags(self, request: host_pb2.HostRemoveTagsRequest, call: Call) -> None:
        """Take tags from a host."""
        await call.submit(c.RemoveHostTags(_host(request, call).id, tuple(request.tags)))

    async def RenameTag(self, request: host_pb2.HostRenameTagRequest, call: Call) -> None:
        """Give a host one tag in the place of another."""
        host = _host(request, call)
        if request.old_tag not in (*host.manual_tags, *host.hardware_tags):
            raise NotFound(f"host {host.name!r} has no tag {request.old_tag!r} that can be renamed")
        if len(read_tags(request.new_tag, call.engine.core.bounds)) != 1:
            raise Invalid(f"a tag is renamed to one tag, not to {quoted(request.new_tag)!r}")
        fresh = c.AddHostTags(host.id, (request.new_tag,))
        await call.submit_all([fresh, c.RemoveHostTags(host.id, (request.old_tag,))])
        call.changed = 1  # one host, by two commands

    async def SetAllocation(self, request: host_pb2.HostSetAllocationRequest, call: Call) -> None:
        """Put a host into another allocation."""
        allocation = call.farm.get("allocation", request.allocation_id)
        await call.submit(c.MoveHosts((_host(request, call).id,), allocation.id))

    async def SetHardwareState(self, request: host_pb2.HostSetHardwareStateRequest, call: Call) -> None:
        """Say what a host is fit for."""
        state = member(HostState, request.state, "state")
        host = _host(request, call)
        was_to_reboot = host.state is HostState.REBOOT_WHEN_IDLE
        await call.submit(c.SetHostState(host.id, state))
        if was_to_reboot and state not in _TO_REBOOT:
            try:
                await self._told(call).stay(address_of(host))
            except FarmError as error:
                call.warnings.append(f"{error}; it may still reboot host {host.name!r} once that is idle")

    async def SetThreadMode(self, request: host_pb2.HostSetThreadModeRequest, call: Call) -> None:
        """Say how a host deals its cores."""
        mode = member(ThreadMode, request.mode, "mode")
        await call.submit(c.Change("host", _host(request, call).id, {"thread_mode": mode}))

    async def SetOs(self, request: host_pb2.HostSetOsRequest, call: Call) -> None:
        """Say which operating systems a host has, comma separated; its next report says so again."""
        names = tuple(name.strip() for name in request.os.split(",") if name.strip())
        await call.submit(c.Change("host", _host(request, call).id, {"os": names}))

    async def RestartRqdNow(self, request: host_pb2.HostRestartRqdNowRequest, call: Call) -> None:
        """Have the host's agent start itself anew. Frames of our agents go on."""
        await self._restart(request, call, when_idle=False)

    async def RestartRqdWhenIdle(self, request: host_pb2.HostRestartRqdWhenIdleRequest, call: Call) -> None:
        """Have the host's agent take nothing more, and start itself anew after its last frame."""
        await self._restart(request, call, when_idle=True)

    async def _restart(self, request: OfHost, call: Call, *, when_idle: bool) -> None:
        host = _host(request, call)
        await self._told(call).restart(address_of(host), when_idle)
        log.info("an agent was told to restart", host=host.name, when_idle=when_idle, by=call.envelope().actor)
        call.count(1)

    async def Reboot(self, request: host_pb2.HostRebootRequest, call: Call) -> None:
        """Have a host boot again at once; its frames wait again. Where its agent will not, nothing is changed."""
        await self._reboot(request, call, when_idle=False)

    async def RebootWhenIdle(self, request: host_pb2.HostRebootWhenIdleRequest, call: Call) -> None:
        """Book nothing more on a host, and have it boot again after its last frame. Likewise."""
        await self._reboot(request, call, when_idle=True)

    async def _reboot(self, request: OfHost, call: Call, *, when_idle: bool) -> None:
        """The host takes no work from before its agent is told, so that nothing begins that the reboot would end."""
        agents, host = self._told(call), _host(request, call)
        before = host.state
        await call.submit(c.RebootHost(host.id, when_idle))
        to_be = host.state
        try:
            await agents.reboot(address_of(host), when_idle)
        except FarmError as error:
            if host.state is to_be and before is not to_be:
                back = Envelope(call.envelope().actor, call.origin(), str(error), principal=THE_SERVER)
                await call.engine.submit(c.SetHostState(host.id, before), back)
            by_hand = f"; to empty it and reboot it by hand, {advise('host.lock', host=host.name)}" if when_idle else ""
            raise Refused(f"{error}; host {host.name!r} stays {host.state.name}{by_hand}") from error
        log.info("a host was told to reboot", host=host.name, when_idle=when_idle, by=call.envelope().actor)

    def _told(self, call: Call) -> HostAgents:
        if self._agents is None:
            raise NotOffered(f"{call.rpc}: this server gives agents no orders")
        return self._agents

    async def RedirectToJob(
        self, request: host_pb2.HostRedirectToJobRequest, call: Call
    ) -> host_pb2.HostRedirectToJobResponse:
        """End procs of a host, by their ids or names, and give their places to a job."""
        host, farm = _host(request, call), call.farm
        procs = {name: proc for proc in procs_of_host(farm, host) for name in (proc.id, proc_row(farm, proc).name)}
        for name in request.proc_names:
            if name not in procs:
                raise NotFound(f"nothing with the name or id {quoted(name)!r} runs on host {host.name!r}")
        found = [procs[name] for name in request.proc_names]
        count = await redirect(call, found, jobs=(request.job_id,), kill=True)
        return host_pb2.HostRedirectToJobResponse(value=count > 0)

    async def Delete(self, request: host_pb2.HostDeleteRequest, call: Call) -> None:
        """Forget a host; its runs are over."""
        await call.submit(c.DropHost(_host(request, call).id))


def _host(request: OfHost, call: Call) -> Host:
    host: Host = call.farm.get("host", request.host.id)
    return host


def _message(call: Call, host: Host) -> host_pb2.Host:
    return host_message(host_row(call.farm, host, commented(call.farm)))


def _proc_rows(farm: Farm, host: Host) -> list[ProcRow]:
    return [proc_row(farm, proc) for proc in procs_of_host(farm, host)]


def _nested(farm: Farm, host: Host, with_comments: set[str]) -> host_pb2.NestedHost:
    return nested_host_message(host_row(farm, host, with_comments), _proc_rows(farm, host))
