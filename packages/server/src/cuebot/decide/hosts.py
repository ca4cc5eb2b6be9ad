"""Commands on hosts: tags, locks, states, allocations, and to forget one."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.decide.owners import without_deed
from cuebot.decide.partitions import without_partitions
from cuebot.decide.redirects import places_of
from cuebot.decide.run_ends import run_lost
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid, LimitExceeded, Refused, quoted
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Allocation, Host, stored_values
from cuebot.domain.states import HOST_TRANSITIONS, Cause, HostState
from cuebot.domain.tags import TAG_RULE, read_tags, split_tags
from cuebot.scheduling.explain.wording import counted


def add_tags(farm: Farm, command: c.AddHostTags, context: Context) -> list[ev.Event]:
    """Give a host manual tags; a tag that it has is no change."""
    host: Host = farm.get("host", command.host_id)
    fresh = read_tags(command.tags, context.bounds)
    if command.tags and not fresh:
        raise Invalid(f"host {host.name!r}: {quoted(' '.join(command.tags))!r} holds no tag. Accepted: {TAG_RULE}.")
    tags = tuple(dict.fromkeys((*host.manual_tags, *fresh)))
    if len(tags) > context.bounds.names_per_list:
        raise LimitExceeded(
            f"host {host.name!r}",
            "tags",
            given=len(tags),
            limit="names_per_list",
            allowed=context.bounds.names_per_list,
        )
    return [ev.Changed("host", host.id, {"manual_tags": tags})] if tags != host.manual_tags else []


def remove_tags(farm: Farm, command: c.RemoveHostTags, context: Context) -> list[ev.Event]:
    """Take tags from a host; its name and its allocation's tag stay."""
    host: Host = farm.get("host", command.host_id)
    gone = {*split_tags(command.tags), *command.tags}
    changes: dict[str, object] = {}
    for kind in ("manual_tags", "hardware_tags"):
        old = getattr(host, kind)
        left = tuple(tag for tag in old if tag not in gone)
        if left != old:
            changes[kind] = left
    return [ev.Changed("host", host.id, changes)] if changes else []


def lock_host(farm: Farm, command: c.LockHost, context: Context) -> list[ev.Event]:
    """Keep a host from being booked, or open it; what runs there goes on."""
    host: Host = farm.get("host", command.host_id)
    return [ev.Changed("host", host.id, {"lock": command.lock})] if host.lock is not command.lock else []


def set_host_state(farm: Farm, command: c.SetHostState, context: Context) -> list[ev.Event]:
    """Say what a host is fit for; what runs there goes on."""
    host: Host = farm.get("host", command.host_id)
    if host.state is command.state:
        return []
    if command.state not in HOST_TRANSITIONS[host.state]:
        raise Refused(f"host {host.name!r} is {host.state.name} and cannot become {command.state.name} from there")
    return [ev.Changed("host", host.id, {"state": command.state})]


def reboot_host(farm: Farm, command: c.RebootHost, context: Context) -> list[ev.Event]:
    """Keep a host from work until its agent says that it has started again."""
    state = HostState.REBOOT_WHEN_IDLE if command.when_idle else HostState.REBOOTING
    return set_host_state(farm, c.SetHostState(command.host_id, state), context)


def move_hosts(farm: Farm, command: c.MoveHosts, context: Context) -> list[ev.Event]:
    """Put hosts into another allocation."""
    allocation: Allocation = farm.get("allocation", command.allocation_id)
    hosts: list[Host] = [farm.get("host", id) for id in command.host_ids]
    for host in hosts:
        if host.proc_ids and host.allocation_id != allocation.id:
            raise Refused(
                f"host {host.name!r} runs {counted(len(host.proc_ids), 'frame')}; lock it and wait until it is idle"
            )
    return [
        ev.Changed("host", host.id, {"allocation_id": allocation.id, "facility_id": allocation.facility_id})
        for host in hosts
        if host.allocation_id != allocation.id
    ]


def drop_host(farm: Farm, command: c.DropHost, context: Context) -> list[ev.Event]:
    """Forget a host: an operator's word that nothing runs there any more."""
    host: Host = farm.get("host", command.host_id)
    events: list[ev.Event] = [
        run_lost(farm, farm.procs[run_id], Cause.HOST_LOST, "the host was deleted", context)
        for run_id in sorted(host.proc_ids)
    ]
    events += [*places_of(farm, host), *without_deed(farm, host), *without_partitions(farm, host)]
    comments = [comment for comment in farm.comments.values() if comment.host_id == host.id]
    events += [ev.Removed("comment", comment.id, stored_values(comment)) for comment in comments]
    return [*events, ev.Removed("host", host.id, stored_values(host))]
