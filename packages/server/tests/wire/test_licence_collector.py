"""The collector of `examples`: what a licence server says arrives at the farm."""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scheduling_farm import launch
from served import served
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain.nouns import Limit
from cuebot.sim.specs import layer_spec

COLLECTOR = Path(__file__).resolve().parents[4] / "examples" / "licence_collector.py"
LISTING = """\
lmutil - Copyright (c) 1989-2026. All Rights Reserved.
Users of nuke_i:  (Total of 4 licenses issued;  Total of 3 licenses in use)

  "nuke_i" v2026.0601, vendor: foundry
    ann ws1 :0.0 (v2026.0601) (lic1/27000 1234), start Fri 11/27 9:12
    bob ws1 :0.1 (v2026.0601) (lic1/27000 1334), start Fri 11/27 9:15
    farm host0.studio.example /dev/tty (v2026.0601) (lic1/27000 1434), start Fri 11/27 10:01, 2 licenses

Users of broken:  (Error: 2 licenses, unsupported by licensed server)
Users of maya:  (Total of 5 licenses issued;  Total of 0 licenses in use)
"""


@pytest.fixture
def farm() -> Iterator[SmallFarm]:
    """A served farm with limits for nuke and maya, and frames that want nuke."""
    farm = SmallFarm()
    farm.now_us = time.time_ns() // 1_000  # the collector has the true time
    farm.host("host0")
    farm.do(c.CreateLimit("nuke", 6))
    farm.do(c.CreateLimit("maya", 5))
    launch(farm, "testing", "one", layer_spec(limits=("nuke",)))
    with served(farm):
        yield farm


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """What the licence server says, in a file."""
    path = tmp_path / "lmstat.txt"
    path.write_text(LISTING)
    return path


def collect(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run the collector in this process."""
    monkeypatch.setattr(sys, "argv", [str(COLLECTOR), *words])
    runpy.run_path(str(COLLECTOR), run_name="__main__")


def limit(farm: SmallFarm, name: str) -> Limit:
    """A limit of the farm."""
    return farm.farm.limits[farm.farm.limit_by_name[name]]


def test_what_the_licence_server_counts_leaves_the_rest_to_the_farm(
    farm: SmallFarm, listing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hosts, tokens and users arrive; of six licences four are used, so two frames start."""
    collect(monkeypatch, "nuke_i=nuke", "maya=maya", "houdini=hou", "--", "cat", str(listing))
    told = capsys.readouterr().out
    assert told == "nuke 4/6, maya 0/5, the licence server says nothing of houdini\n"
    nuke = limit(farm, "nuke")
    assert {name: (holder.tokens, holder.user) for name, holder in nuke.holders.items()} == {
        "ws1": (2, "ann, bob"),
        "host0": (2, "farm"),
    }
    assert (nuke.licences, limit(farm, "maya").captured_us > 0) == (4, True)
    assert len(farm.plan()) == 2


def test_a_licence_server_that_does_not_answer_is_no_report_of_nothing(
    farm: SmallFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that fails ends the collector with words, and the farm believes what it knew."""
    with pytest.raises(SystemExit, match="nothing was reported"):
        collect(monkeypatch, "nuke_i=nuke", "--", "false")
    assert limit(farm, "nuke").captured_us == 0
