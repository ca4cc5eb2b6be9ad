"""Owners of hosts: the frames of their show come first there, and everybody's after those."""

from __future__ import annotations

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import AlreadyExists, Invalid, NotFound, Refused
from cuebot.domain.nouns import NOUNS, stored_values
from cuebot.domain.recount import check
from cuebot.engine.farm_rows import Rows, load_farm
from cuebot.sim.specs import job_spec, layer_spec


def with_show(farm: SmallFarm, name: str) -> str:
    """A second show, that may use everything; its id."""
    id: str = farm.do(c.CreateShow(name))
    (allocation,) = farm.farm.allocations
    farm.do(c.CreateSubscription(id, allocation, 100_000, 100_000))
    return id


def owned(farm: SmallFarm, *names: str) -> str:
    """An owner for the show `film`, with hosts; his id."""
    owner: str = farm.do(c.CreateOwner(with_show(farm, "film"), "ann"))
    for name in names:
        farm.do(c.TakeOwnership(owner, farm.farm.host_named(name).id))
    return owner


def shows_on(farm: SmallFarm, name: str) -> set[str]:
    """Names of the shows of which frames run on a host."""
    host = farm.farm.host_named(name)
    return {farm.farm.shows[farm.farm.procs[id].show_id].name for id in host.proc_ids}


def test_frames_of_the_owners_show_come_first_on_his_host() -> None:
    """Although the other show waits as long and shares are even, none of it runs there; elsewhere it does."""
    farm = SmallFarm()
    farm.host("desk")
    farm.host("rack")
    owned(farm, "desk")
    farm.launch(job_spec("wide", layer_spec(range_text="1-8")))
    farm.launch(job_spec("own", layer_spec(range_text="1-4")), show="film")
    farm.plan()
    assert (shows_on(farm, "desk"), shows_on(farm, "rack")) == ({"film"}, {"testing"})


def test_what_the_owners_show_leaves_goes_to_everybody() -> None:
    """A desk is not idle while anybody waits."""
    farm = SmallFarm()
    farm.host("desk")
    owned(farm, "desk")
    farm.launch(job_spec("wide", layer_spec(range_text="1-8")))
    farm.launch(job_spec("own", layer_spec(range_text="1-1")), show="film")
    farm.plan()
    assert shows_on(farm, "desk") == {"film", "testing"}
    assert len(farm.farm.procs) == 4


def test_a_show_has_no_more_by_owned_hosts_than_its_burst() -> None:
    """What is booked there counts by its subscription as anything else."""
    farm = SmallFarm()
    farm.host("desk")
    owned(farm, "desk")
    (film,) = [s for s in farm.farm.subscriptions.values() if farm.farm.shows[s.show_id].name == "film"]
    farm.do(c.Change("subscription", film.id, {"burst": 200}))
    farm.launch(job_spec("own", layer_spec(range_text="1-4")), show="film")
    farm.plan()
    assert len(farm.farm.procs) == 2


def test_another_show_of_the_owner_takes_over() -> None:
    """SetShow holds for the next booking."""
    farm = SmallFarm()
    farm.host("desk")
    owner = owned(farm, "desk")
    testing = farm.farm.show_named("testing").id
    assert farm.do(c.SetOwnersShow(owner, testing)) == 1
    assert farm.do(c.SetOwnersShow(owner, testing)) == 0
    farm.launch(job_spec("own", layer_spec(range_text="1-4")), show="film")
    farm.launch(job_spec("wide", layer_spec(range_text="1-4")))
    farm.plan()
    assert shows_on(farm, "desk") == {"testing"}


def test_a_host_has_one_owner_at_most() -> None:
    """Whoever takes it has it; taking it again is no change."""
    farm = SmallFarm()
    host = farm.host("desk")
    ann = owned(farm, "desk")
    bob = farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "bob"))
    assert farm.do(c.TakeOwnership(bob, host.id)) == 1
    assert farm.do(c.TakeOwnership(bob, host.id)) == 0
    assert [(deed.owner_id, deed.host_id) for deed in farm.farm.deeds.values()] == [(bob, host.id)]
    assert farm.do(c.DropOwner(ann)) == 1
    assert farm.do(c.DropOwner(bob)) == 1
    assert not farm.farm.deeds
    assert not farm.farm.owned_rows


def test_owners_and_deeds_that_make_no_sense_are_refused() -> None:
    """A name twice, no name, a show that owners work for, what there is not."""
    farm = SmallFarm()
    owned(farm)
    film = farm.farm.show_named("film").id
    with pytest.raises(AlreadyExists, match="there is an owner 'ann' already"):
        farm.do(c.CreateOwner(film, "ann"))
    with pytest.raises(Invalid, match="an owner's name cannot be ''"):
        farm.do(c.CreateOwner(film, ""))
    with pytest.raises(Refused, match="1 owner"):
        farm.do(c.Delete("show", film))
    with pytest.raises(NotFound, match="there is no deed"):
        farm.do(c.DropDeed(farm.new_id()))


def test_a_deed_ends_with_its_host() -> None:
    """A host that is forgotten is nobody's when it comes back."""
    farm = SmallFarm()
    host = farm.host("desk")
    owned(farm, "desk")
    farm.do(c.DropHost(host.id))
    assert not farm.farm.deeds


def test_owners_survive_a_restart() -> None:
    """What is stored makes the same owners, deeds and places in the order again."""
    farm = SmallFarm()
    farm.host("desk")
    owned(farm, "desk")
    rows = Rows({kind: [stored_values(thing) for thing in farm.farm.table(kind).values()] for kind in NOUNS})
    again = load_farm(rows, farm.now_us)
    check(again)
    assert again.owners == farm.farm.owners
    assert again.deeds == farm.farm.deeds
    assert again.owned_rows == farm.farm.owned_rows
