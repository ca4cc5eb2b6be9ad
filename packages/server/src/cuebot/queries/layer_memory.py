"""What layers of one name needed of memory, job by job."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cuebot.domain.nouns import Job, Layer
from cuebot.queries.units import in_seconds

PERCENTILE = 95


class LayerMemoryRow(NamedTuple):
    """What the frames of a layer needed; frames that have not run do not count."""

    job: str
    layer: str
    show: str
    ended_s: int
    """When the job ended, or of one that has not, when a frame of the layer did last."""
    max_rss_kib: int
    reserved_kib: int
    """What the layer asks for."""
    frames: int
    mean_kib: int
    p95_kib: int
    """95 % of the frames needed no more."""


def layer_memory_row(job: Job, layer: Layer, show: str) -> LayerMemoryRow | None:
    """A layer as a row; None where no frame of it has said what it needs."""
    used = layer.frames.max_rss_kib[layer.frames.max_rss_kib > 0]
    if not len(used):
        return None
    return LayerMemoryRow(
        job=job.name,
        layer=layer.name,
        show=show,
        ended_s=in_seconds(job.stopped_us or layer.last_stop_us),
        max_rss_kib=int(used.max()),
        reserved_kib=layer.min_memory,
        frames=len(used),
        mean_kib=int(used.mean()),
        p95_kib=int(np.percentile(used, PERCENTILE, method="higher")),
    )
