"""The glossary has every noun and state of the farm, and each of its links names something that is there."""

from __future__ import annotations

import ast
import re
from enum import IntEnum
from pathlib import Path

import pytest

from cuebot.domain.nouns import NOUNS
from cuebot.domain.states import FrameState, HostState, JobState, LockState

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "glossary.md"
ENTRIES = re.findall(r"^### (.+)\n\n((?:.+\n)+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
TERMS = [term for term, _ in ENTRIES]
LINK = re.compile(r"\[`([\w.]+)`\]\(([^)]+)\)")


def defined(module: Path) -> set[str]:
    """The names that a module defines."""
    names = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        names |= {str(getattr(target, "id", getattr(target, "name", ""))) for target in targets}
    return names


def test_terms_are_sorted_and_told_once() -> None:
    """A reader finds a term by the alphabet; every paragraph of the page is an entry."""
    assert sorted(TERMS, key=lambda term: (term.lower(), term)) == TERMS
    assert len(set(TERMS)) == len(TERMS) == PAGE.read_text(encoding="utf-8").count("\n#")


@pytest.mark.parametrize(("term", "text"), ENTRIES, ids=TERMS)
def test_each_term_links_to_its_definition(term: str, text: str) -> None:
    """An entry is one to three sentences and a link whose text is what that module defines, or the module itself."""
    (label, target), *more = LINK.findall(text)
    path = (PAGE.parent / target).resolve()
    module = target.split("/src/")[1].removesuffix(".py").replace("/", ".")
    assert not more
    assert label == module or label in defined(path)
    assert 1 <= len(re.findall(r"[.:?!](?:\s|$)", LINK.sub("", text))) <= 3


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_of_the_farm_has_an_entry(noun: str) -> None:
    """Each kind of row is explained."""
    assert noun.replace("_", " ").capitalize() in TERMS


@pytest.mark.parametrize("states", [JobState, FrameState, HostState, LockState])
def test_every_state_has_an_entry(states: type[IntEnum]) -> None:
    """Each state of jobs, frames, hosts and locks is explained."""
    assert {state.name for state in states} <= set(TERMS)
