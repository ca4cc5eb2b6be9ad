"""Every command of docs/howto/hosts.md, typed in its order on a farm that has what the page names, does something."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import served
from small_farm import SmallFarm

import opencue
from cue_cli.cueadmin import run
from cuebot.domain.states import HostState

PAGE = Path(__file__).parents[4] / "docs/howto/hosts.md"
SPEC = (
    "<spec><facility>local</facility><show>demo</show><shot>sh010</shot><user>ann</user>"
    '<job name="{}"><layers><layer name="beauty" type="Render"><cmd>true</cmd><range>1-20</range><chunk>1</chunk>'
    "<cores>1.0</cores><memory>1g</memory></layer></layers></job></spec>"
)


def lines_of_page() -> list[str]:
    """The commands of the page; the first two make the show of the others."""
    return re.findall(r"^    (cueadmin .*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallFarm]:
    """Two hosts, one of which a job fills, and a job in a hurry that waits."""
    monkeypatch.setattr("opencue.wrappers.render_partition.userName", lambda: "ann")
    farm = SmallFarm()
    farm.host("rack01")
    with served(farm):
        for line in lines_of_page()[:2]:  # make the show
            assert run.main(shlex.split(line)[1:]) == 0, line
        for name in ("comp", "hurry"):
            opencue.api.launchSpecAndWait(SPEC.format(name))
            farm.plan()
        farm.host("desk01")
        yield farm


def test_the_commands_of_the_page_do_what_it_says(farm: SmallFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each succeeds."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    lines = lines_of_page()[2:]
    assert len(lines) == 12
    for line in lines:
        words = shlex.split(line)[1:]
        assert run.main(words if "-force" in words else ["-force", *words]) == 0, line
    assert farm.farm.host_named("rack01").state is HostState.REBOOT_WHEN_IDLE
    assert [deed.host_id for deed in farm.farm.deeds.values()] == [farm.farm.host_named("desk01").id]
    assert len(farm.take_kills()) == 4  # by -now


def test_the_script_of_the_page_runs(farm: SmallFarm, capsys: pytest.CaptureFixture[str]) -> None:
    """It redirects each place, and says to whom."""
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(script, str(PAGE), "exec"), names)
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in told] == ["True"] * 4 + ["places"]
    assert told[-1] == "4 places"
