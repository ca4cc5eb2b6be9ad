"""The page on the job specification has the server's numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cuebot.domain.bounds import DEFAULT_BOUNDS
from cuebot.domain.errors import LimitExceeded
from cuebot.spec import parse_spec

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "job-spec.md").read_text(encoding="utf-8")
TOLD = re.findall(r"`(\w+)` = ([0-9,]+)", PAGE)
SPEC = (
    "<spec><show>testing</show><shot>sh010</shot><user>ann</user>"
    '<job name="one"><layers><layer name="render" type="Render"><cmd>true</cmd>'
    "<range>1-1000000</range><chunk>{}</chunk></layer></layers></job></spec>"
)


def test_every_limit_on_the_page_is_the_servers() -> None:
    """Each is named as a refusal names it, with its number."""
    assert {name for name, _ in TOLD} >= {"frames_per_range", "frames_per_spec", "range_characters"}
    for name, number in TOLD:
        assert getattr(DEFAULT_BOUNDS, name) == int(number.replace(",", "")), name


def test_a_range_of_a_million_frames_needs_chunks() -> None:
    """As the page says: with chunks of 10 it is taken, with smaller ones the limit is named."""
    assert parse_spec(SPEC.format(10)).jobs[0].layers[0].frame_count == DEFAULT_BOUNDS.frames_per_spec
    with pytest.raises(LimitExceeded, match="frames_per_spec"):
        parse_spec(SPEC.format(1))
