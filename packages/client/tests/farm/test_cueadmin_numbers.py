"""What cueadmin does with numbers that are none, or that no farm can hold."""

from __future__ import annotations

import pytest
from builders import a_job, a_layer, a_show, a_subscription, an_allocation

from cue_cli.cueadmin import main
from cue_cli.cueadmin.commands import COMMANDS

JOB = "demo-sh010-ann_comp"
NUMBERS = {"BURST", "CORES", "GPUS", "MEMORY", "MINUTES", "N", "PRIORITY", "SECONDS", "SIZE", "STATUS"}
NAMES = {"JOB": JOB, "LAYER": "beauty", "SHOW": "demo", "ALLOC": "general", "GROUP": "demo", "LIMIT": "nuke"}
NO_NUMBERS = ["nan", "inf", "-inf", "1e400", "", "x", "9" * 400, "9" * 5000]

COMMAND_LINES = [
    [command.flags[0], *("NUMBER" if word == name else NAMES.get(word, "1") for word in command.takes.split())]
    for command in COMMANDS
    for name in command.takes.split()
    if name in NUMBERS
]
FILTER_LINES = [["-lp", filter, "NUMBER"] for filter in ("-memory", "-duration", "-limit")]
FILTER_LINES += [["-lp", "-memory", f"{before}NUMBER"] for before in ("gt", "lt", "1-")]
FILTER_LINES += [["-runs", JOB, "-attempt", "NUMBER"]]


@pytest.fixture(autouse=True)
def _small_farm(farm):
    """Fill the farm with one of each."""
    farm.jobs[JOB] = a_job()
    farm.layers[JOB] = [a_layer("beauty")]
    farm.shows["demo"] = a_show()
    farm.allocations = {"local.general": an_allocation()}
    farm.subscriptions["local.general.demo"] = a_subscription()


@pytest.mark.parametrize("text", NO_NUMBERS, ids=[repr(text[:8]) + str(len(text)) for text in NO_NUMBERS])
@pytest.mark.parametrize("line", [*COMMAND_LINES, *FILTER_LINES], ids=" ".join)
def test_no_number_is_refused_in_words(farm, capsys, line, text):
    """Every argument that is a number refuses what is none in one line, with status 2, and nothing is changed."""
    with pytest.raises(SystemExit) as ending:
        main([word.replace("NUMBER", text) for word in line])
    words = capsys.readouterr().err
    assert ending.value.code == 2
    assert "Traceback" not in words
    assert words.count("error: ") == 1
    assert not farm.changes()


def test_the_table_has_every_number():
    """The commands that take numbers are found by the names of their arguments."""
    assert len(COMMAND_LINES) >= 19


@pytest.mark.parametrize(
    "line",
    [
        ["-size", "demo", "general", "0.001"],
        ["-burst", "demo", "general", "0.004"],
        ["-create-sub", "demo", "general", "0.001", "5"],
        ["-set-min-cores", JOB, "0.009"],
        ["-layer-cores", JOB, "beauty", "0.001"],
    ],
    ids=" ".join,
)
def test_a_positive_number_never_becomes_zero(farm, capsys, line):
    """Fewer cores than the least are refused with the least, instead of becoming none."""
    with pytest.raises(SystemExit) as ending:
        main(line)
    assert ending.value.code == 2
    assert "would become 0: the least is 0.01 cores" in capsys.readouterr().err


def test_zero_is_a_size(farm, capsys):
    """Zero is a number as any other."""
    assert main(["-size", "demo", "general", "0"]) == 0
    assert "size 0 cores" in capsys.readouterr().out


def test_a_percentage_beyond_every_burst_is_refused(farm, capsys):
    """A burst that no message could carry is refused in words, also where it is told as a percentage."""
    with pytest.raises(SystemExit) as ending:
        main(["-burst", "demo", "general", "2147483647%"])
    assert ending.value.code == 2
    assert "too large for a burst" in capsys.readouterr().err
