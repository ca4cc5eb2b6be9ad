"""What the farm's events are called outside: the table is complete, and says what it promises."""

from __future__ import annotations

import random
from dataclasses import fields
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from random_commands import COMMANDS, carry_out
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.events import EVENTS, Added, Changed, decode, encode
from cuebot.domain.farm import Farm
from cuebot.domain.frames import as_indices
from cuebot.domain.nouns import NOUNS
from cuebot.domain.states import Cause, DependType, HostState, LockState
from cuebot.engine.ports import Recorded
from cuebot.feed.public_events import FramesRow, PublicEvent, RunEndedRow
from cuebot.feed.query import FIELDS
from cuebot.feed.vocabulary import (
    ADDED,
    CHANGED,
    EVENT_TYPES,
    REMOVED,
    SILENT,
    SILENT_KINDS,
    TRANSLATIONS,
    public_events,
)
from cuebot.sim.chaos.random_specs import random_spec
from cuebot.sim.specs import job_spec, layer_spec

PAGE = Path(__file__).parents[4] / "docs/reference/feed.md"


def said_by(farm: SmallFarm, first_batch: int = 0) -> list[PublicEvent]:
    """What is told outside of all that the farm has committed, from a batch on."""
    recorded = [each for batch in farm.batches[first_batch:] for each in batch.events]
    return [public for each in recorded for public in public_events(farm.farm, each)]


def types_of(farm: SmallFarm, command: c.Command) -> list[str]:
    """The types of the public events of a command."""
    before = len(farm.batches)
    farm.do(command)
    return [public.type for public in said_by(farm, before)]


def test_every_internal_event_is_public_or_silent_for_a_reason() -> None:
    """A new event class is not forgotten, and none is both."""
    assert set(TRANSLATIONS) | set(SILENT) == set(EVENTS.values())
    assert not set(TRANSLATIONS) & set(SILENT)
    assert all(SILENT.values())


def test_every_kind_of_thing_is_public_or_silent_for_a_reason() -> None:
    """Whatever is added, changed or removed is told, or somebody has said why not."""
    of_their_own = {"job", "layer"}  # new by JobLaunched, and never removed
    assert set(CHANGED) | set(SILENT_KINDS) == set(NOUNS)
    for table in (ADDED, REMOVED):
        assert set(table) | set(SILENT_KINDS) | of_their_own == set(NOUNS)
    assert not set(SILENT_KINDS) & (set(ADDED) | set(CHANGED) | set(REMOVED))


def test_the_page_lists_every_type_with_its_fields() -> None:
    """docs/reference/feed.md and the code are the same table."""
    rows = [line.split("|")[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    found = {cells[0].strip(" `"): (cells[1].strip(), cells[2].strip()) for cells in rows}
    wanted = {
        name: (kind.help, ", ".join(f"`{field.name}`" for field in fields(kind.row)))
        for name, kind in EVENT_TYPES.items()
    }
    assert found == wanted


def test_the_page_lists_what_queries_can_ask_of_events() -> None:
    """docs/reference/feed.md and `feed.query` are the same table."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines()]
    wanted = [[field.name, field.help, field.kind.what] for field in FIELDS]
    first = rows.index(wanted[0])
    assert rows[first : first + len(wanted) + 1] == [*wanted, []]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(COMMANDS), max_size=25))
def test_whatever_happens_is_told_by_known_types_and_rows(seed: int, whats: list[str]) -> None:
    """Live, as read back from a journal, and when the farm has forgotten all the things that events name."""
    rng = random.Random(seed)
    farm = SmallFarm()
    farm.host(cores=800)
    for number in range(2):
        farm.do(c.SubmitJobs(random_spec(rng, f"job{number}")))
    for what in whats:
        carry_out(farm, what, rng)
    for recorded in (each for batch in farm.batches for each in batch.events):
        event = recorded.event
        stored = Recorded(recorded.seq, recorded.at_us, recorded.envelope, decode(type(event).__name__, encode(event)))
        live = public_events(farm.farm, recorded)
        assert public_events(farm.farm, stored) == live
        for public in (*live, *public_events(Farm(), stored)):
            assert type(public.row) is EVENT_TYPES[public.type].row
            assert (public.seq, public.at_us) == (recorded.seq, recorded.at_us)


def test_the_life_of_a_job_is_told() -> None:
    """Launched, started, failed, tried again, succeeded, finished: each with the names of what it is about."""
    farm = SmallFarm()
    farm.host()
    before = len(farm.batches)
    job = farm.launch(job_spec("one", layer_spec("beauty", range_text="7"), max_retries=1))[0]
    farm.plan()
    farm.finish("one/beauty", exit_status=1)
    farm.wait(3_600)
    farm.report()
    farm.plan()
    farm.finish("one/beauty")
    told = said_by(farm, before)
    assert [public.type for public in told] == [
        "job.launched",
        "frame.started",
        "frame.failed",
        "frame.started",
        "frame.succeeded",
        "job.finished",
    ]
    assert {public.show for public in told} == {"testing"}
    assert {public.row.job_name for public in told} == {job.name}  # type: ignore[attr-defined]  # all of them are a job's
    failed = told[2].row
    assert isinstance(failed, RunEndedRow)
    assert (failed.frame_number, failed.frame_state, failed.exit_status) == (7, "WAITING", 1)
    assert (failed.host_name, failed.cores, failed.attempt) == ("host0", 1.0, 1)


def test_a_run_that_ends_without_a_failure_of_its_frame_is_interrupted() -> None:
    """It was killed by a person, which is charged, or lost with its host, which is not."""
    farm = SmallFarm()
    farm.host()
    farm.launch(job_spec("one", layer_spec("beauty", range_text="1-2")))
    lost, killed = farm.plan()
    before = len(farm.batches)
    farm.end(lost, 301, cause=Cause.RUNNER_LOST)
    farm.do(c.KillProcs((killed.id,), "too slow"))
    farm.end(killed, 0, exit_signal=9, cause=Cause.KILLED)
    told = [public for public in said_by(farm, before) if isinstance(public.row, RunEndedRow)]
    assert [public.type for public in told] == ["frame.interrupted", "frame.interrupted"]
    ends = [public.row for public in told if isinstance(public.row, RunEndedRow)]
    assert [(end.cause, end.is_charged) for end in ends] == [("RUNNER_LOST", False), ("KILLED", True)]


def test_a_pause_has_a_type_of_its_own() -> None:
    """And other fields that change with it are told beside it."""
    farm = SmallFarm()
    job = farm.launch(job_spec("one", layer_spec()))[0]
    assert types_of(farm, c.Change("job", job.id, {"paused": True})) == ["job.paused"]
    assert types_of(farm, c.Change("job", job.id, {"paused": False, "priority": 7})) == ["job.resumed", "job.changed"]


def test_a_host_that_goes_and_comes_is_told() -> None:
    """Its state and its lock by types of their own; it is of no show, so everybody may see it."""
    farm = SmallFarm()
    host = farm.host()
    before = len(farm.batches)
    farm.report(state=HostState.DOWN)
    farm.report(boot=True)
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    farm.do(c.LockHost(host.id, LockState.OPEN))
    told = [public for public in said_by(farm, before) if public.type != "host.changed"]
    assert [public.type for public in told] == ["host.down", "host.up", "host.locked", "host.unlocked"]
    assert {public.show for public in told} == {""}
    assert told[0].is_visible(frozenset())


def test_a_remark_that_is_gone_is_still_its_jobs() -> None:
    """The event itself says whose it was, because the farm does not know it any more."""
    farm = SmallFarm()
    job = farm.launch(job_spec("one", layer_spec()))[0]
    before = len(farm.batches)
    id = farm.do(c.AddComment("ann", "look", "it is dark", job_id=job.id))
    farm.do(c.Delete("comment", id))
    added, removed = said_by(farm, before)
    assert (added.type, removed.type) == ("comment.added", "comment.removed")
    assert added.row == removed.row
    assert added.show == removed.show == "testing"


def test_sets_of_frames_are_told_as_ranges() -> None:
    """A command on 100,000 frames is one public event, and a small one."""
    farm = SmallFarm()
    farm.launch(job_spec("wide", layer_spec("beauty", range_text="1-100000")))
    before = len(farm.batches)
    farm.do(c.EatFrames(farm.frames("wide/beauty")))
    eaten = said_by(farm, before)[0]
    assert eaten.type == "frame.eaten"
    assert isinstance(eaten.row, FramesRow)
    assert (eaten.row.frames_count, eaten.row.frame_range) == (100_000, "1-100000")


def test_a_range_that_would_be_long_is_not_told() -> None:
    """However scattered the frames are, a row stays small; how many they are is told."""
    farm = SmallFarm()
    farm.launch(job_spec("wide", layer_spec("beauty", range_text="1-10000")))
    before = len(farm.batches)
    layer = farm.layer("wide/beauty")
    some = as_indices([index for index in range(10_000) if index % 7 in (0, 3)])
    farm.do(c.EatFrames({layer.id: some}))
    row = said_by(farm, before)[0].row
    assert isinstance(row, FramesRow)
    assert (row.frames_count, row.frame_range) == (len(some), "")


def test_a_depend_is_told_by_the_job_that_waits() -> None:
    """With the one that it waits for, and again when it holds nothing back any more."""
    farm = SmallFarm()
    waits, first = farm.launch(job_spec("waits", layer_spec()), job_spec("first", layer_spec()))
    before = len(farm.batches)
    farm.do(c.AddDepend(DependType.JOB_ON_JOB, waits.id, first.id))
    farm.do(c.KillJob(first.id))
    told = {public.type: public.row for public in said_by(farm, before)}
    assert told["depend.added"] == told["depend.satisfied"]
    assert (told["depend.added"].job_id, told["depend.added"].on_job_id) == (waits.id, first.id)  # type: ignore[attr-defined]


def test_what_nobody_knows_any_more_is_hidden_from_who_sees_some_shows_only() -> None:
    """An event whose job the farm has forgotten has no show: only who may see every show sees it."""
    recorded = Recorded(1, 2, c.Envelope(), Changed("job", "gone", {"paused": True}))
    (told,) = public_events(Farm(), recorded)
    assert told.show is None
    assert told.is_visible(None)
    assert not told.is_visible(frozenset({"testing"}))


def test_only_a_shows_own_events_are_visible_to_it() -> None:
    """Another show's are not, what belongs to no show is."""
    farm = SmallFarm()
    film = Recorded(1, 2, c.Envelope(), Added("show", {"id": "x", "name": "film"}))
    service = Recorded(1, 2, c.Envelope(), Added("service", {"id": "y", "name": "maya"}))
    (of_film,), (of_all,) = public_events(farm.farm, film), public_events(farm.farm, service)
    assert of_film.is_visible(frozenset({"film"}))
    assert not of_film.is_visible(frozenset({"testing"}))
    assert of_all.is_visible(frozenset({"testing"}))
