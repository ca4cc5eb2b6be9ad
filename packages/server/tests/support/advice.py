"""Situations in which `explain` gives advice, and a reader who follows it to the letter."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from served import served
from small_farm import SmallFarm

from cue_cli.cueadmin import main
from cuebot.domain.states import FrameState
from cuebot.scheduling.explain.frame import explain_frame
from cuebot.scheduling.explain.layer import explain_layer
from cuebot.wire.advice import for_people

Build = Callable[[], SmallFarm]
Step = Callable[[SmallFarm], object]


@dataclass(frozen=True)
class Row:
    """A situation in which a reason is given, and what is to be seen go on."""

    build: Build
    path: str = "one/render"
    frame: int | None = None
    """Of a reason that one frame is told: its index."""
    step: Step | None = None
    """What makes the work go on where no command does: time, a report, another submission."""
    says: str = ""
    """Words of the advice where there is no command."""
    unlike: tuple[str, ...] = field(default=())
    """What the advice must not have."""


def finish_what_runs(farm: SmallFarm) -> None:
    """Everything that runs is done."""
    for run in list(farm.farm.procs.values()):
        farm.end(run)


def reasons_of(farm: SmallFarm, path: str, frame: int | None) -> dict[str, str]:
    """What is told of a layer or frame: remedies by code."""
    layer = farm.layer(path)
    if frame is None:
        found = explain_layer(farm.farm, layer, farm.now_us).reasons
    else:
        found = explain_frame(farm.farm, layer, frame, farm.now_us).reasons
    return {reason.code: for_people(reason.remedy) for reason in found}


def printed(farm: SmallFarm, path: str, frame: int | None, capsys: pytest.CaptureFixture[str]) -> str:
    """What `cueadmin -explain` prints of it."""
    job, _, layer = path.partition("/")
    number = [] if frame is None else [str(int(farm.layer(path).frames.number[frame]))]
    capsys.readouterr()
    assert main(["-explain", farm.job(job).id, layer, *number]) == 0
    return capsys.readouterr().out


def alternatives(remedy: str, out: str) -> list[list[list[str]]]:
    """Ways out, each of some commands as a shell would take them: of the reason itself, else each printed remedy."""
    texts = [text for text in remedy.split("; ") if "`cueadmin " in text]
    if not texts:
        lines = [line.strip() for line in out.splitlines()]
        texts = [line for line in lines if line.startswith(("cheapest remedy: ", "or: "))]
    return [[shlex.split(one) for one in re.findall(r"`cueadmin ([^`]*)`", text)] for text in texts]


def goes_on(farm: SmallFarm, path: str, ran_before: int) -> bool:
    """Frames of the layer are booked, at once or when what is before them has been done."""
    for _ in range(6):
        farm.plan()
        if int(farm.layer(path).frames.attempts.sum()) > ran_before or farm.layer(path).counts[FrameState.RUNNING]:
            return True
        finish_what_runs(farm)
    return False


ONLY_TO_READ = frozenset({"-log"})
"""Nothing wrote a log here."""


def follow(row: Row, code: str, capsys: pytest.CaptureFixture[str]) -> int:
    """Follow each way out on a farm of its own, and see the work go on. Returns how many there were."""
    number, most = 0, 1
    while number < most:
        farm = row.build()
        assert farm.plan() == [], "the work goes on without anybody's doing"
        with served(farm):
            remedies = reasons_of(farm, row.path, row.frame)
            assert code in remedies
            out = printed(farm, row.path, row.frame, capsys)
            ways = alternatives(remedies[code], out)
            most = len(ways)
            assert ways, out
            assert not [word for word in row.unlike for way in ways for command in way if word in " ".join(command)]
            ran = int(farm.layer(row.path).frames.attempts.sum())
            for words in ways[number]:
                if words[0] in ONLY_TO_READ:
                    continue
                assert main(["-force", *words]) == 0, (words, capsys.readouterr())
        assert goes_on(farm, row.path, ran), (ways[number], out)
        number += 1
    return number
