"""What an agent is told: run this, end that. Plain values; the wire turns them into messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from cuebot.domain.bounds import STORED_BOUNDS
from cuebot.domain.farm import Farm
from cuebot.domain.frame_command import expand_command, frame_environment, layer_environment
from cuebot.domain.frame_set import FrameNumbers, chunk_frames, parse_frame_set
from cuebot.domain.nouns import Host, Layer, Proc
from cuebot.domain.units import SECOND, CoreUnits, KiB, frame_id


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host's agent answers."""

    host_id: str
    host_name: str
    target: str
    """`host:port`."""
    ours: bool
    """It keeps the promises of docs/reference/agent-protocol.md."""
    instance: str = ""
    """Which of our agents is meant: another one may answer under the host's name."""
    machine: str = ""
    """Where its reports come from: agents of one machine share what it can take in at a time."""


class RunLimits(NamedTuple):
    """What a run may not exceed; our agents keep that. 0 is none."""

    run_s: int
    silence_s: int
    start_s: int
    memory: KiB


class LaunchRequest(NamedTuple):
    """Everything that a host needs to run one frame once. A tuple, because thousands are made in a moment."""

    run_id: str
    job_id: str
    job_name: str
    frame_id: str
    frame_name: str
    layer_id: str
    command: str
    environment: dict[str, str]
    user: str
    uid: int | None
    log_dir: str
    show: str
    shot: str
    os: str
    cores: CoreUnits
    memory: KiB
    gpus: int
    soft_memory: KiB
    hard_memory: KiB
    """All its processes together may not hold more."""
    limits: RunLimits


class LimitsRequest(NamedTuple):
    """What a run may not exceed from now on."""

    run_id: str
    limits: RunLimits


@dataclass(frozen=True, slots=True)
class KillRequest:
    """End one run."""

    run_id: str
    frame_id: str
    message: str


AGENT_PORT = 8444


LIMITING_FIELDS: Final = frozenset({"timeout_minutes", "timeout_llu_minutes", "min_memory"})
"""Fields of a layer from which its runs have their limits."""


def address_of(host: Host) -> Address:
    """The address that the host named, otherwise its name and the port that upstream's agents use."""
    target = host.address or f"{host.name}:{AGENT_PORT}"
    return Address(host.id, host.name, target, bool(host.agent), host.instance, host.peer or target)


def launch_requests(farm: Farm, procs: Iterable[Proc]) -> list[LaunchRequest]:
    """The orders that start runs, in their order. What frames of a layer share is made once."""
    layers: dict[str, _LayerRequests] = {}
    made = []
    for proc in procs:
        orders = layers.get(proc.layer_id)
        if orders is None:
            orders = layers[proc.layer_id] = _LayerRequests(farm, farm.layers[proc.layer_id])
        made.append(orders.order(proc))
    return made


class _LayerRequests:
    """Makes the orders for runs of one layer."""

    def __init__(self, farm: Farm, layer: Layer) -> None:
        self.farm, self.layer = farm, layer
        self.job = job = farm.jobs[layer.job_id]
        self.show = farm.shows[job.show_id].name
        self.soft_memory = KiB(layer.min_memory * 16 // 10)
        self.environment = layer_environment(
            job.env,
            layer.env,
            show=self.show,
            shot=job.shot,
            user=job.user,
            job=job.name,
            job_id=job.id,
            layer=layer.name,
            layer_id=layer.id,
            range_text=layer.range_text,
            chunk=layer.chunk,
            log_directory=job.log_dir,
            gpu_memory_kib=layer.min_gpu_memory,
            threadable=layer.threadable,
        )

    def order(self, proc: Proc) -> LaunchRequest:
        layer, job, index = self.layer, self.job, proc.frame_index
        number = int(layer.frames.number[index])
        name = self.farm.frame_name(layer, index)
        id = frame_id(layer.id, index)
        limits = run_limits(self.farm, layer, proc)
        environment = frame_environment(
            self.environment,
            frame_name=name,
            frame_id=id,
            frame_number=number,
            attempt=int(layer.frames.attempts[index]),
            cores_centicores=proc.cores,
            memory_kib=proc.memory,
            gpus=proc.gpus,
        )
        return LaunchRequest(
            run_id=proc.id,
            job_id=job.id,
            job_name=job.name,
            frame_id=id,
            frame_name=name,
            layer_id=layer.id,
            command=self._command(number, name),
            environment=environment,
            user=job.user,
            uid=job.uid,
            log_dir=job.log_dir,
            show=self.show,
            shot=job.shot,
            os=job.os,
            cores=proc.cores,
            memory=proc.memory,
            gpus=proc.gpus,
            soft_memory=self.soft_memory,
            hard_memory=limits.memory,
            limits=limits,
        )

    def _command(self, number: int, name: str) -> str:
        layer = self.layer
        return expand_command(
            layer.command,
            frame_number=number,
            frame_name=name,
            layer=layer.name,
            job=self.job.name,
            chunk=layer.chunk,
            chunk_frames=chunk_frames(_range(layer.range_text), layer.chunk, number) if layer.chunk > 1 else [number],
        )


def run_limits(farm: Farm, layer: Layer, proc: Proc) -> RunLimits:
    """What a run of a layer may not exceed: never less memory than it has reserved."""
    memory = KiB(max(layer.min_memory * 2, proc.memory))
    start_s = farm.settings.frame_start_us // SECOND
    return RunLimits(layer.timeout_minutes * 60, layer.timeout_llu_minutes * 60, start_s, memory)


def limits_requests(farm: Farm, run_ids: Iterable[str]) -> list[LimitsRequest]:
    """The limits of runs, as they are now."""
    procs = [farm.procs[id] for id in run_ids]
    return [LimitsRequest(proc.id, run_limits(farm, farm.layers[proc.layer_id], proc)) for proc in procs]


def kill_request(proc: Proc) -> KillRequest:
    """The order that ends a run."""
    return KillRequest(proc.id, frame_id(proc.layer_id, proc.frame_index), proc.kill_message or "killed")


@lru_cache(maxsize=256)
def _range(text: str) -> FrameNumbers:
    return parse_frame_set(text, STORED_BOUNDS)
