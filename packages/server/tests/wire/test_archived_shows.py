"""What is meant by the name of a show that was archived, over a real server: at launches another one, else itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opencue_proto import job_pb2
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.domain import commands as c
from cuebot.sim.specs import job_spec, spec_of
from opencue import api
from opencue.warning import FarmWarning

Output = pytest.CaptureFixture[str]
WAY_BACK = "`cueadmin -enable-show old_archive` brings it back"


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """Show `old` with a job that waits was archived, and its jobs go to `film`."""
    farm = SmallFarm()
    with served(farm):
        api.createShow("film")
        api.createShow("old")
        farm.do(c.SubmitJobs(spec_of(job_spec("one"), show="old")))
        old = api.findShow("old")
        with pytest.warns(FarmWarning, match=f"1 pending job of show 'old' stops: .*{WAY_BACK}"):
            assert old.archive("film") == 1
        yield farm


def main(*arguments: str) -> int:
    """Run `cueadmin` without questions."""
    return run.main(["-force", *arguments])


@pytest.mark.parametrize(
    "line",
    [
        ("-archive-show", "old", "testing"),
        ("-disable-show", "old"),
        ("-booking", "old", "off"),
        ("-default-max-cores", "old", "7"),
        ("-delete-show", "old"),
        ("-create-sub", "old", "local.general", "1", "2"),
        ("-override-service", "old", "maya", "memory=8g"),
        ("-create-owner", "ann", "old"),
        ("-enable-filter", "old", "hurry"),
    ],
    ids=lambda line: line[0],
)
def test_no_command_on_the_old_name_changes_another_show(
    farm: SmallFarm, capsys: Output, line: tuple[str, ...]
) -> None:
    """It is refused, with the name that the show has now, and how it comes back."""
    before = dict(farm.farm.shows)
    batches = len(farm.batches)
    assert main(*line) == 1
    told = capsys.readouterr().err
    assert "show 'old' was archived: it is called 'old_archive' now, and new jobs of its name go to 'film'" in told
    assert WAY_BACK in told
    assert (farm.farm.shows, len(farm.batches)) == (before, batches)


def test_a_show_is_archived_once(farm: SmallFarm, capsys: Output) -> None:
    """By its other name that is said, too."""
    assert main("-archive-show", "old_archive", "testing") == 1
    assert "it was archived already" in capsys.readouterr().err


def test_whoever_archives_a_show_is_asked_with_the_number_of_its_jobs(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before they stop."""
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text="": asked.append(text) or "n")
    main("-enable-show", "old_archive")
    run.main(["-archive-show", "old", "film"])
    assert "Archive show old, of which 1 job stops, and launch its new jobs in film" in "".join(asked)


def test_jobs_are_launched_in_the_other_show(farm: SmallFarm, tools: Any) -> None:
    """Which whoever submits hears."""
    text = tools.spec(tools.layer("beauty", "1")).replace("<show>testing<", "<show>old<")
    with pytest.warns(FarmWarning, match="'old' was archived; jobs of its name go to 'film'"):
        (job,) = api.launchSpecAndWait(text)
    assert job.show() == "film"


def test_searches_by_the_old_name_find_what_is_of_the_archived_show(farm: SmallFarm, capsys: Output) -> None:
    """By criteria and by query, and not what is of the show that stands for it."""
    farm.do(c.SubmitJobs(spec_of(job_spec("two"), show="film")))
    (own,) = [job.name for job in farm.farm.jobs.values() if job.show_id == farm.farm.show_id_of("old")]
    for name in ("old", "old_archive", "OLD"):
        assert [job.name() for job in api.getJobs(show=[name])] == [own]
        assert main("-lj", "-where", f"show:{name}") == 0
        told = capsys.readouterr().out
        assert own in told
        assert "film-" not in told


def test_a_job_of_an_archived_show_says_so(farm: SmallFarm) -> None:
    """And what lets it run."""
    (job,) = api.getJobs(show=["old"])
    text = str(api.explain(job.name()))
    assert "show old_archive is archived" in text
    assert "-enable-show old_archive" in text


def test_no_job_goes_on_to_another_show_for_one_that_was_deleted(farm: SmallFarm, tools: Any) -> None:
    """The name is free again."""
    api.createShow("empty")
    api.findShow("empty").archive("film")
    api.findShow("empty_archive").delete()
    text = tools.spec(tools.layer("beauty", "1")).replace("<show>testing<", "<show>empty<")
    with pytest.raises(opencue.CueException, match="there is no show 'empty'"):
        api.launchSpecAndWait(text)
    assert api.createShow("empty").name() == "empty"


def test_what_a_show_stood_for_goes_on_to_the_next_one_and_comes_back_with_it(farm: SmallFarm, tools: Any) -> None:
    """Jobs of the first show of a chain go to the last that takes jobs."""
    text = tools.spec(tools.layer("beauty", "1")).replace("<show>testing<", "<show>old<")
    api.findShow("film").archive("testing")
    with pytest.warns(FarmWarning, match="'old' was archived; jobs of its name go to 'testing'"):
        (job,) = api.launchSpecAndWait(text)
    assert job.show() == "testing"
    job.kill()
    api.findShow("film_archive").setActive(True)
    with pytest.warns(FarmWarning, match="jobs of its name go to 'film'"):
        assert api.launchSpecAndWait(text)[0].show() == "film"


async def test_criteria_of_procs_and_jobs_mean_the_archived_show_on_the_wire(site: Any, tools: Any) -> None:
    """A search with a message, as published clients make it."""
    await site.launch(paused=True)
    film = await site.engine.submit(c.CreateShow("film"), c.Envelope(actor="ann"))
    testing = site.farm.show_named("testing").id
    await site.engine.submit(c.ArchiveShow(testing, "film"), c.Envelope(actor="ann"))
    request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(shows=["testing"]))
    (job,) = (await site.job.GetJobs(request)).jobs.jobs
    assert (job.show, film in site.farm.shows) == ("testing_archive", True)
