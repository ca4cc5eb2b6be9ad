"""Places that redirects hold on hosts: for whom, what could use them, and which of them are used up.

A redirect gives the place of a run to a job, or to the jobs of a group. When the run ends, the place is held: the host
table counts it as taken, so that nobody else is booked there, and those for whom it is get it back in a plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Job, Proc, Redirect
from cuebot.domain.ready import Demand
from cuebot.domain.resources import RESOURCES
from cuebot.scheduling.rules.eligibility import open_mask
from cuebot.scheduling.rules.fits import Room, enough, room_now

Target = tuple[str | None, str | None]
"""For whom a place is: the id of a job, or of a group."""


def target_of(redirect: Redirect) -> Target:
    """For whom a place is."""
    return redirect.job_id, redirect.group_id


def target_name(farm: Farm, run_id: str) -> str:
    """The name of the job or the group that gets the place of a run; empty where none does."""
    redirect = farm.redirects.get(run_id)
    if redirect is None:
        return ""
    target = farm.jobs.get(redirect.target_id) or farm.groups.get(redirect.target_id)
    return target.name if target else redirect.target_id


def is_for(redirect: Redirect, job: Job) -> bool:
    """A place is for a job, or for the group that the job is in."""
    return redirect.job_id == job.id if redirect.job_id else redirect.group_id == job.group_id


def jobs_for(farm: Farm, target: Target) -> list[Job]:
    """The jobs that a place is for and that have frames which wait for a host, the next first."""
    job_id, group_id = target
    if job_id:
        ids = [job_id]
    else:
        group = farm.groups.get(group_id or "")
        ids = list(group.job_ids) if group else []
    jobs = [farm.jobs[id] for id in ids if farm.ready.demands(id)]
    return sorted(jobs, key=lambda job: (-job.priority, job.submitted_us, job.name, job.id))


def is_wanted(farm: Farm, redirect: Redirect) -> bool:
    """Somebody whom a place is for has frames that wait for a host."""
    return bool(jobs_for(farm, target_of(redirect)))


def places_by_target(farm: Farm, host: Host) -> dict[Target, list[Redirect]]:
    """The places that are held on a host, by whom they are for."""
    places: dict[Target, list[Redirect]] = {}
    for redirect in farm.places_on(host):
        places.setdefault(target_of(redirect), []).append(redirect)
    return places


def spent(places: Sequence[Redirect], cores: int, left: int, amounts_left: Mapping[str, int]) -> list[Redirect]:
    """Those of a target's places on a host that are used up once frames of it have taken so many core units there.

    `left` is what is then left of the host when none of the places is held, so that what goes on being held is there.
    """
    kept, gone, covered = list(places), list[Redirect](), 0
    while kept and (covered < cores or not _is_there(kept, left, amounts_left)):
        covered += kept[0].cores
        gone.append(kept.pop(0))
    return gone


def _is_there(places: Sequence[Redirect], left: int, amounts_left: Mapping[str, int]) -> bool:
    """What places hold is left of their host."""
    if sum(place.cores for place in places) > left:
        return False
    return all(sum(getattr(place, name) for place in places) <= amount for name, amount in amounts_left.items())


def room_for(farm: Farm, job: Job | None) -> Room:
    """What hosts have for a job now: what nobody has, and the places that are held for it; for None, for anybody."""
    room = room_now(farm.hosts_table)
    places = [place for id in farm.places_of_host for place in farm.places_on(farm.hosts[id])]
    own = [place for place in places if job is None or is_for(place, job)]
    if own:
        room = Room(room.whole, room.cores.copy(), {name: column.copy() for name, column in room.amounts.items()})
        for place in own:
            give(room, farm.hosts[place.host_id].row, place)
    return room


def give(room: Room, row: int, place: Redirect, by: int = 1) -> None:
    """Count a place that is held as free in some room, or with -1 as held again."""
    room.cores[row] += by * place.cores
    for name, column in room.amounts.items():
        column[row] += by * getattr(place, name)


def could_use(farm: Farm, target: Target, proc: Proc) -> bool:
    """A frame that waits, of those whom a place is to be for, could run in the place of a run: by its tags and size."""
    host = farm.hosts[proc.host_id]
    table, row = farm.hosts_table, host.row
    cores = int(table.idle_cores[row]) + proc.cores
    amounts = {r.name: int(table.idle[r.name][row]) + getattr(proc, r.name) for r in RESOURCES}
    return any(
        _takes(farm, demand, row, cores, amounts)
        for job in jobs_for(farm, target)
        for demand in farm.ready.demands(job.id)
    )


def _takes(farm: Farm, demand: Demand, row: int, cores: int, amounts: Mapping[str, int]) -> bool:
    return bool(open_mask(farm, demand)[row]) and enough(demand, int(farm.hosts_table.cores[row]), cores, amounts)
