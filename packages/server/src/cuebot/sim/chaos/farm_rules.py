"""The checker's own idea of what a booking may take: caps, limits, and what a host has and may be used for.

Only what became durable is read, so nothing here comes from the server's counters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cuebot.sim.chaos.ground_truth import Violation
from cuebot.sim.chaos.waits import FrameKey

Values = dict[str, Any]


@dataclass(slots=True)
class Run:
    """A booking that has not ended."""

    key: FrameKey
    job_id: str
    host_id: str
    cores: int
    memory: int
    gpus: int
    gpu_memory: int
    alone: bool = False
    """Nothing may run beside it."""
    booked_us: int = 0


def check_host(run: Run, layer: Values, job: Values, host: Values, things: dict[str, Values]) -> None:
    """A frame was given a host that it may use. Raises Violation."""
    name = f"frame {run.key} of {job['name']} is booked on {host['name']}"
    if host["lock"] or host["state"] or host["removed"]:
        raise Violation(f"{name}, which is locked or not up")
    if host["facility_id"] != job["facility_id"]:
        raise Violation(f"{name}, in another facility")
    if job["os"] and job["os"].lower() not in {os.lower() for os in host["os"]}:
        raise Violation(f"{name}, which has no {job['os']}")
    known = {thing["name"] for thing in things.values() if "min_memory_increase" in thing}
    asked = {tag.lower() for tag in layer["tags"]} | {s.lower() for s in layer["services"] if s not in known}
    allocation_tags = things[host["allocation_id"]]["tag"].split(",")
    has = {*host["manual_tags"], *host["hardware_tags"], host["name"], *allocation_tags}
    if not asked & {tag.strip().lower() for tag in has}:
        raise Violation(f"{name}, which has none of the tags {sorted(asked)}")
    if _subscription(things, job["show_id"], host["allocation_id"]) is None:
        raise Violation(f"{name}, to which its show has no subscription")
    if run.gpus < layer["min_gpus"] or host["gpu_memory"] < layer["min_gpu_memory"]:
        raise Violation(f"{name}, which has not the GPUs for it")
    wanted = layer["min_cores"] if layer["min_cores"] > 0 else host["cores"] + layer["min_cores"]
    if not 0 < wanted == run.cores:
        raise Violation(f"{name} with {run.cores} core units, and asks for {wanted}")
    if run.gpu_memory != layer["min_gpu_memory"]:
        raise Violation(f"{name} with {run.gpu_memory} KiB of GPU memory, and asks for {layer['min_gpu_memory']}")
    if run.memory < layer["min_memory"]:
        raise Violation(f"{name} with {run.memory} KiB, and asks for {layer['min_memory']}")


def check_room(host: Values, runs: Iterable[Run]) -> None:
    """What a host's runs hold is there. Raises Violation."""
    runs = list(runs)
    if len(runs) > 1 and any(run.alone for run in runs):
        raise Violation(f"{len(runs)} runs are booked on {host['name']}, and one of them is to be alone")
    for what in ("cores", "memory", "gpus", "gpu_memory"):
        used = sum(getattr(run, what) for run in runs)
        if used > host[what]:
            raise Violation(f"the runs on {host['name']} hold {what} {used} of {host[what]}")


def check_caps(
    job: Values,
    allocation_ids: set[str],
    runs: Iterable[Run],
    jobs: dict[str, Values],
    things: dict[str, Values],
    *,
    fresh_gpus: int,
) -> None:
    """After a booking, what is held is within the job's and the group's maximums and the show's bursts."""
    by_job: dict[str, int] = defaultdict(int)
    by_group: dict[str, int] = defaultdict(int)
    gpus: dict[str, int] = defaultdict(int)
    by_subscription: dict[tuple[str, str], int] = defaultdict(int)
    for run in runs:
        values = jobs[run.job_id]
        by_job[run.job_id] += run.cores
        by_group[values["group_id"]] += run.cores
        gpus[run.job_id] += run.gpus
        gpus[values["group_id"]] += run.gpus
        by_subscription[values["show_id"], things[run.host_id]["allocation_id"]] += run.cores
    group = things[job["group_id"]]
    caps = [("job " + job["name"], by_job[job["id"]], job["max_cores"])]
    caps.append(("group " + group["name"], by_group[group["id"]], group["max_cores"]))
    for allocation_id in allocation_ids:
        subscription = _subscription(things, job["show_id"], allocation_id)
        if subscription is not None:
            used = by_subscription[job["show_id"], allocation_id]
            caps.append(("the burst of the show", used, subscription["burst"]))
    for what, used, most in caps:
        if 0 <= most < used:
            raise Violation(f"a booking takes {what} to {used} core units of {most}")
    for holder in (job, group) if fresh_gpus else ():
        if 0 <= holder["max_gpus"] < gpus[holder["id"]]:
            raise Violation(f"a booking takes {holder['name']} to {gpus[holder['id']]} GPUs of {holder['max_gpus']}")


def check_limits(
    layer: Values, before: Iterable[Run], fresh: Iterable[Run], layers: dict[str, Values], things: dict[str, Values]
) -> None:
    """After fresh bookings of a layer, every limit that it names holds, by runs or by hosts. Raises Violation.

    A host that holds a limit by host may always take more.
    """
    if not layer["limits"]:
        return
    before = list(before)
    new_hosts = [run.host_id for run in fresh]
    for limit in things.values():
        if "max_value" not in limit or limit["name"] not in layer["limits"] or limit["enforcement"]:
            continue
        hosts = [run.host_id for run in before if limit["name"] in layers[run.key[0]]["limits"]]
        most = limit["max_value"]
        if limit["per_host"]:
            grows = bool(set(new_hosts) - set(hosts)) or not most
            used = len({*hosts, *new_hosts}) if grows else 0
            most = most if limit["soft_value"] < 0 else min(most, limit["soft_value"])
        else:
            used = len(hosts) + len(new_hosts)
        if used > most:
            what = "hosts" if limit["per_host"] else "frames"
            raise Violation(f"a booking takes limit {limit['name']} to {used} {what} of {most}")


def _subscription(things: dict[str, Values], show_id: str, allocation_id: str) -> Values | None:
    for thing in things.values():
        if "burst" in thing and (thing["show_id"], thing["allocation_id"]) == (show_id, allocation_id):
            return thing
    return None
