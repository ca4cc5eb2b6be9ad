"""Reads what became durable, event by event, and holds it against its own idea of the rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from cuebot.domain import events as ev
from cuebot.domain.farm import Farm
from cuebot.domain.states import Cause, DependType, Exit, FrameState, JobState
from cuebot.domain.units import MINUTE, SECOND
from cuebot.engine.ports import Recorded
from cuebot.sim.chaos.farm_rules import Run, check_caps, check_host, check_limits, check_room
from cuebot.sim.chaos.ground_truth import GroundTruth, Process, Violation
from cuebot.sim.chaos.host_ends import HostEnds
from cuebot.sim.chaos.random_specs import NO_LICENCE
from cuebot.sim.chaos.waits import FrameKey, LayerShape, Need, Wait, needs_of

OPERATOR = "operator"
"""The actor of commands that may do what the rules alone would not."""


NOT_CHARGED: Final = frozenset({286, 299, 301, 399, 500})
"""Exit statuses after which the next start costs no retry; after 500 a person wanted it."""
RETRIED: Final = 500
_AGENTS_DOING: Final = frozenset({Cause.LEASE, Cause.SHUTDOWN})
TOO_SOON_US: Final = MINUTE
"""A message may be late by half a minute, so the server cannot know better when a run began."""
OWN_DOING_MOST: Final = 5 + 3 + 3 + 1
"""Free starts, retries, and those for the sake of more memory; and a person may have raised the retries meanwhile."""


@dataclass(slots=True)
class JobFacts:
    """What the checker knows of a job."""

    values: dict[str, Any]
    layer_ids: list[str]
    finished_seq: int = 0


@dataclass(slots=True)
class InvariantChecker:
    """The farm's history so far, as far as promises depend on it."""

    ground_truth: GroundTruth
    jobs: dict[str, JobFacts] = field(default_factory=dict)
    layers: dict[str, LayerShape] = field(default_factory=dict)
    layer_values: dict[str, dict[str, Any]] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Stored values of shows, groups, subscriptions, hosts ... by id."""
    runs: dict[str, Run] = field(default_factory=dict)
    succeeded: set[FrameKey] = field(default_factory=set)
    """Frames that succeeded since they were last retried."""
    eaten: set[FrameKey] = field(default_factory=set)
    done: set[FrameKey] = field(default_factory=set)
    """Frames that succeeded and that nobody gave a reason to run again."""
    bookings: int = 0
    _own_doing: Counter[FrameKey] = field(default_factory=Counter)
    """How often a frame has failed, or asked for another start, since a person last retried it."""
    host_ends: HostEnds = field(init=False)
    _seq: int = 0
    _at_us: int = 0
    _by_er: dict[FrameKey, list[tuple[Wait, int]]] = field(default_factory=lambda: defaultdict(list))
    _by_on: dict[FrameKey, list[tuple[Wait, int]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.host_ends = HostEnds(self.ground_truth)

    def read(self, history: list[Recorded]) -> None:
        """Take in events in their order. Raises Violation."""
        for recorded in history:
            self._seq, self._at_us = recorded.seq, recorded.at_us
            self._read(recorded.event, by_hand=recorded.envelope.actor == OPERATOR)

    def _read(self, event: ev.Event, *, by_hand: bool) -> None:
        match event:
            case ev.Added() | ev.Changed() | ev.Removed():
                self._read_thing(event)
            case ev.JobLaunched(job=job, layers=layers):
                self._job_launched(job, layers)
            case ev.JobFinished(job_id=job_id):
                self.jobs[job_id].values["state"] = JobState.FINISHED
                self.jobs[job_id].finished_seq = self._seq
            case ev.JobReopened(job_id=job_id):
                self.jobs[job_id].values["state"] = JobState.PENDING
            case ev.JobRecalled(job_id=job_id, group_id=group_id, facility_id=facility_id):
                self.jobs[job_id].values.update(group_id=group_id, facility_id=facility_id)
            case ev.RunsBooked():
                self._runs_booked(event)
            case ev.RunEnded():
                self.ground_truth.run_lost(event.run_id, event.cause, self._at_us)
                self._check_outcome_kept(event, by_hand=by_hand)
                self._run_ended(event)
            case ev.EndedWithHost():
                self.host_ends.told(event, self._at_us)
            case ev.FramesEaten(layer_id=layer_id, indices=indices):
                keys = {(layer_id, index) for index in indices.tolist()}
                self.eaten |= keys - self.succeeded
            case ev.FramesRetried(layer_id=layer_id, indices=indices):
                self._frames_retried([(layer_id, index) for index in indices.tolist()])
            case _:
                self._read_depend(event, by_hand=by_hand)

    def _read_thing(self, event: ev.Added | ev.Changed | ev.Removed) -> None:
        match event:
            case ev.Added(values=values):
                self.things[values["id"]] = dict(values)
            case ev.Changed(kind="job", id=id, changes=changes):
                self.jobs[id].values.update(changes)
            case ev.Changed(kind="layer", id=id, changes=changes):
                self.layer_values[id].update(changes)
            case ev.Changed(id=id, changes=changes):
                self.things[id].update(changes)
            case ev.Removed(kind="host", id=id):
                self.things[id]["removed"] = True
            case ev.Removed(id=id):
                del self.things[id]

    def _read_depend(self, event: ev.Event, *, by_hand: bool) -> None:
        match event:
            case ev.DependAdded(values=values, satisfied_pairs=pairs):
                self._depend_added(values, pairs.tolist())
            case ev.DependSatisfied(depend_id=id):
                self._close(self.waits[id], list(self.waits[id].open), by_hand=by_hand)
            case ev.DependPairsSatisfied(depend_id=id, pairs=pairs):
                self._close(self.waits[id], pairs.tolist(), by_hand=by_hand)
            case ev.DependUnsatisfied(depend_id=id, pairs=pairs):
                wait = self.waits[id]
                wait.by_hand = wait.by_hand or pairs is None  # a retry that follows says otherwise
                self._open(wait, range(len(wait.needs)) if pairs is None else pairs.tolist())
            case ev.FramesReleased(layer_id=layer_id, indices=indices):
                for index in indices.tolist():
                    for wait, place in self._by_er[layer_id, index]:
                        if place in wait.open:
                            wait.open.discard(place)
                            wait.released.add(place)
            case _:
                pass

    # --- runs -----------------------------------------------------------------------------------------------------

    def _job_launched(self, job: dict[str, Any], layers: list[dict[str, Any]]) -> None:
        self.jobs[job["id"]] = JobFacts(dict(job), [values["id"] for values in layers])
        for values in layers:
            self.layers[values["id"]] = LayerShape.of(values)
            self.layer_values[values["id"]] = dict(values)

    def _runs_booked(self, event: ev.RunsBooked) -> None:
        job_id = self.layers[event.layer_id].job_id
        job = self.jobs[job_id].values
        if job["state"] is not JobState.PENDING or job["paused"]:
            raise Violation(f"frames of {job['name']} are booked, but it is {job['state'].name} or paused")
        show, layer = self.things[job["show_id"]], self.layer_values[event.layer_id]
        if not (show["active"] and show["booking_enabled"] and show["dispatch_enabled"]):
            raise Violation(f"frames of {job['name']} are booked, but show {show['name']} books nothing")
        if layer["start_after_us"] > self._at_us:
            raise Violation(f"frames of {job['name']}/{layer['name']} are booked before they may start")
        before = list(self.runs.values())
        for place, index in enumerate(event.indices.tolist()):
            key = (event.layer_id, index)
            self._may_start(key)
            cores, memory, gpus = event.cores[place], event.memory[place], event.gpus[place]
            gpu_memory = event.gpu_memory[place] if event.gpu_memory else 0
            alone = self.host_ends.is_alone(key)
            run = Run(key, job_id, event.host_ids[place], cores, memory, gpus, gpu_memory, alone, self._at_us)
            check_host(run, layer, job, self.things[run.host_id], self.things)
            self.runs[event.run_ids[place]] = run
            self.bookings += 1
        runs = self.runs.values()
        for host_id in dict.fromkeys(event.host_ids):
            check_room(self.things[host_id], (run for run in runs if run.host_id == host_id))
        jobs = {id: facts.values for id, facts in self.jobs.items()}
        allocation_ids = {self.things[id]["allocation_id"] for id in event.host_ids}
        check_caps(job, allocation_ids, runs, jobs, self.things, fresh_gpus=sum(event.gpus))
        fresh = [self.runs[run_id] for run_id in event.run_ids]
        check_limits(layer, before, fresh, self.layer_values, self.things)

    def _may_start(self, key: FrameKey) -> None:
        if any(run.key == key for run in self.runs.values()):
            raise Violation(f"frame {key} is booked although its last run has not ended")
        if key in self.done:
            raise Violation(f"frame {key} has succeeded and is booked again although nobody asked for it")
        for wait, place in self._by_er[key]:
            if place in wait.open:
                raise Violation(f"frame {key} is booked although its {wait.type.name} {wait.id} holds it")

    def _run_ended(self, event: ev.RunEnded) -> None:
        run = self.runs.pop(event.run_id)
        key = run.key
        self.host_ends.ended(event, run, self._at_us)
        self._check_fault(event)
        self._count_own_doing(key, event)
        if event.run_us > self._at_us - event.booked_us:
            raise Violation(f"run {event.run_id} is said to have taken longer than there was time since it was booked")
        if event.state is FrameState.SUCCEEDED:
            if self.ground_truth.exits.get(event.run_id) != 0:
                raise Violation(f"run {event.run_id} has succeeded in the books, but not in truth")
            self.succeeded.add(key)
            if not any(place in wait.open for wait, place in self._by_er[key]):
                self.done.add(key)  # one that came to wait for something while it ran, runs again
        elif event.state is FrameState.EATEN:
            self.eaten.add(key)
        elif event.state is not None:
            self.eaten.discard(key)

    def _check_fault(self, event: ev.RunEnded) -> None:
        """A run that the farm could not start is never held against its frame; one over time was really over it."""
        if event.cause is Cause.REFUSED and event.state is not None and event.exit_status not in NOT_CHARGED:
            raise Violation(f"run {event.run_id} was refused, and its frame pays for it")
        process = self.ground_truth.processes.get(event.run_id)
        if process is None:
            return
        is_claimed = any(thing.get("exit_status") == NO_LICENCE for thing in self.things.values())
        found_none = process.exit_status == NO_LICENCE and event.exit_signal == 0 and event.cause is Cause.EXITED
        if is_claimed and found_none and event.state is FrameState.DEAD and not event.with_host:
            raise Violation(f"run {event.run_id} found no licence, and its frame is dead")
        paid = event.state is not FrameState.WAITING or event.exit_status not in NOT_CHARGED
        paid = paid and event.state is not None
        if process.farms_fault and not process.upstream and paid:
            raise Violation(f"run {event.run_id} was not started by the farm's fault, and its frame pays for it")
        if process.cause in _AGENTS_DOING and paid and event.cause is process.cause:
            raise Violation(f"run {event.run_id} was ended by its agent, and its frame pays for it")
        if process.with_host and paid and event.state is FrameState.WAITING:
            raise Violation(f"run {event.run_id} ended with its host, and its frame pays for it")
        if event.cause in (Cause.TIMEOUT, Cause.SILENT):
            layer = self.layer_values[event.layer_id]
            silent = event.cause is Cause.SILENT
            minutes = layer["timeout_llu_minutes" if silent else "timeout_minutes"]
            ran_us = process.ran_us(self._at_us)
            if not minutes or ran_us < minutes * MINUTE - TOO_SOON_US or (silent and not process.silent):
                raise Violation(f"run {event.run_id} is over by {event.cause.name} after {ran_us // SECOND} s")
            if event.state not in (None, FrameState.DEAD, FrameState.EATEN) and event.exit_status != RETRIED:
                raise Violation(f"run {event.run_id} took too long, and its frame is tried again")

    def _check_outcome_kept(self, event: ev.RunEnded, *, by_hand: bool) -> None:
        """What ended by itself on a host of ours stands in its book: it is over by that, whoever was dead meanwhile.

        Nobody tells of it in time whose host was silent for its lease; and disks are lost.
        """
        process = self.ground_truth.processes.get(event.run_id)
        if (
            process is None
            or process.upstream
            or process.unheard
            or by_hand
            or event.run_id not in self.ground_truth.exits
        ):
            return
        if event.cause not in (Cause.HOST_LOST, Cause.NEVER_RECEIVED) or process.with_host:
            return
        lease_us = self.things[event.host_id]["lease_us"]
        if self.ground_truth.silence_us(process.host, self._at_us) < lease_us:
            raise Violation(f"run {event.run_id} has ended, and is over by {event.cause.name} in the books")

    def goes_on(self, process: Process) -> None:
        """A process that stood still goes on: so its run is not over, as far as is durable. Raises Violation."""
        run_id = process.order.run_id
        if run_id not in self.runs:
            raise Violation(f"run {run_id} goes on on {process.host}, and is over in the books")

    def _count_own_doing(self, key: FrameKey, event: ev.RunEnded) -> None:
        """What a frame does by itself, charged or not, it does a bounded number of times until a person helps it."""
        if event.exit_status == RETRIED:
            self._own_doing[key] = 0
        elif event.state is FrameState.WAITING and event.cause in (Cause.EXITED, Cause.LAUNCH_FAILED):
            process = self.ground_truth.processes.get(event.run_id)
            if process is None or process.exit_signal in (9, 15):
                return  # somebody ended it
            if process.upstream and event.exit_status == Exit.SKIP_RETRY:
                return  # perhaps its host's owner has returned
            if process.exit_status == NO_LICENCE and event.exit_status == Exit.SKIP_RETRY:
                return  # its layer waits for a licence, however long
            self._own_doing[key] += 1
            if self._own_doing[key] > OWN_DOING_MOST:
                raise Violation(f"frame {key} has failed {self._own_doing[key]} times and is tried again")

    def _frames_retried(self, keys: list[FrameKey]) -> None:
        for key in keys:
            self._own_doing[key] = 0
            self.host_ends.begins_anew(key)
            self.succeeded.discard(key)
            self.eaten.discard(key)
            self.done.discard(key)
            for wait, place in self._by_on[key]:
                if wait.holds_again_on_retry and place not in wait.open and place not in wait.released:
                    raise Violation(f"frame {key} is retried, and {wait.type.name} {wait.id} on it does not hold again")
                if wait.type is not DependType.FRAME_BY_FRAME:
                    wait.by_hand = False

    # --- depends --------------------------------------------------------------------------------------------------

    def _depend_added(self, values: dict[str, Any], satisfied: list[int]) -> None:
        wait = Wait(values["id"], values["type"], needs_of(values, self.layers, self._layers_of_job()))
        self.waits[wait.id] = wait
        for place, need in enumerate(wait.needs):
            self._by_er[need.er].append((wait, place))
            for key in need.frames:
                self._by_on[key].append((wait, place))
        closed = satisfied if values["active"] else range(len(wait.needs))
        for place in closed:
            self._must_be_met(wait, wait.needs[place])
        self._open(wait, [place for place in range(len(wait.needs)) if place not in set(closed)])

    def _layers_of_job(self) -> dict[str, list[str]]:
        return {id: facts.layer_ids for id, facts in self.jobs.items()}

    def _open(self, wait: Wait, places: Any) -> None:
        wait.opened_seq = self._seq
        for place in places:
            wait.open.add(place)
            wait.released.discard(place)
            self.done.discard(wait.needs[place].er)

    def _close(self, wait: Wait, places: list[int], *, by_hand: bool) -> None:
        for place in places:
            if not by_hand:
                self._must_be_met(wait, wait.needs[place])
            wait.open.discard(place)
        if not wait.open:
            wait.by_hand = False

    def _must_be_met(self, wait: Wait, need: Need) -> None:
        if need.job:
            met = self.jobs[need.job].finished_seq > 0
        else:
            ended = self.succeeded | self.eaten
            met = need.frames <= ended or (need.any and bool(need.frames & ended))
        if not met:
            raise Violation(f"{wait.type.name} {wait.id} lets frame {need.er} go before what it waits for has ended")

    # --- at the end -----------------------------------------------------------------------------------------------

    def check_held(self, farm: Farm) -> None:
        """Every DEPEND frame of a pending job waits for something that has really not happened. Raises Violation."""
        states = {
            (layer.id, index): FrameState(state)
            for layer in farm.layers.values()
            for index, state in enumerate(layer.frames.state.tolist())
        }
        for key, state in states.items():
            job = self.jobs[self.layers[key[0]].job_id].values
            if state is not FrameState.DEPEND or job["state"] is not JobState.PENDING:
                continue
            holding = [(wait, wait.needs[place]) for wait, place in self._by_er[key] if place in wait.open]
            if not any(self._still_waits(wait, need, states) for wait, need in holding):
                raise Violation(f"frame {key} of {job['name']} waits for nothing that is still to come")

    def _still_waits(self, wait: Wait, need: Need, states: dict[FrameKey, FrameState]) -> bool:
        if wait.by_hand:
            return True
        if need.job:
            return self.jobs[need.job].finished_seq < wait.opened_seq
        return any(states[key] is not FrameState.SUCCEEDED for key in need.frames)
