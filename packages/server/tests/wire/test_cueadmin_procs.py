"""`cueadmin` and `opencue` on what runs: its places are given to others, over a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.domain import commands as c
from cuebot.sim.specs import job_spec

Output = pytest.CaptureFixture[str]


def main(*arguments: str) -> int:
    """Run `cueadmin` without questions; a line that makes no sense has the status 2."""
    try:
        return run.main(["-force", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """A host that `one` fills, and a job `two` that waits."""
    farm = SmallFarm()
    farm.host(cores=200)
    farm.launch(job_spec("one"))
    farm.plan()
    farm.launch(job_spec("two"))
    with served(farm):
        yield farm


def test_redirect_gives_the_places_of_what_is_chosen(farm: SmallFarm, capsys: Output) -> None:
    """How many places is told, and with whom they are."""
    two = farm.job("two").name
    assert main("-redirect", two, "-host", "host0") == 0
    assert capsys.readouterr().out == f"2 places: redirected to {two}\n"
    assert {redirect.job_id for redirect in farm.farm.redirects.values()} == {farm.job("two").id}
    assert farm.take_kills() == []


def test_now_ends_what_runs_there(farm: SmallFarm) -> None:
    """-now does not wait for the frames."""
    assert main("-redirect", farm.job("two").name, "-job", farm.job("one").name, "-now") == 0
    assert len(farm.take_kills()) == 2


def test_a_group_gets_places(farm: SmallFarm, capsys: Output) -> None:
    """-redirect-group names a group of a show; one that there is not is told with those that there are."""
    root = farm.farm.groups[farm.job("two").group_id]
    farm.do(c.MoveJob(farm.job("two").id, farm.do(c.CreateGroup("comp", root.id))))
    assert main("-redirect-group", "testing", "comp", "-host", "host0") == 0
    assert capsys.readouterr().out == "2 places: redirected to group comp of testing\n"
    assert main("-redirect-group", "testing", "nobody", "-host", "host0") == 1
    assert "has no group 'nobody'; it has testing, comp" in capsys.readouterr().err


def test_redirects_are_taken_back(farm: SmallFarm, capsys: Output) -> None:
    """-clear-redirects says how many there were."""
    main("-redirect", farm.job("two").name, "-host", "host0")
    capsys.readouterr()
    assert main("-clear-redirects", "testing") == 0
    assert capsys.readouterr().out == "2 places: given to nobody any more\n"
    assert main("-clear-redirects", "testing") == 1
    assert "none of them was redirected" in capsys.readouterr().err


def test_a_redirect_of_no_use_is_no_success(farm: SmallFarm, capsys: Output) -> None:
    """To the job that runs there: status 1, and why."""
    assert main("-redirect", farm.job("one").name, "-host", "host0") == 1
    assert "no frame that waits there would fit" in capsys.readouterr().err


def test_what_is_meant_has_to_be_chosen(farm: SmallFarm, capsys: Output) -> None:
    """Not everything by accident; and where nothing runs nothing is done."""
    assert main("-unbook") == 2
    assert "which procs?" in capsys.readouterr().err
    assert main("-unbook", "-host", "nothing") == 1
    assert "nothing runs that was asked for" in capsys.readouterr().err
    assert main("-redirect", farm.job("two").name, "-where", "host:host0") == 2
    assert "takes no -where" in capsys.readouterr().err


def test_unbook_ends_what_is_chosen(farm: SmallFarm, capsys: Output) -> None:
    """All of a show, or what the filters say."""
    assert main("-unbook", "-host", "host0", "-limit", "1") == 0
    assert capsys.readouterr().out == "1 frame: ended\n"
    assert len(farm.take_kills()) == 1


def test_scripts_redirect_procs_and_hosts(farm: SmallFarm) -> None:
    """The methods of Proc and Host, and the functions for many."""
    one, two = farm.job("one"), opencue.api.getJob(farm.job("two").id)
    (first, _) = opencue.api.getProcs(job=[one.name])
    assert first.redirectToJob(two)
    (first, _) = opencue.api.getProcs(job=[one.name])
    assert (first.redirectTarget(), first.isUnbooked()) == (two.name(), True)
    assert first.clearRedirect()
    assert not first.clearRedirect()
    assert opencue.api.unbookProcsToJobs([two], job=[one.name]) == 2
    group = opencue.api.getGroup(farm.job("two").group_id)
    assert not first.redirectToGroup(group), "its own job is in that group"
    assert opencue.api.unbookProcsToGroup(group, job=[one.name]) == 0
    host = opencue.api.findHost("host0")
    assert host.redirectToJob(host.getProcs(), two)
    assert len(farm.take_kills()) == 2
    assert opencue.api.unbookProcs(kill=True, job=[one.name]) == 2
