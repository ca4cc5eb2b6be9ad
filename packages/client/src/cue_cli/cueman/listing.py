"""What cueman shows: frames, layers, procs and jobs."""

from __future__ import annotations

import sys
from typing import Any, Dict, List

from cue_cli.cueadmin import output, records
from cue_cli.cueadmin.format import cutoff, findDuration, formatDuration, formatMem, formatTime
from cue_cli.cueadmin.session import Session
from cue_cli.cueman.choosing import bounds, frame_options, layer_names
from opencue import api
from opencue.enums import FrameState, JobState
from opencue.search import UNBOUNDED
from opencue.wrappers.job import Job

KB_PER_GB = 1024 * 1024
PAGE = 500
FRAME_LAYOUT = "%-35s %-11s %-15s %-13s %-12s %-9s %5s %7s %5s"
LAYER_LAYOUT = "%-30s %-8s %-8s %-8s %-8s %-8s"
FRAME_CUT, LAYER_CUT = 35, 29
RULE = "-" * 60


def list_frames(session: Session, jobs: List[Job]) -> None:
    """-lf: the frames of jobs that the filters choose."""
    options = session.options
    shown: List[Dict[str, Any]] = []
    for job in jobs:
        search = frame_options(options, job)
        if options.page:
            search.update(page=options.page, limit=options.limit or PAGE)
        elif options.limit:
            search.update(limit=options.limit)
        frames = job.getFrames(**search)
        if options.json:
            shown += [_frame_record(job, frame) for frame in frames]
            continue
        if not frames:
            print(f"{job.name()}: no frame matches", file=sys.stderr)
            continue
        _display_frames(frames)
    if options.json:
        records.printJson(shown)


def _display_frames(frames: List[Any]) -> None:
    header = FRAME_LAYOUT % ("Frame", "Status", "Host", "Start", "End", "Runtime", "Mem", "Retry", "Exit")
    print(header)
    print("-" * len(header))
    for frame in frames:
        data = frame.data
        started = data.start_time > 0
        print(
            FRAME_LAYOUT
            % (
                cutoff(frame.name(), FRAME_CUT),
                FrameState(data.state).name,
                data.last_resource,
                formatTime(data.start_time),
                formatTime(data.stop_time),
                formatDuration(findDuration(data.start_time, data.stop_time)) if started else "",
                formatMem(data.max_rss),
                data.retry_count,
                data.exit_status,
            )
        )


def _frame_record(job: Job, frame: Any) -> Dict[str, Any]:
    data = frame.data
    return {
        "job": job.name(),
        "layer": data.layer_name,
        "frame": data.number,
        "name": frame.name(),
        "state": FrameState(data.state).name,
        "host": data.last_resource.split("/")[0],
        "start_time": data.start_time,
        "stop_time": data.stop_time,
        "max_rss_kib": data.max_rss,
        "retries": data.retry_count,
        "exit_status": data.exit_status,
    }


def list_procs(session: Session, jobs: List[Job]) -> None:
    """-lp: what of the jobs runs now."""
    options = session.options
    search: Dict[str, Any] = {"job": [job.name() for job in jobs]}
    if options.layer:
        search["layer"] = [name for job in jobs for name in layer_names(job, options.layer)]
    if options.memory:
        low, high = bounds(options.memory, "memory")
        search["memory"] = f"{low * KB_PER_GB:.0f}-{min(high * KB_PER_GB, UNBOUNDED):.0f}"
    if options.duration:
        search["duration"] = options.duration
        bounds(options.duration, "duration")
    if options.limit:
        search["limit"] = options.limit
    procs = api.getProcs(**search)
    if options.json:
        records.printRecords(procs, records.procRecord)
        return
    if not procs:
        print(f"nothing of {', '.join(search['job'])} runs that matches", file=sys.stderr)
        return
    output.displayProcs(procs)


def list_layers(session: Session, jobs: List[Job]) -> None:
    """-ll: the layers of jobs with what became of their frames."""
    if session.options.json:
        found = [{"job": job.name(), **records.layerRecord(layer)} for job in jobs for layer in job.getLayers()]
        records.printJson(found)
        return
    for job in jobs:
        layers = job.getLayers()
        print(f"Job: {job.name()} has {len(layers)} layers")
        print()
        header = LAYER_LAYOUT % ("Layer", "Total", "Done", "Running", "Waiting", "Failed")
        print(header)
        print("-" * len(header))
        for layer in layers:
            stats = layer.data.layer_stats
            print(
                LAYER_LAYOUT
                % (
                    layer.name()[:LAYER_CUT],
                    stats.total_frames,
                    stats.succeeded_frames,
                    stats.running_frames,
                    stats.waiting_frames,
                    stats.dead_frames,
                )
            )
            if layer.data.tags:
                print(f"   tags: {' | '.join(layer.data.tags)}")
            print()


def info(session: Session, jobs: List[Job]) -> None:
    """-info: jobs with their counts and layers."""
    if session.options.json:
        found = [
            {**records.jobRecord(job), "layers": [records.layerRecord(layer) for layer in job.getLayers()]}
            for job in jobs
        ]
        records.printJson(found)
        return
    for job in jobs:
        _display_info(job)


def _display_info(job: Job) -> None:
    data, stats, layers = job.data, job.data.job_stats, job.getLayers()
    services = sorted({name for layer in layers for name in layer.data.services})
    print(RULE)
    print(f"job: {data.name}")
    print()
    for name, value in (
        ("start time", formatTime(data.start_time)),
        ("state", "PAUSED" if data.is_paused else JobState(data.state).name),
        ("user", data.user),
        ("architecture", data.os or "any"),
        ("services", ", ".join(services)),
        ("Min/Max cores", f"{data.min_cores:.2f} / {data.max_cores:.2f}"),
    ):
        print(f"{name:>13s}: {value}")
    print()
    for name, count in (
        ("total number of frames", stats.total_frames),
        ("done", stats.succeeded_frames),
        ("running", stats.running_frames),
        ("waiting (ready)", stats.waiting_frames),
        ("waiting (depend)", stats.depend_frames),
        ("failed", stats.dead_frames),
        ("eaten", stats.eaten_frames),
    ):
        print(f"{name:>22s}: {count}")
    print()
    print(f"this is a OpenCue job with {len(layers)} layers")
    print()
    for layer in layers:
        stats = layer.data.layer_stats
        print(f"{layer.name()}  ({stats.total_frames} frames, {stats.succeeded_frames} done)")
        print(f"   average frame time: {formatDuration(stats.avg_frame_sec) if stats.succeeded_frames else 'N/A'}")
        print(f"   highest ram usage: {formatMem(stats.max_rss) if stats.max_rss else 'N/A'}")
        print(f"   tags: {' | '.join(layer.data.tags)}")
        print()
