"""cuefarm.v1 FarmInterface: what the OpenCue interface lacks."""

from __future__ import annotations

from typing import Any

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState
from cuebot.scheduling.explain import Explanation, explain_job, explain_layer
from cuebot.wire.call import Call
from cuebot.wire.values import int32
from cuefarm_proto import farm_pb2


class FarmInterface:
    """Questions about the farm."""

    def Explain(self, request: Any, call: Call) -> Any:
        """Why frames of a job, or of one layer of it, wait."""
        farm, now_us = call.farm, call.engine.now_us()
        job: Job = farm.jobs.get(request.job) or farm.job_named(request.job)
        if request.layer:
            found = farm.layers.get(request.layer)
            layer = found if found is not None and found.job_id == job.id else farm.layer_named(job, request.layer)
            explained = explain_layer(farm, layer, now_us, call.engine.core.policies)
            summary, explanations = explained.summary, [explained]
        else:
            summary, explanations = explain_job(farm, job, now_us, call.engine.core.policies)
        return farm_pb2.ExplainResponse(
            job_id=job.id,
            job_name=job.name,
            summary=summary,
            layers=[_explanation(farm, explanation) for explanation in explanations],
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
        summary=explanation.summary,
        reasons=[
            farm_pb2.Reason(code=r.code, count=int32(r.count), counts=r.counts, text=r.text, remedy=r.remedy)
            for r in explanation.reasons
        ],
    )
