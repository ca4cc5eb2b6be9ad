"""cuefarm.v1 FarmInterface: what the OpenCue interface lacks."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Final

import msgspec

from cuebot.domain.actions import actions_of, arguments_of
from cuebot.domain.bounds import Bounds
from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Host, Layer
from cuebot.domain.states import FrameState
from cuebot.domain.units import SECOND, frame_id
from cuebot.engine.ports import RunHistory
from cuebot.feed import EventFeed
from cuebot.queries.hosts import stopped_hosts
from cuebot.queries.lookup import scope_of
from cuebot.scheduling.explain.fixes import Step
from cuebot.scheduling.explain.frame import FrameExplanation, explain_frame
from cuebot.scheduling.explain.layer import REFUSED_LATELY_US, Explanation, explain_job, explain_layer
from cuebot.scheduling.explain.queue_position import QueuePosition
from cuebot.scheduling.explain.reasons import Reason
from cuebot.scheduling.explain.remedies import Remedy
from cuebot.scheduling.explain.wording import counted, plural
from cuebot.wire.advice import for_people
from cuebot.wire.agents.reports import short_name
from cuebot.wire.call import Call
from cuebot.wire.door_book import Refusal, RefusedAgent
from cuebot.wire.doors import Doors
from cuebot.wire.services.events import Events
from cuebot.wire.services.filter_sets import FilterSets
from cuebot.wire.services.filter_trials import FilterTrials
from cuebot.wire.services.find import Queries
from cuebot.wire.services.job_settings import JobSettings
from cuebot.wire.services.records import Records
from cuebot.wire.services.restore import Restoring
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


class FarmInterface(Records, Queries, Events, JobSettings, Restoring, FilterTrials, FilterSets):
    """What OpenCue has no RPC for.

    `Records` of what was, `Events`, `Queries` in words, `FilterTrials` of what would be, what is changed in
    `FilterSets`, `JobSettings`, `Restoring`; here the rest.
    """

    def __init__(
        self,
        history: RunHistory | None,
        doors: Doors,
        bounds: Bounds,
        feed: EventFeed | None = None,
        *,
        allow_root: bool = False,
    ) -> None:
        Records.__init__(self, history, bounds)
        Events.__init__(self, feed)
        FilterTrials.__init__(self, allow_root=allow_root)
        self._doors = doors

    def _explanation(self, farm: Farm, explanation: Explanation, now_us: int) -> farm_pb2.LayerExplanation:
        message, layer = _explanation(farm, explanation), farm.layers[explanation.layer_id]
        message.reasons.extend(_reason(reason) for reason in self._runs_on_refused(farm, layer, now_us))
        if explanation.ahead is not None:  # frames wait for a host
            message.reasons.extend(_reason(reason) for reason in self._refused_agents())
        return message

    def _refused_agents(self) -> list[Reason]:
        """That machines which could take frames are not let in, as far as they have tried in the last minute.

        Of those whose name is taken the farm itself knows.
        """
        since_s = self._doors.book.clock() - REFUSED_LATELY_US / SECOND
        agents = [
            agent.name or agent.address
            for agent in self._doors.book.refused()
            if agent.last_s >= since_s and agent.why is not Refusal.NAME_TAKEN
        ]
        if not agents:
            return []
        named = ", ".join(sorted(agents)[:AGENTS_NAMED_MAX])
        text = (
            f"{counted(len(agents), 'agent')} {plural(len(agents), 'is', 'are')} refused for want of the token: {named}"
        )
        return [Reason("AGENTS_REFUSED", len(agents), "hosts", text, "`cueadmin -lh` says which, and what to do")]

    def _runs_on_refused(self, farm: Farm, layer: Layer, now_us: int, index: int | None = None) -> list[Reason]:
        """That frames of a layer, or the one at `index`, run on hosts whose agents are not let in any more.

        A host that reported shortly before the refusal has another agent, which is the one that runs them.
        """
        book = self._doors.book
        runs = Counter(farm.procs[id].host_id for i, id in layer.runs.items() if index is None or i == index)
        if not runs:
            return []
        refused = [agent for agent in book.refused() if agent.why is not Refusal.NAME_TAKEN]
        reasons = []
        for host_id, count in runs.most_common(AGENTS_NAMED_MAX):
            host, now_s = farm.hosts[host_id], book.clock()
            agent = next((agent for agent in refused if _is_of(agent, host)), None)
            if agent is None or now_us - (now_s - agent.last_s) * SECOND < host.ping_us + REPORTS_WITHIN_US:
                continue
            text = f"{host.name}, where {counted(count, 'frame')} {plural(count, 'runs', 'run')}, is refused"
            text += f" ({agent.why.value}), so nothing is heard of {plural(count, 'it', 'them')}"
            reasons.append(Reason("AGENT_REFUSED", count, "frames", text, _REMEDIES[agent.why]))
        return reasons

    def GetDoors(self, request: farm_pb2.GetDoorsRequest, call: Call) -> farm_pb2.GetDoorsResponse:
        """Which doors stand open, and which agents were refused lately or came in without a token."""
        book = self._doors.book
        return farm_pb2.GetDoorsResponse(
            opened=sorted(door.value for door in self._doors.opened),
            address=self._doors.address,
            refused=[_refused(agent, book.clock()) for agent in book.refused()],
            without_token=[
                farm_pb2.AgentAtTheDoor(address=address, name=name) for address, name in book.without_token()
            ],
            stopped_hosts=stopped_hosts(call.farm),
        )

    def Explain(self, request: farm_pb2.ExplainRequest, call: Call) -> farm_pb2.ExplainResponse:
        """Why frames of a job, of one layer of it, or one frame, wait."""
        farm, now_us, policies = call.farm, call.engine.now_us(), call.engine.core.policies
        silence = call.engine.core.context(now_us).silence
        scope = scope_of(farm, request.job, request.layer, request.frame)
        job, layer, frame = scope.job, scope.layer, None
        if layer is not None and scope.index is not None:
            missing_us = call.engine.core.settings.missing_run_us
            explained = explain_frame(farm, layer, scope.index, now_us, policies, missing_us, silence)
            refused = self._runs_on_refused(farm, layer, now_us, scope.index)
            if refused:  # what it says of the run is what was heard last
                summary, reasons = refused[0].text, (*refused, *explained.reasons)
                explained = dataclasses.replace(explained, summary=summary, reasons=reasons)
            frame, summary = _frame_explanation(farm, explained), explained.summary
            explanations = [explained.layer or explain_layer(farm, layer, now_us, policies, silence=silence)]
        elif layer is not None:
            explanations = [explain_layer(farm, layer, now_us, policies, silence=silence)]
            summary = explanations[0].summary
        else:
            summary, explanations = explain_job(farm, job, now_us, policies, silence)
        return farm_pb2.ExplainResponse(
            job_id=job.id,
            job_name=job.name,
            summary=for_people(summary),
            layers=[self._explanation(farm, explanation, now_us) for explanation in explanations],
            frame=frame,
        )


AGENTS_NAMED_MAX: Final = 5
REPORTS_WITHIN_US: Final = 15 * SECOND
"""A host that is let in reports more often."""
_REMEDIES: Final = {
    Refusal.NO_TOKEN: "give its `rqd` a copy of the server's token file (--token-file FILE); OpenCue's own agents,"
    " which have none, need a server started with --open agents",
    Refusal.WRONG_TOKEN: "replace the file that its --token-file names by a copy of the server's token file",
    Refusal.NAME_TAKEN: "give one of the two a name of its own (`rqd --name NAME`; OVERRIDE_HOSTNAME in the rqd.conf of"
    " OpenCue's), or delete the host if the other one is gone for good",
}


def _is_of(agent: RefusedAgent, host: Host) -> bool:
    """Whether an agent that is refused is a host's, by the name that it says, or by its address where it says none."""
    if agent.name:
        return agent.name == host.full_name or short_name(agent.name) == host.name
    return agent.address == host.address.rpartition(":")[0].strip("[]")


def _refused(agent: RefusedAgent, now_s: float) -> farm_pb2.RefusedAgent:
    return farm_pb2.RefusedAgent(
        address=agent.address,
        name=agent.name,
        code=agent.why.name,
        why=agent.why.value,
        remedy=_REMEDIES[agent.why],
        count=int32(agent.count),
        last_s=int32(int(now_s - agent.last_s)),
    )


def _explanation(farm: Farm, explanation: Explanation) -> farm_pb2.LayerExplanation:
    layer: Layer = farm.layers[explanation.layer_id]
    return farm_pb2.LayerExplanation(
        layer_id=layer.id,
        layer_name=layer.name,
        waiting_frames=layer.counts[FrameState.WAITING],
        depend_frames=layer.counts[FrameState.DEPEND],
        running_frames=layer.counts[FrameState.RUNNING],
        dead_frames=layer.counts[FrameState.DEAD],
        summary=for_people(explanation.summary),
        reasons=[_reason(reason) for reason in explanation.reasons],
        remedies=[_remedy(remedy) for remedy in explanation.remedies],
        ahead=_ahead(explanation.ahead) if explanation.ahead is not None else None,
        hosts_now=explanation.hosts,
        starts_in_s=_seconds(explanation.starts_in_s),
    )


def _frame_explanation(farm: Farm, explanation: FrameExplanation) -> farm_pb2.FrameExplanation:
    layer: Layer = farm.layers[explanation.layer_id]
    return farm_pb2.FrameExplanation(
        frame_id=frame_id(layer.id, explanation.index),
        frame_name=farm.frame_name(layer, explanation.index),
        number=int(layer.frames.number[explanation.index]),
        state=explanation.state.name,
        summary=for_people(explanation.summary),
        reasons=[_reason(reason) for reason in explanation.reasons],
        place=int32(explanation.place or 0),
        starts_in_s=_seconds(explanation.starts_in_s),
    )


def _reason(reason: Reason) -> farm_pb2.Reason:
    return farm_pb2.Reason(
        code=reason.code,
        count=int32(reason.count),
        counts=reason.counts,
        text=for_people(reason.text),
        remedy=for_people(reason.remedy),
    )


def _remedy(remedy: Remedy) -> farm_pb2.Remedy:
    return farm_pb2.Remedy(
        text=for_people(remedy.text),
        cost=remedy.cost,
        hosts=int32(remedy.hosts),
        frames=int32(remedy.frames),
        steps=[_step(step) for step in remedy.steps],
    )


def _step(step: Step) -> farm_pb2.Step:
    (action,) = actions_of(step.command)
    arguments = msgspec.json.encode(arguments_of(step.command)).decode()
    return farm_pb2.Step(code=step.code, text=for_people(step.text), action=action.name, arguments=arguments)


def _ahead(ahead: QueuePosition) -> farm_pb2.Ahead:
    return farm_pb2.Ahead(
        jobs=int32(ahead.jobs),
        for_minimum=int32(ahead.for_minimum),
        frames=int32(ahead.frames),
        own_frames=int32(ahead.own_frames),
        shows=int32(ahead.shows),
        passing_priority=_seconds(ahead.passing_priority),
        wait_s=_seconds(ahead.wait_s),
    )


def _seconds(value: int | None) -> int | None:
    return None if value is None else int32(value)
