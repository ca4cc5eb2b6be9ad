"""Every flag of OpenCue 1.37's `cueadmin` is one of ours, with the same arguments."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode adds no folder for helpers beside the tests

from describe_flags import of_parser

from cue_cli.cueadmin.parser import getParser

GOLDEN = json.loads((Path(__file__).parent / "cueadmin_1_37.json").read_text())

OF_THE_TUTORIALS = {
    "-setpriority", "-retry-frames", "-eat-frames", "-kill-frames", "-satisfy-dependency", "-kill-dependency",
    "-export", "-import",
}  # fmt: skip


def test_each_published_flag_takes_what_it_takes_there():
    """A line that is written for the published command is understood by ours."""
    ours = of_parser(getParser())
    wrong = {
        flag: (wanted, ours.get(flag))
        for flag, wanted in GOLDEN.items()
        if flag not in ours or ours[flag][0] > wanted[0] or ours[flag][1] < wanted[1]
    }
    assert wrong == {}


def test_flags_of_the_founding_tutorials_are_there():
    """Flags that only those name."""
    assert set(of_parser(getParser())) >= OF_THE_TUTORIALS
