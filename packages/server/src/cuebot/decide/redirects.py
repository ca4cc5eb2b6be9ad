"""The places of runs are given to jobs and groups here, held when the runs have ended, and let go of."""

from __future__ import annotations

from cuebot.decide.context import Context
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.errors import Invalid
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job, Proc, Redirect, stored_values
from cuebot.domain.states import Cause, OnEnd
from cuebot.scheduling.rules.places import could_use, is_wanted, places_by_target, spent


def redirect_procs(farm: Farm, command: c.RedirectProcs, context: Context) -> list[ev.Event]:
    """Give the places of runs to jobs in turn, or to a group.

    Left as they are: runs that are over, that belong to whom their place would go to, or whose place no frame that
    waits there would fit into. A run that is killed for it is no failure: its frame waits again.
    """
    targets = _targets(farm, command)
    events: list[ev.Event] = []
    redirected: list[str] = []
    for proc in [farm.procs[id] for id in dict.fromkeys(command.run_ids) if id in farm.procs]:
        redirect = _for(farm, proc, targets[len(redirected) % len(targets)], context)
        if redirect is None:
            continue
        redirected.append(proc.id)
        events.append(_kept(farm, redirect))
    going_on = [id for id in redirected if not farm.procs[id].kill_message]  # others are to end as was said before
    if command.kill and going_on:
        events.append(ev.KillRequested(going_on, OnEnd.RETRY, command.message or "its place was redirected"))
    return events


def _targets(farm: Farm, command: c.RedirectProcs) -> list[tuple[str | None, str | None]]:
    if command.group_id:
        return [(None, farm.get("group", command.group_id).id)]
    if not command.job_ids:
        raise Invalid("a place is redirected to a job or to a group: name one")
    return [(farm.get("job", id).id, None) for id in command.job_ids]


def _for(farm: Farm, proc: Proc, target: tuple[str | None, str | None], context: Context) -> Redirect | None:
    """The redirect of a run's place; None where it would be of no use."""
    job_id, group_id = target
    job: Job = farm.jobs[proc.job_id]
    is_own = job.id == job_id or job.group_id == group_id
    if is_own or not could_use(farm, target, proc):
        return None
    return Redirect(
        id=proc.id,
        host_id=proc.host_id,
        job_id=job_id,
        group_id=group_id,
        cores=proc.cores,
        memory=proc.memory,
        gpus=proc.gpus,
        gpu_memory=proc.gpu_memory,
        created_us=context.now_us,
    )


def _kept(farm: Farm, redirect: Redirect) -> ev.Event:
    if redirect.id in farm.redirects:
        return ev.Changed("redirect", redirect.id, {"job_id": redirect.job_id, "group_id": redirect.group_id})
    return ev.Added("redirect", stored_values(redirect))


def clear_redirects(farm: Farm, command: c.ClearRedirects, context: Context) -> list[ev.Event]:
    """Give the places of runs to nobody any more."""
    found = [farm.redirects[id] for id in dict.fromkeys(command.run_ids) if id in farm.redirects]
    return [_gone(redirect) for redirect in found]


def after_run(farm: Farm, event: ev.RunEnded, now_us: int) -> list[ev.Event]:
    """What becomes of a redirect when its run has ended: the place is held, or nobody wants it or can have it."""
    redirect = farm.redirects.get(event.run_id)
    if redirect is None:
        return []
    held_us = farm.settings.redirect_held_us
    if not held_us or event.cause is Cause.HOST_LOST or event.with_host or not is_wanted(farm, redirect):
        return [_gone(redirect)]
    return [ev.Changed("redirect", redirect.id, {"until_us": now_us + held_us})]


def places_over(farm: Farm, context: Context) -> list[ev.Event]:
    """Places that are held no longer: their time is over, or those for whom they are have no frame that waits."""
    held = [farm.redirects[id] for ids in farm.places_of_host.values() for id in ids]
    return [_gone(place) for place in held if place.until_us <= context.now_us or not is_wanted(farm, place)]


def places_of(farm: Farm, host: Host) -> list[ev.Event]:
    """All places on a host are let go of: the host is forgotten."""
    return [_gone(place) for place in farm.places_on(host)]


def places_used(farm: Farm, host: Host, bookings: list[c.Booking]) -> list[Redirect]:
    """The places on a host that are used up by bookings of those for whom they are held."""
    used: list[Redirect] = []
    if host.id not in farm.places_of_host:
        return used
    table, row = farm.hosts_table, host.row
    for (job_id, group_id), places in places_by_target(farm, host).items():
        jobs = [(booking, farm.jobs[farm.layers[booking.layer_id].job_id]) for booking in bookings]
        own = [booking for booking, job in jobs if job.id == job_id or job.group_id == group_id]
        if not own:
            continue
        cores = sum(booking.cores for booking in own)
        left = int(table.idle_cores[row]) + sum(place.cores for place in places) - cores
        amounts = {
            name: int(column[row])
            + sum(getattr(place, name) for place in places)
            - sum(getattr(booking, name) for booking in own)
            for name, column in table.idle.items()
        }
        used += spent(places, cores, left, amounts)
    return used


def _gone(redirect: Redirect) -> ev.Event:
    return ev.Removed("redirect", redirect.id, stored_values(redirect))
