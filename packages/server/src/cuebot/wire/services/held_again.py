"""Frames that were done, or run, and are held by a depend from now on: they run once more when it lets them go."""

from __future__ import annotations

from cuebot.domain.depends import SHAPES
from cuebot.domain.farm import Farm
from cuebot.domain.frames import IndexArray
from cuebot.domain.nouns import Layer
from cuebot.domain.states import FrameState
from cuebot.wire.call import Call


class HeldAgain:
    """Remembers what was done on the side that is to wait, and warns of what is not any more."""

    def __init__(self, farm: Farm, job_id: str, layer_id: str | None) -> None:
        layers = [farm.layers[layer_id]] if layer_id else farm.layers_of(farm.jobs[job_id])
        self._before: list[tuple[Layer, IndexArray, IndexArray]] = [
            (layer, layer.frames.in_state(FrameState.SUCCEEDED), _held_runs(layer)) for layer in layers
        ]

    def warn(self, call: Call) -> None:
        """One warning a layer, with the numbers of its frames."""
        for layer, done, runs in self._before:
            again = int((layer.frames.state[done] == FrameState.DEPEND).sum())
            running = len(_held_runs(layer)) - len(runs)
            told = [f"{count} {detail}" for count, detail in ((again, "done"), (running, "running")) if count > 0]
            if told:
                count = again + max(running, 0)
                frames = "frame" if count == 1 else "frames"
                detail = f"{' and '.join(told)} {frames} of layer {layer.name} will run once more"
                call.warnings.append(
                    f"{detail}, when what {'it now depends' if count == 1 else 'they now depend'} on is done"
                )


def before_depend(farm: Farm, er_job: str, er_layer: str | None) -> HeldAgain:
    """What is done of the side that is to wait. Raises NotFound."""
    farm.get("job", er_job)
    return HeldAgain(farm, er_job, er_layer)


def before_unsatisfy(farm: Farm, depend_id: str) -> HeldAgain:
    """What is done of the side of a depend that is to hold again. Raises NotFound."""
    depend = farm.get("depend", depend_id)
    return HeldAgain(farm, depend.er_job, depend.er_layer if SHAPES[depend.type].er != "job" else None)


def _held_runs(layer: Layer) -> IndexArray:
    """Running frames that a depend holds: they cannot be done when they end."""
    running = layer.frames.in_state(FrameState.RUNNING)
    return running[layer.frames.depend_count[running] > 0]
