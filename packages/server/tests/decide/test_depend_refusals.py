"""Depends between whole jobs are no depends of a thing on itself."""

from __future__ import annotations

import itertools

import pytest

from cuebot.domain import commands as c
from cuebot.domain.errors import Refused
from cuebot.domain.farm import Farm
from cuebot.domain.states import DependType, FrameState
from cuebot.engine.core import SYSTEM, Core
from cuebot.spec import parse_spec


def launched(core: Core, name: str) -> str:
    """Launch a job of three frames and return its id."""
    text = (
        "<spec><facility>local</facility><show>testing</show><shot>sh1</shot><user>ada</user>"
        f'<job name="{name}"><layers><layer name="beauty" type="Render"><cmd>true</cmd><range>1-3</range>'
        "<chunk>1</chunk></layer></layers></job></spec>"
    )
    job_ids: list[str] = core.execute(c.SubmitJobs(parse_spec(text)), SYSTEM, 1)
    return job_ids[0]


def test_a_job_waits_for_another_and_not_for_itself() -> None:
    """JOB_ON_JOB names no layer on either side, which does not make the sides the same."""
    numbers = itertools.count(1)
    core = Core(Farm(), last_seq=0, started_us=0, new_id=lambda: f"{next(numbers):08x}-0000-4000-8000-000000000000")
    core.execute(c.Seed(), SYSTEM, 1)
    first, second = launched(core, "anim"), launched(core, "comp")
    core.execute(c.AddDepend(DependType.JOB_ON_JOB, er_job=second, on_job=first), SYSTEM, 2)
    assert core.farm.jobs[second].counts[FrameState.DEPEND] == 3
    with pytest.raises(Refused, match="itself"):
        core.execute(c.AddDepend(DependType.JOB_ON_JOB, er_job=first, on_job=first), SYSTEM, 2)
