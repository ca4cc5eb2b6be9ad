"""A database with any number of finished jobs, written as the server's own commits write them when jobs leave memory.

    python -m benchmarks.finished_builder --finished 1000000 --live 1000 sqlite:////tmp/farm.sqlite

Each job has two layers of ten frames that have run, and what it was submitted with. Names, users, shows and shots
differ, by a seed, and the jobs ended evenly over the last year. How their frames ran is one of a thousand ways. Of the
runs there is no history: it lies in tables of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cuebot.domain import commands as c
from cuebot.domain.apply import initial_frames
from cuebot.domain.archive import ArchivedJob
from cuebot.domain.nouns import Job, Layer
from cuebot.domain.states import FrameState, JobState
from cuebot.domain.units import KiB, Micros
from cuebot.engine.core import SYSTEM, Core
from cuebot.engine.farm_rows import Rows, load_farm
from cuebot.engine.ports import Batch
from cuebot.journal import SqlJournal
from cuebot.spec import parse_spec

SHOWS = ("dune", "fjord", "harbor", "lantern", "orchid", "quarry", "tundra", "willow")
USERS = tuple(f"artist{number:02}" for number in range(60))
SHOTS = tuple(f"sh{number:03}0" for number in range(1, 200))
TASKS = ("anim", "comp", "fx", "light", "lookdev", "plate", "roto", "sim")
FRAMES_PER_LAYER = 10
WAYS = 1_000
JOBS_PER_COMMIT = 500
YEAR_US = 365 * 24 * 3_600 * 1_000_000
GIB = 1 << 20
LIVE_JOBS_PER_SPEC = 100
SEED = 10


def main() -> int:
    """Write a database, and say how far it is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finished_builder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--finished", type=int, default=1_000_000, metavar="N", help="finished jobs (default: 1000000)")
    parser.add_argument("--live", type=int, default=1_000, metavar="N", help="jobs that wait (default: 1000)")
    parser.add_argument("url", help="sqlite:////DIR/farm.sqlite or postgresql://...")
    options = parser.parse_args()
    build(options.url, options.finished, options.live)
    return 0


def build(url: str, finished: int, live: int) -> None:
    """Write both kinds of jobs into a new database."""
    now_us = time.time_ns() // 1_000
    journal = SqlJournal(url)
    try:
        core = with_shows(journal, now_us)
        submit_live_jobs(core, live, now_us)
        asyncio.run(journal.commit(core.take()))

        began = time.monotonic()
        for written, batch in enumerate(batches(core, finished, now_us)):
            asyncio.run(journal.commit(batch))
            if written % 20 == 19:
                done = JOBS_PER_COMMIT * (written + 1)
                rate = done / (time.monotonic() - began)
                print(f"{done:,} of {finished:,} finished jobs, {rate:,.0f} a second", file=sys.stderr, flush=True)
    finally:
        journal.close()


def with_shows(journal: SqlJournal, now_us: int) -> Core:
    """The farm of a new database, with its shows."""
    rows, last_seq = journal.load()
    farm = load_farm(rows, now_us)
    core = Core(farm, last_seq=last_seq, started_us=now_us, new_id=lambda: str(uuid.uuid4()))
    core.execute(c.Seed(), SYSTEM, now_us)
    for show in SHOWS:
        core.execute(c.CreateShow(show), SYSTEM, now_us)
    return core


def submit_live_jobs(core: Core, count: int, now_us: int) -> None:
    """Jobs that wait for hosts, of which there are none."""
    for number in range(count):
        show = SHOWS[number % len(SHOWS)]
        user = USERS[number % len(USERS)]
        text = spec_text(show, "sh0010", user, f"live{number:05}")
        core.execute(c.SubmitJobs(parse_spec(text), zlib.compress(text.encode())), SYSTEM, now_us)


def spec_text(show: str, shot: str, user: str, name: str) -> str:
    """What one of these jobs is submitted with."""
    layers = "".join(
        f'<layer name="{layer}" type="Render"><cmd>render --scene /shots/{show}/{shot}/{name}.usd -f #IFRAME#</cmd>'
        f"<range>1001-{1000 + FRAMES_PER_LAYER}</range><chunk>1</chunk><cores>4.0</cores><memory>8g</memory></layer>"
        for layer in ("beauty", "denoise")
    )
    job = f'<job name="{name}"><layers>{layers}</layers></job>'
    return (
        '<?xml version="1.0"?><!DOCTYPE spec PUBLIC "SPI Cue Specification Language"'
        ' "http://localhost:8080/spcue/dtd/cjsl-1.12.dtd">'
        f"<spec><facility>local</facility><show>{show}</show><shot>{shot}</shot><user>{user}</user>{job}</spec>"
    )


def batches(core: Core, count: int, now_us: int) -> Iterator[Batch]:
    """Commits in each of which finished jobs leave memory, the one that ended first before others."""
    jobs = finished_jobs(core, count, now_us)
    for first in range(0, count, JOBS_PER_COMMIT):
        archived = [next(jobs) for _ in range(min(JOBS_PER_COMMIT, count - first))]
        specifications = {one.job.id: specification_of(one.job) for one in archived}
        removed_frames = [layer.key for one in archived for layer in one.layers]
        yield Batch(Rows(archived=archived, removed_frames=removed_frames), [], specifications)


def specification_of(job: Job) -> bytes:
    """What one of the finished jobs was submitted with, as it is kept."""
    show, shot, rest = job.name.split("-", 2)
    return zlib.compress(spec_text(show, shot, job.user, rest.partition("_")[2]).encode())


def finished_jobs(core: Core, count: int, now_us: int) -> Iterator[ArchivedJob]:
    """Jobs that are over, with all their frames."""
    rng = random.Random(SEED)
    farm = core.farm
    job = template_of(core)
    ran = layers_that_ran(job, now_us)
    for number in range(count):
        show = rng.choice(SHOWS)
        shot = rng.choice(SHOTS)
        user = rng.choice(USERS)
        job_id = _new_id(rng)
        show_id = farm.show_by_name[show]
        name = f"{show}-{shot}-{user}_{rng.choice(TASKS)}_v{number // 1_000:03}_{number % 1_000:03}"
        stopped_us = Micros(now_us - YEAR_US * (count - number) // count)
        one = replace(
            job.job, id=job_id, name=name, show_id=show_id, group_id=farm.shows[show_id].root_group_id, shot=shot,
            user=user, log_dir=f"/shots/{show}/{shot}/logs/{name}--{job_id}", specification_id=job_id,
            submitted_us=Micros(stopped_us - rng.randrange(10**9, 10**10)), stopped_us=stopped_us, layer_ids=[],
        )  # fmt: skip
        layers = [
            replace(
                layer,
                id=_new_id(rng),
                key=farm.next_layer_key + 2 * number + place,
                job_id=job_id,
                command=layer.command.replace("NAME", name),
            )
            for place, layer in enumerate(rng.choice(ran))
        ]
        yield ArchivedJob(one, layers)


def template_of(core: Core) -> ArchivedJob:
    """A job as the server makes one of such a specification; its command names it by NAME."""
    spec = parse_spec(spec_text(SHOWS[0], SHOTS[0], USERS[0], "NAME"))
    now_us = 1_000_000
    twin = Core(load_farm(Rows(), now_us), last_seq=0, started_us=now_us, new_id=lambda: str(uuid.uuid4()))
    twin.execute(c.Seed(), SYSTEM, now_us)
    twin.execute(c.CreateShow(SHOWS[0]), SYSTEM, now_us)
    [job_id] = twin.execute(c.SubmitJobs(spec), SYSTEM, now_us)

    job = replace(twin.farm.jobs[job_id], state=JobState.FINISHED)
    job.facility_id = core.farm.facility_by_name["local"]
    return ArchivedJob(job, twin.farm.layers_of(job))


def layers_that_ran(template: ArchivedJob, now_us: int) -> list[list[Layer]]:
    """The layers of a job, after each of many ways in which their frames may have run."""
    spread = np.random.default_rng(SEED)
    ways = [[replace(layer) for layer in template.layers] for _ in range(WAYS)]
    for layers in ways:
        ended_us = now_us - int(spread.integers(0, YEAR_US))
        for layer in layers:
            finish(layer, template.job, ended_us, spread)
    return ways


def finish(layer: Layer, job: Job, ended_us: int, spread: np.random.Generator) -> None:
    """Let all frames of a layer have succeeded."""
    frames = layer.frames = initial_frames(layer, job)
    count = len(frames)
    frames.copy_on_write()
    run_us = spread.integers(60_000_000, 600_000_000, count)
    frames.state[:] = FrameState.SUCCEEDED
    frames.exit_status[:] = 0
    frames.stop_us[:] = ended_us - spread.integers(0, 10**9, count)
    frames.start_us[:] = frames.stop_us - run_us
    frames.updated_us[:] = frames.stop_us
    frames.core_us[:] = 4 * run_us
    frames.max_rss_kib[:] = spread.integers(GIB, 8 * GIB, count)
    frames.last_host[:] = spread.integers(0, 2_000, count)
    frames.last_cores[:] = 400
    frames.attempts[:] = 1

    layer.counts = frames.counts()
    layer.runs_succeeded = count
    layer.core_us_succeeded = int(frames.core_us.sum())
    layer.clock_us_succeeded = int(run_us.sum())
    layer.longest_us = Micros(int(run_us.max()))
    layer.shortest_us = Micros(int(run_us.min()))
    layer.max_rss = KiB(int(frames.max_rss_kib.max()))
    layer.last_stop_us = Micros(int(frames.stop_us.max()))


def _new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


if __name__ == "__main__":
    sys.exit(main())
