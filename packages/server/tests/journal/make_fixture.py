"""Store a database of today's revision under `fixtures/`, which every later version must open.

Run it once for each new revision, before the release that has it: `python make_fixture.py`. A stored database is never
made again: it is what that version really wrote.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from journal_farm import ENVELOPE, Mix, commit, depend_text, host_facts, spec_text, summary

from cuebot.domain import commands as c
from cuebot.domain.farm import Farm
from cuebot.domain.recount import check
from cuebot.domain.states import Cause, DependType, LockState
from cuebot.domain.units import SECOND, KiB, Micros
from cuebot.journal import History, SqlJournal
from cuebot.journal.migrate import HEAD
from cuebot.spec import parse_spec

FIXTURES = Path(__file__).parent / "fixtures"


def fill(journal: SqlJournal) -> Mix:  # noqa: PLR0915 - one story, told in its order
    """A small farm with something of everything: jobs and frames in every state, depends, runs, locks, remarks."""
    mix = Mix(1)

    def settle() -> None:
        mix.now_us += 10 * SECOND
        while mix.core.has_batch():
            commit(journal, mix.batch())

    def launch(text: str, request_id: str = "") -> str:
        return str(mix.do(c.SubmitJobs(parse_spec(text)), request_id)[0])

    def work(frames: int, status: int = 0) -> None:
        mix.core.plan(mix.now_us)
        settle()
        for id in sorted(mix.core.farm.procs, key=lambda id: order_of(mix.core.farm, id))[:frames]:
            proc = mix.core.farm.procs[id]
            host = mix.core.farm.hosts[proc.host_id].name
            run_us, rss = Micros(7 * SECOND), KiB(700_000)
            mix.do(c.ReportOutcome(host, id, "", status, 0, Cause.EXITED, run_us, rss, "ended"))
        settle()

    settle()
    for number in range(2):
        mix.core.execute(c.ReportHost(host_facts(f"host{number}", 400), (), boot=True), ENVELOPE, mix.now_us)
    settle()
    launch(spec_text("finished", [("only", "1-3", 1)]))
    work(3)
    launch(spec_text("failing", [("dies", "1-2", 1)]))
    work(2, status=1)
    work(2, status=1)
    pairs = depend_text(DependType.FRAME_BY_FRAME, "pairs", "comp", "beauty")
    whole = depend_text(DependType.LAYER_ON_LAYER, "pairs", "movie", "comp")
    main = launch(
        spec_text("pairs", [("beauty", "1-10", 1), ("comp", "1-10", 2), ("movie", "1", 1)], pairs + whole, post=True),
        "3f0e0e57-7a5c-4b64-a54b-8d6c8c8b8a10",
    )
    work(5)
    later = launch(
        spec_text("later", [("sim", "1-4", 1)], depend_text(DependType.PREVIOUS_FRAME, "later", "sim", "sim"))
    )
    mix.do(c.AddDepend(DependType.JOB_ON_JOB, later, main))
    farm = mix.core.farm
    beauty = next(layer for layer in farm.layers.values() if layer.name == "beauty")
    mix.do(c.EatFrames({beauty.id: np.array([9], dtype=np.int32)}, "not needed"))
    mix.do(c.Change("job", main, {"priority": 77}))
    mix.do(c.AddComment("ann", "look", "it is dark", job_id=main))
    mix.do(c.AddHostTags(farm.host_by_name["host1"], ("ssd",)))
    mix.do(c.LockHost(farm.host_by_name["host1"], LockState.LOCKED))
    paused = launch(spec_text("paused", [("wait", "1-2", 1)]))
    mix.do(c.Change("job", paused, {"paused": True}))
    mix.do(c.CreateGroup("seq", next(iter(farm.shows.values())).root_group_id))
    mix.do(c.AddLayerLimit(beauty.id, mix.do(c.CreateLimit("renderer", 20))))
    mix.do(c.CreateLimit("simulation", 3, per_host=True))
    facts = replace(host_facts("gpu0", 400), gpus=1, gpu_memory=KiB(8 << 20))
    mix.core.execute(c.ReportHost(facts, (), boot=True), ENVELOPE, mix.now_us)
    trained = farm.layers_of(farm.jobs[launch(spec_text("train", [("model", "1-2", 1)]))])[0]
    mix.do(c.Change("layer", trained.id, {"min_gpus": 1, "min_gpu_memory": 6 << 20}))
    work(0)
    feared = launch(spec_text("feared", [("crash", "1-2", 1)]))
    for _ in range(4):
        work(0)
        for proc in [proc for proc in farm.procs.values() if proc.job_id == feared and proc.frame_index == 0]:
            host, lost = farm.hosts[proc.host_id].name, (301, 0, Cause.RUNNER_LOST, Micros(SECOND), KiB(0))
            if not proc.alone:
                mix.do(c.ReportOutcome(host, proc.id, "", *lost))
    mix.do(c.Change("job", feared, {"priority": 200}))
    mix.core.execute(c.ReportHost(host_facts("spare", 400), (), boot=True), ENVELOPE, mix.now_us)
    work(0)
    running = min(farm.procs)
    mix.do(c.KillProcs((running,), "too slow"))
    settle()
    return mix


def order_of(farm: Farm, proc_id: str) -> tuple[str, int]:
    """Where a run's frame stands, so that the same frames end whatever the runs' ids."""
    proc = farm.procs[proc_id]
    return farm.layers[proc.layer_id].name, proc.frame_index


def main() -> None:
    """Write the database and what is expected of it."""
    target = FIXTURES / f"v{HEAD}.sqlite"
    if target.exists():
        sys.exit(f"{target} exists; a stored database is never made again")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "farm.sqlite"
        journal = SqlJournal(f"sqlite:///{path}")
        mix = fill(journal)
        journal.close()
        check(mix.core.farm)
        history = History(f"sqlite:///{path}")
        events = [type(recorded.event).__name__ for recorded in history.events_since(0)]
        history.close()
        database = sqlite3.connect(path, isolation_level=None)
        for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", f"VACUUM INTO '{target}'"):
            database.execute(statement)
        database.close()
    expected = {"now_us": mix.now_us, "farm": msgspec.to_builtins(summary(mix.core.farm)), "events": events}
    target.with_suffix(".json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
