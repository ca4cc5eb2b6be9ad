"""-where in lists of shows, allocations, subscriptions and services."""

from __future__ import annotations

import json

import pytest
from builders import a_show, a_subscription, an_allocation

from cue_cli.cueadmin import main


@pytest.fixture(autouse=True)
def _small_farm(farm):
    """Two shows, two allocations and a subscription."""
    farm.shows = {"demo": a_show(), "big-one": a_show("big-one", active=False)}
    farm.allocations = {"local.general": an_allocation(), "local.desktop": an_allocation("local.desktop")}
    farm.subscriptions["local.general.demo"] = a_subscription()


def names(capsys, *arguments: str) -> list[str]:
    """What a list has."""
    assert main([*arguments, "--json"]) == 0
    return [one["name"] for one in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("big", ["big-one"]),
        ("name:DEMO", ["demo"]),
        ("name:big*,demo", ["demo", "big-one"]),
        ("-big", ["demo"]),
        ("name!=demo", ["big-one"]),
        ("active:yes", ["demo"]),
        ("active:no name:b*", ["big-one"]),
        ("pending_jobs>=0", ["demo", "big-one"]),
        ("pending_jobs>9999", []),
        ("", ["demo", "big-one"]),
    ],
)
def test_shows_are_chosen_by_their_fields(capsys, query, found):
    """As the language of queries has it: text, numbers, yes and no, not."""
    assert sorted(names(capsys, "-ls", "-where", query)) == sorted(found)


def test_lists_are_ordered_by_a_field(capsys):
    """The largest first with a dash."""
    assert names(capsys, "-la", "-where", "local", "-order", "name") == ["local.desktop", "local.general"]
    assert names(capsys, "-la", "-where", "local", "-order=-name") == ["local.general", "local.desktop"]


def test_subscriptions_are_chosen(capsys):
    """Of a show and of an allocation; a field may be named without its unit."""
    assert names(capsys, "-lb", "demo", "-where", "size>0") == names(capsys, "-lb", "demo")
    assert names(capsys, "-lba", "general", "-where", "show:other") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [("nmae:x", "did you mean 'name'?"), ("active:maybe", "neither yes nor no"), ("pending_jobs>many", "no number")],
)
def test_what_makes_no_sense_is_refused(capsys, query, words):
    """With the field that may have been meant, or what is wrong with the value."""
    with pytest.raises(SystemExit) as ended:
        main(["-ls", "-where", query])
    assert (ended.value.code, words in capsys.readouterr().err) == (2, True)
