"""Jobs as messages."""

from __future__ import annotations

from opencue_proto import job_pb2

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Job
from cuebot.wire.messages.layers import usage_fields
from cuebot.wire.values import cores, int32, time_s


def job_message(farm: Farm, job: Job, commented: set[str]) -> job_pb2.Job:
    """A job with its statistics; `commented` has the ids of the jobs that have comments."""
    submitted_s = time_s(job.submitted_us)
    message = job_pb2.Job(
        id=job.id,
        state=int(job.state),
        name=job.name,
        shot=job.shot,
        show=farm.shows[job.show_id].name,
        user=job.user,
        group=farm.groups[job.group_id].name,
        facility=farm.facilities[job.facility_id].name,
        os=job.os,
        priority=int32(job.priority),
        min_cores=cores(job.min_cores),
        max_cores=cores(job.max_cores),
        min_gpus=job.min_gpus,
        max_gpus=job.max_gpus,
        log_dir=job.log_dir,
        is_paused=job.paused,
        has_comment=job.id in commented,
        auto_eat=job.auto_eat,
        start_time=submitted_s,
        stop_time=time_s(job.stopped_us),
        eligible_time=submitted_s,
        job_stats=job_pb2.JobStats(
            total_layers=len(job.layer_ids),
            reserved_cores=cores(job.reserved_cores),
            reserved_gpus=job.reserved_gpus,
            **usage_fields(job.counts, farm.layers_of(job)),
        ),
    )
    if job.uid is not None:
        message.uid = job.uid
    return message
