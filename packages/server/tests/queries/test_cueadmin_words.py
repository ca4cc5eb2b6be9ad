"""What cueadmin says of what makes no sense, over a real server: names for things, amounts in the units of people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import served
from small_farm import SmallFarm

from cue_cli.cueadmin import run
from cuebot.sim.specs import job_spec, layer_spec
from opencue import api
from opencue.exception import CueException

Output = pytest.CaptureFixture[str]
JOB = "testing-sh1-ann_one"


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """A host, and a job that waits."""
    farm = SmallFarm()
    farm.host("node1", cores=8)
    farm.launch(job_spec("one", layer_spec("comp", "1-4")))
    with served(farm):
        yield farm


def main(*arguments: str) -> int:
    """Run `cueadmin` without a question; a line that makes no sense has the status 2."""
    try:
        return run.main([*arguments, "-force"])
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (f"-runs {JOB} comp 1-x", 1, "'1-x' is no frame: write one number, such as 7, or a name, such as 0007-comp"),
        (f"-log {JOB} comp 1-3", 1, "'1-3' is no frame"),
        ("-burst testing general -4", 2, "a burst of -4 cores makes no sense: write 0 or more"),
        ("-size testing general -0.5", 2, "a size of -0.5 cores makes no sense"),
        ("-give bob node1", 1, "there is no owner 'bob'; `cueadmin -create-owner bob SHOW` makes one"),
        (f"-subscribe {JOB} ann@example.com", 1, "mail_host"),
    ],
)
def test_a_refusal_names_the_thing_and_the_remedy(
    farm: SmallFarm, capsys: Output, line: str, status: int, words: str
) -> None:
    """On stderr, with the status."""
    assert main(*line.split()) == status
    assert words in capsys.readouterr().err


def test_the_server_names_a_subscription_and_counts_in_cores(farm: SmallFarm) -> None:
    """A client that sends what it likes is answered without ids."""
    (one,) = api.findShow("testing").getSubscriptions()
    with pytest.raises(CueException) as caught:
        one.setBurst(-400)
    assert f"burst of subscription '{one.name()}' cannot be -4 cores" in str(caught.value)


def test_an_owner_that_is_there_already_may_get_another_show(farm: SmallFarm, capsys: Output) -> None:
    """The refusal says by which command."""
    assert main("-create-owner", "ann", "testing") == 0
    assert main("-create-owner", "ann", "testing") == 1
    assert "`cueadmin -owner-show ann SHOW` gives him another show" in capsys.readouterr().err


def test_a_show_that_is_brought_back_is_told_by_its_name(farm: SmallFarm, capsys: Output) -> None:
    """It is archived under another."""
    api.createShow("film")
    assert main("-archive-show", "film", "testing") == 0
    capsys.readouterr()
    assert main("-enable-show", "film_archive") == 0
    assert "film_archive: enabled; it is called film again" in capsys.readouterr().out


def test_one_core_is_no_plural(farm: SmallFarm, capsys: Output) -> None:
    """Of a shot's task."""
    assert main("-set-task", "testing", "Unknown", "sh1", "1") == 0
    assert "sh1: 1 core\n" in capsys.readouterr().out
