"""Finished jobs leave memory with what is theirs, and nothing else is looked at."""

from __future__ import annotations

from collections.abc import ValuesView
from typing import Any

from small_farm import SmallFarm

from cuebot.decide import Settings
from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.apply import apply
from cuebot.domain.archive import pack
from cuebot.domain.nouns import Comment
from cuebot.domain.recount import check
from cuebot.domain.units import Micros
from cuebot.sim.specs import job_spec


class OfAll(dict[str, Comment]):
    """Comments that may be asked for one by one."""

    def values(self) -> ValuesView[str, Comment]:  # type: ignore[override]
        """Nobody goes through all."""
        raise AssertionError("a job that leaves looks through the comments of all others")


def with_remarks(farm: SmallFarm) -> Any:
    """A job with a comment, beside a host and another job that have one."""
    host = farm.host()
    gone, stays = farm.launch(job_spec("gone"), job_spec("stays"))
    for place in ({"job_id": gone.id}, {"host_id": host.id}, {"job_id": stays.id}):
        farm.do(c.AddComment("ann", "look", "at this", **place))
    farm.do(c.KillJob(gone.id))
    return gone


def test_a_job_leaves_with_its_comments_and_comes_back_with_them() -> None:
    """Those of others stay where they are."""
    farm = SmallFarm(settings=Settings(finished_in_memory_us=Micros(0)))
    gone = with_remarks(farm)
    farm.do(c.Sweep())
    assert gone.id not in farm.farm.jobs
    assert len(farm.farm.comments) == 2
    [archived] = [one for batch in farm.batches for one in batch.rows.archived]
    assert [comment.job_id for comment in archived.comments] == [gone.id]

    packed = pack(archived)
    farm.do(c.RecallJob(gone.id, packed.summary, packed.rest, superseded=False))
    assert len(farm.farm.comments) == 3


def test_leaving_costs_the_same_however_many_comments_there_are() -> None:
    """Five hundred jobs may leave at once, and thousands of hosts have a remark."""
    farm = SmallFarm(settings=Settings(finished_in_memory_us=Micros(0)))
    gone = with_remarks(farm)
    farm.farm.comments = OfAll(farm.farm.comments)
    apply(farm.farm, ev.JobArchived(gone.id, []), Micros(farm.now_us))
    farm.farm.comments = dict(farm.farm.comments.items())
    assert gone.id not in farm.farm.jobs
    check(farm.farm)
