"""Finished jobs leave the farm, and come back, here."""

from __future__ import annotations

import numpy as np

from cuebot.domain import events as ev
from cuebot.domain.apply.depends import hold_by
from cuebot.domain.archive import ArchivedJob, PackedJob, unpack
from cuebot.domain.farm import Farm
from cuebot.domain.indexes import index_depend, index_job, index_layer, index_thing
from cuebot.domain.limit_use import drop_entry
from cuebot.domain.units import Micros


def job_archived(farm: Farm, event: ev.JobArchived, at_us: Micros) -> None:
    """Take a job that may leave out of the farm, for the next commit to keep."""
    job_id = event.job_id
    job = farm.jobs.pop(job_id)
    layers = [farm.layers.pop(id) for id in job.layer_ids]
    depends = [farm.depends.pop(id) for id in sorted(farm.depends_of_job.pop(job_id, ()))]
    comments = [farm.comments.pop(id) for id in sorted(farm.comments_of_job.pop(job_id, ()))]
    overrides = [override for layer in layers for override in farm.frame_marks.take(layer.id)]

    farm.groups[job.group_id].job_ids.discard(job_id)
    of_shot = farm.jobs_of_shot[job.show_id, job.shot]
    of_shot.discard(job_id)
    if not of_shot:
        del farm.jobs_of_shot[job.show_id, job.shot]
    farm.post_jobs.pop(job_id, None)
    if job.parent_id:
        farm.post_jobs[job.parent_id].remove(job_id)
    for layer in layers:
        farm.layer_by_key.pop(layer.key)
        for name in layer.limits:
            drop_entry(farm.limit_use.layers_by_limit, name, layer.id)
        farm.depends_on_layer.pop(layer.id, None)
        farm.dirty.frames.pop(layer.id, None)
        farm.dirty.gone("layer", layer.id)
    for depend in depends:
        farm.depends_on_job[depend.on_job].discard(depend.id)
        if depend.on_layer:
            farm.depends_on_layer[depend.on_layer].discard(depend.id)
        farm.dirty.gone("depend", depend.id)
    farm.depends_on_job.pop(job_id, None)
    for comment in comments:
        farm.dirty.gone("comment", comment.id)
    for override in overrides:
        farm.dirty.gone("display_override", override.id)

    for id in event.older:
        farm.jobs[id].superseded = True
        farm.touched.jobs.add(id)
        farm.dirty.row("job", id)

    farm.touched.jobs.add(job_id)
    farm.touched.comments = farm.touched.comments or bool(comments)
    farm.dirty.gone("job", job_id)
    farm.dirty.archived[job_id] = ArchivedJob(job, layers, depends, comments, overrides)


def job_recalled(farm: Farm, event: ev.JobRecalled, at_us: Micros) -> None:
    """Enter a job into the farm again; what it waited for and is not there any more is forgotten."""
    archived = unpack(PackedJob(event.summary, event.rest))
    job = archived.job
    job.group_id = event.group_id
    job.facility_id = event.facility_id
    job.superseded = event.superseded
    job.recalled_us = at_us
    index_job(farm, job)
    for layer, key in zip(archived.layers, event.layer_keys, strict=True):
        layer.key = key
        index_layer(farm, layer)
        farm.dirty.row("layer", layer.id)
        farm.dirty.frames[layer.id].append(np.arange(len(layer.frames), dtype=np.int32))
    for depend in archived.depends:
        if depend.on_job in farm.jobs:
            index_depend(farm, depend)
            farm.dirty.row("depend", depend.id)
            if depend.active:
                hold_by(farm, depend, +1, at_us)
    for comment in archived.comments:
        index_thing(farm, "comment", comment)
        farm.dirty.row("comment", comment.id)
    for override in archived.display_overrides:
        index_thing(farm, "display_override", override)
        farm.dirty.row("display_override", override.id)

    farm.touched.jobs.add(job.id)
    farm.touched.comments = farm.touched.comments or bool(archived.comments)
    farm.dirty.row("job", job.id)
    farm.dirty.archived.pop(job.id, None)
    farm.dirty.recalled[job.id] = None
