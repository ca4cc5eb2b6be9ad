"""Owners and deeds over a real server: by scripts and by `cueadmin`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from opencue.wrappers.deed import Deed
from opencue.wrappers.owner import Owner

Output = pytest.CaptureFixture[str]


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """Two hosts, and the show `testing`."""
    farm = SmallFarm()
    farm.host("desk")
    farm.host("rack")
    with served(farm):
        yield farm


def main(*arguments: str) -> int:
    """Run `cueadmin` without questions."""
    return run.main(["-force", *arguments])


def test_scripts_give_hosts_to_owners(farm: SmallFarm) -> None:
    """Owner, deed, host and show name one another, and each can be asked for the others."""
    show = opencue.api.findShow("testing")
    owner = show.createOwner("ann")
    assert (owner.name(), owner.show(), owner.hostCount()) == ("ann", "testing", 0)
    assert owner.takeOwnership("desk") == 1
    assert owner.takeOwnership("desk") == 0

    host = opencue.api.findHost("desk")
    deed = host.getDeed()
    assert (deed.host(), deed.owner(), deed.show()) == ("desk", "ann", "testing")
    assert host.getOwner().id() == owner.id()
    assert deed.getHost().id() == host.id()
    assert deed.getOwner().hostCount() == 1
    assert [one.name() for one in owner.getHosts()] == ["desk"]
    assert [type(one) for one in owner.getDeeds()] == [Deed]
    assert [one.id() for one in show.getDeeds()] == [deed.id()]
    assert opencue.api.getOwner("ann").id() == opencue.api.getOwner(owner.id()).id() == owner.id()
    assert isinstance(owner.getOwner("ann"), Owner)

    other = opencue.api.createShow("film")
    assert owner.setShow(other) == 1
    assert host.getDeed().show() == "film"
    assert deed.delete() == 1
    assert owner.delete() == 1


def test_what_nobody_owns_says_so(farm: SmallFarm) -> None:
    """NOT_FOUND, with the name."""
    host = opencue.api.findHost("rack")
    for asked in (host.getDeed, host.getOwner):
        with pytest.raises(opencue.EntityNotFoundException, match="nobody owns host 'rack'"):
            asked()
    with pytest.raises(opencue.EntityNotFoundException, match="cueadmin -create-owner nobody SHOW"):
        opencue.api.getOwner("nobody")


def test_cueadmin_gives_hosts_and_lists_them(farm: SmallFarm, capsys: Output) -> None:
    """Each command says what it did, or that there was nothing to do."""
    assert main("-create-owner", "ann", "testing") == 0
    assert main("-give", "ann", "-host", "desk", "rack") == 0
    assert main("-disown", "rack") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ann: may own hosts",
        "desk: belongs to ann",
        "rack: belongs to ann",
        "rack: is nobody's",
    ]
    assert main("-deeds") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["Host", "Owner", "Show"],
        ["desk", "ann", "testing"],
    ]
    assert main("-deeds", "testing", "--json") == 0
    assert [one["host"] for one in json.loads(capsys.readouterr().out)] == ["desk"]

    assert main("-disown", "rack") == 1
    assert "nobody owns it" in capsys.readouterr().err
    assert main("-owner-show", "ann", "testing") == 1
    assert main("-give", "bob", "-host", "desk") == 1
    assert "there is no owner 'bob'" in capsys.readouterr().err
    assert main("-delete-owner", "ann") == 0
    assert not farm.farm.owners
