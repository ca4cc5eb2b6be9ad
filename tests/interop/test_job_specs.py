"""The job specifications of `outline` against those of upstream's, of the same outlines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from FileSequence import FrameSet

PEER = Path(__file__).with_name("outline_peer.py")
OURS_ALONE = {"CUE_LAUNCH_FOLDER", "PATH"}
"""Variables of a job that say where it was launched; docs/reference/job-spec.md."""
LATE = "LATE"
"""A variable that `set_env` gave without `pre`: there is no process of outline in such a frame to set it."""

Shape = tuple[Any, ...]


def _specs(python: Path | str, home: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OL_")}
    ended = subprocess.run(
        [str(python), str(PEER)],
        env={**environment, "HOME": str(home), "OUTLINE_CONFIG_FILE": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(ended.stdout)


def _shape(element: ElementTree.Element) -> Shape:
    """Return all that an element says; ranges as their frames, and without what is known to differ."""
    if element.tag == "range":
        return ("range", *FrameSet(element.text))
    children = [
        child
        for child in element
        if child.tag != "uid" and not (child.tag == "key" and child.get("name") in (*OURS_ALONE, LATE))
    ]
    return (element.tag, sorted(element.attrib.items()), element.text or "", *map(_shape, children))


@pytest.fixture(scope="module")
def both(upstream_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, ElementTree.Element]]:
    """The specifications by outline, upstream's and ours."""
    home = tmp_path_factory.mktemp("home")
    texts = [_specs(upstream_bin / "python", home), _specs(sys.executable, home)]
    return [{name: ElementTree.fromstring(text) for name, text in specs.items()} for specs in texts]


def test_the_same_outlines_become_the_same_jobs(both: list[dict[str, ElementTree.Element]]) -> None:
    """Elements, their order, attributes, texts and the frames of ranges are those that upstream writes."""
    theirs, ours = ({name: _shape(spec) for name, spec in specs.items()} for specs in both)
    assert len(theirs) == 16
    for name, shape in theirs.items():
        assert ours[name] == shape, name


def test_a_variable_of_frames_is_not_lost_without_pycuerun(both: list[dict[str, ElementTree.Element]]) -> None:
    """Frames that run a layer's command directly get the variables that upstream would have set in Python."""
    theirs, ours = (specs["files_and_variables/0"].find(f".//key[@name='{LATE}']") for specs in both)
    assert theirs is None
    assert ours is not None
    assert ours.text == "yes"
