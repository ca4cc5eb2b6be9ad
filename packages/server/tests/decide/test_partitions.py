"""Parts of locked hosts on which their users render: what runs there, what counts, and when it ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_farm import GIB, SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.errors import AlreadyExists, Invalid, NotFound, Refused
from cuebot.domain.nouns import NOUNS, Partition, Proc, stored_values
from cuebot.domain.recount import check
from cuebot.domain.states import FrameState, LockState
from cuebot.engine.farm_rows import Rows, load_farm
from cuebot.scheduling.rules.policy import Policy
from cuebot.sim.specs import job_spec, layer_spec


def desk(farm: SmallFarm, **fields: Any) -> str:
    """A locked host that belongs to ann; its id."""
    host = farm.host("desk", **fields)
    farm.do(c.LockHost(host.id, LockState.LOCKED))
    owner = farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "ann"))
    farm.do(c.TakeOwnership(owner, host.id))
    return host.id


def part(farm: SmallFarm, host_id: str, job: str = "one", **wanted: Any) -> Partition:
    """A part of a host for a job: two cores and 8 GiB unless said otherwise."""
    asked: dict[str, Any] = {"user": "ann", "cores": 200, "memory": 8 * GIB, **wanted}
    id = farm.do(c.AddPartition(host_id=host_id, job_id=farm.job(job).id, **asked))
    return farm.farm.partitions[id]


def runs_on(farm: SmallFarm, host_id: str) -> list[Proc]:
    """What runs on a host."""
    return [farm.farm.procs[id] for id in farm.farm.hosts[host_id].proc_ids]


def test_a_job_runs_on_a_part_of_its_users_locked_host() -> None:
    """Up to its cores, and nothing else runs there."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    farm.launch(job_spec("two"))
    partition = part(farm, host_id)
    farm.plan()
    runs = runs_on(farm, host_id)
    assert [(run.job_id, run.cores, run.partition_id) for run in runs] == [(farm.job("one").id, 100, partition.id)] * 2
    assert len(farm.take_launches()) == 2


def test_what_runs_there_counts_by_no_share_and_no_maximum() -> None:
    """Neither the subscription nor job, group and layer hold it; the host does."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    (subscription,) = farm.farm.subscriptions.values()
    farm.do(c.Change("subscription", subscription.id, {"burst": 0}))
    farm.do(c.Change("job", farm.job("one").id, {"max_cores": 100}))
    part(farm, host_id)
    farm.plan()
    held = (subscription, farm.job("one"), farm.farm.groups[farm.job("one").group_id], farm.layer("one/render"))
    assert [thing.reserved_cores for thing in held] == [0, 0, 0, 0]
    assert int(farm.farm.hosts_table.idle_cores[farm.farm.hosts[host_id].row]) == 200


def test_a_policy_holds_there_too() -> None:
    """Where a studio says that a frame may not run on a host, its user's part of it does not change that."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    part(farm, host_id)
    nowhere = SimpleNamespace(allow_hosts=lambda request, hosts: np.zeros(len(hosts), dtype=bool))
    farm.core.policies = [Policy.of("studio", nowhere)]
    farm.plan()
    assert runs_on(farm, host_id) == []
    farm.core.policies = []
    farm.plan()
    assert len(runs_on(farm, host_id)) == 2


def test_a_frame_gets_its_threads_and_tags_do_not_matter() -> None:
    """Two threads are two cores; a layer for other hosts runs there all the same."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one", layer_spec(tags=("elsewhere",))))
    part(farm, host_id, threads=2, cores=300)
    farm.plan()
    assert sorted(run.cores for run in runs_on(farm, host_id)) == [100, 200]


def test_memory_holds_frames_back() -> None:
    """Frames of 1 GiB in a part of 2: two, although there are four cores."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    part(farm, host_id, cores=400, memory=2 * GIB)
    farm.plan()
    assert len(runs_on(farm, host_id)) == 2


def test_a_layer_and_a_frame_can_have_a_part() -> None:
    """Nothing else of their job runs there."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one", layer_spec("a"), layer_spec("b")))
    farm.launch(job_spec("two"))
    part(farm, host_id, layer_id=farm.layer("one/b").id)
    part(farm, host_id, "two", layer_id=farm.layer("two/render").id, frame_index=7)
    farm.plan()
    runs = runs_on(farm, host_id)
    assert {run.layer_id for run in runs} == {farm.layer("one/b").id, farm.layer("two/render").id}
    assert [run.frame_index for run in runs if run.job_id == farm.job("two").id] == [7]


def test_the_next_frame_follows_when_one_has_ended() -> None:
    """And when the job is over, the part is nobody's."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one", layer_spec(range_text="1-3")))
    part(farm, host_id, cores=100)
    for _ in range(3):
        farm.plan()
        (run,) = runs_on(farm, host_id)
        farm.end(run)
    assert farm.job("one").state.name == "FINISHED"
    assert not farm.farm.partitions


def test_an_ended_part_ends_what_runs_there() -> None:
    """The frames wait again, uncharged."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    partition = part(farm, host_id)
    farm.plan()
    assert farm.do(c.DropPartition(partition.id)) == 1
    runs = runs_on(farm, host_id)
    assert len(farm.take_kills()) == 2
    for run in runs:
        farm.end(run, exit_status=1, exit_signal=15)
    assert farm.layer("one/render").counts[FrameState.WAITING] == 10
    farm.plan()
    assert not runs_on(farm, host_id)


def test_a_part_can_be_made_larger() -> None:
    """What is 0 stays as it is."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    partition = part(farm, host_id, cores=100)
    farm.plan()
    assert farm.do(c.ResizePartition(partition.id, 300, 0, 0, 0)) == 1
    assert farm.do(c.ResizePartition(partition.id, 300, 0, 0, 0)) == 0
    farm.plan()
    assert len(runs_on(farm, host_id)) == 3
    assert partition.memory == 8 * GIB


def test_what_makes_no_sense_is_refused_in_words() -> None:
    """An open host, a host of somebody else's, no core, a second part, nothing that fits, what there is not."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    farm.launch(job_spec("two"))
    other = farm.host("rack")
    with pytest.raises(Refused, match="host 'rack' is not locked"):
        part(farm, other.id)
    farm.do(c.LockHost(other.id, LockState.LOCKED))
    with pytest.raises(Refused, match="host 'rack' is nobody's, and ann may not render on it"):
        part(farm, other.id)
    with pytest.raises(Refused, match="host 'desk' belongs to ann, and bob may not"):
        part(farm, host_id, user="bob")
    with pytest.raises(Invalid, match="at least 1 core"):
        part(farm, host_id, cores=0)
    with pytest.raises(
        Refused, match=r"which has 2 cores and 0 MB free now: a frame of layer 'render' needs a core and"
    ):
        part(farm, host_id, memory=1)
    part(farm, host_id)
    with pytest.raises(AlreadyExists, match="has a partition on host 'desk' already"):
        part(farm, host_id)
    with pytest.raises(NotFound, match="there is no partition"):
        farm.do(c.DropPartition(farm.new_id()))


def test_a_part_has_no_more_than_its_host() -> None:
    """When it is made, and when it is made larger; less than a core is none."""
    farm = SmallFarm()
    host_id = desk(farm)
    host = farm.farm.hosts[host_id]
    farm.launch(job_spec("one"))
    partition = part(farm, host_id, cores=20_000, memory=900 * GIB, gpus=4)
    assert (partition.cores, partition.memory, partition.gpus) == (host.cores, host.memory, host.gpus)
    assert farm.do(c.ResizePartition(partition.id, 100, GIB, 0, 0)) == 1
    assert farm.do(c.ResizePartition(partition.id, 20_000, 900 * GIB, 0, 0)) == 1
    assert (partition.cores, partition.memory) == (host.cores, host.memory)
    with pytest.raises(Invalid, match="at least 1 core"):
        farm.do(c.ResizePartition(partition.id, 1, 0, 0, 0))


def test_a_part_for_which_nothing_waits_is_refused() -> None:
    """That is no matter of room."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    farm.do(c.Change("job", farm.job("one").id, {"paused": True}))
    with pytest.raises(Refused, match="no frame that this part of host 'desk' is for waits"):
        part(farm, host_id)


@pytest.mark.parametrize("how", ["taken", "disowned", "without an owner"])
def test_whoever_owns_a_host_no_more_renders_there_no_more(how: str) -> None:
    """What runs ends and waits again; a host that stays its owner's goes on."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    part(farm, host_id)
    farm.plan()
    ann = farm.farm.owner_named("ann").id
    farm.do(c.TakeOwnership(ann, host_id))
    assert farm.farm.partitions
    if how == "taken":
        farm.do(c.TakeOwnership(farm.do(c.CreateOwner(farm.farm.show_named("testing").id, "bob")), host_id))
    elif how == "disowned":
        farm.do(c.DropDeed(farm.farm.deed_of_host[host_id]))
    else:
        farm.do(c.DropOwner(ann))
    assert not farm.farm.partitions
    assert len(farm.take_kills()) == 2
    check(farm.farm)


def test_parts_and_their_runs_survive_a_restart() -> None:
    """What is stored makes the same farm, and what runs there still counts by no share."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    part(farm, host_id)
    farm.plan()
    rows = Rows({kind: [stored_values(thing) for thing in farm.farm.table(kind).values()] for kind in NOUNS})
    again = load_farm(rows, farm.now_us)
    assert again.partitions == farm.farm.partitions
    assert {proc.partition_id for proc in again.procs.values()} == set(farm.farm.partitions)
    assert again.jobs[farm.job("one").id].reserved_cores == 0


def test_a_part_ends_with_its_host() -> None:
    """A host that is forgotten has none."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    part(farm, host_id)
    farm.plan()
    farm.do(c.DropHost(host_id))
    assert not farm.farm.partitions
    check(farm.farm)


def test_a_show_that_books_nothing_books_nothing_on_desks() -> None:
    """What runs there goes on; the next frame waits until the show books again."""
    farm = SmallFarm()
    host_id = desk(farm)
    farm.launch(job_spec("one"))
    farm.launch(job_spec("two"))
    part(farm, host_id, cores=100)
    farm.do(c.Change("show", farm.farm.show_named("testing").id, {"booking_enabled": False}))
    farm.plan()
    assert not runs_on(farm, host_id)
    with pytest.raises(Refused, match="show 'testing' books nothing now"):
        part(farm, host_id, "two")
