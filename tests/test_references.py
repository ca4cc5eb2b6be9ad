"""What comments, docstrings and pages refer to is there, and the numbers of pages are the code's."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path

import pytest

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "packages").glob("*/src/**/README.md")])
SOURCES = sorted(
    path
    for folder in ("packages", "tests", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".c", ".h", ".proto", ".toml") and path.name != "test_references.py"
)

CITED = {
    "opencue-behaviour": DOCS / "reference" / "opencue-behaviour.md",
    "decisions": DOCS / "explanation" / "decisions.md",
}
CITATION = re.compile(r"\b(opencue-behaviour|decisions): ([a-z0-9-]+)")
PRIVATE = re.compile(r"behaviour_(?:jobs|dispatch)|\bD\d{1,2}\b")
"""Names of notes that are not in the repository."""


def without_code(page: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """What a link may name on a page: its headings, as GitHub and the documentation site make anchors of them."""
    headings = re.findall(r"^#+ (.+)$", without_code(path.read_text(encoding="utf-8")), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading)).strip().lower() for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def test_every_citation_is_a_heading() -> None:
    """Each `opencue-behaviour: x` and `decisions: x`, wherever it stands, is a section of its page."""
    sections = {name: anchors(page) for name, page in CITED.items()}
    cited = [(path, *found) for path in (*SOURCES, *PAGES) for found in CITATION.findall(path.read_text())]
    assert len(cited) > 50
    assert [(str(path.relative_to(ROOT)), name, word) for path, name, word in cited if word not in sections[name]] == []


def test_nothing_cites_notes_that_are_elsewhere() -> None:
    """No section number of notes outside the repository is left, in code or on a page."""
    told = [(str(p.relative_to(ROOT)), word) for p in (*SOURCES, *PAGES) for word in PRIVATE.findall(p.read_text())]
    assert told == []


def test_links_lead_to_headings() -> None:
    """Every link of a page to a heading, on the same page or another, leads to one that is there."""
    known = {page.resolve(): anchors(page) for page in PAGES}
    broken = []
    for page in PAGES:
        for target, word in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", without_code(page.read_text(encoding="utf-8"))):
            there = (page.parent / target).resolve() if target else page.resolve()
            if there.suffix == ".md" and word not in known.get(there, ()):
                broken.append(f"{page.relative_to(ROOT)}: {target}#{word}")
    assert broken == []


# --- numbers ------------------------------------------------------------------------------------------------------
# A page that states a limit names it: "200 bookings (`bookings_per_slice`)", "64 MiB (limit `x`)", or "`x` = 200".

UNITS = {
    "KiB": ("kib", 1),
    "MiB": ("kib", 1024),
    "GiB": ("kib", 1024**2),
    "TiB": ("kib", 1024**3),
    "core": ("centicores", 100),
    "cores": ("centicores", 100),
    "s": ("seconds", 1),
    "seconds": ("seconds", 1),
    "min": ("seconds", 60),
    "minutes": ("seconds", 60),
    "hours": ("hours", 1),
}
OF_A_NAME = {"bytes": ("kib", 1 / 1024), "kib": ("kib", 1), "ms": ("seconds", 0.001)}
"""Units that stand in a bound's name, where a page may use another."""

NAMES = {bound.name: getattr(DEFAULT_BOUNDS, bound.name) for bound in fields(Bounds)}
NUMBER = re.compile(r"(?<![\w.,-])(\d[\d,]*(?:\.\d+)?|million)(?:\s+(\w+))?")
NAMED_AFTER = re.compile(r"\((?:limit\s+)?`(\w+)`[);,]")
NAMED_BEFORE = re.compile(r"`(\w+)`\s*=\s*([\d,]+)")


def value(number: str, unit: str, name: str) -> float:
    """What a page's number is in the unit of the bound that it states."""
    plain = 1_000_000.0 if number == "million" else float(number.replace(",", ""))
    kind, factor = UNITS.get(unit, ("", 1))
    own = next((word for word in name.split("_") if word in OF_A_NAME or word in ("hours", "seconds")), "")
    own_kind, own_factor = OF_A_NAME.get(own, (own, 1))
    return plain * factor / own_factor if kind and kind == own_kind else plain


def stated(page: str) -> list[tuple[str, str, str]]:
    """The limits that a page states: name, number, unit."""
    told = [(name, number, "") for name, number in NAMED_BEFORE.findall(page) if name in NAMES]
    for found in NAMED_AFTER.finditer(page):
        if found[1] not in NAMES:
            continue
        before = re.split(r"\n\n|[.;:|](?=\s)", page[: found.start()])[-1]
        numbers = NUMBER.findall(before)
        told.append((found[1], *(numbers[-1] if numbers else ("none", ""))))
    return told


def wrong(page: str) -> list[tuple[str, str, str]]:
    """The limits that a page states with another number than the code has, or with none."""
    return [
        (name, number, unit)
        for name, number, unit in stated(page)
        if number == "none" or value(number, unit, name) != NAMES[name]
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_numbers_of_limits_are_the_codes(page: Path) -> None:
    """A number beside the name of a bound is that bound."""
    assert page.name == "CHANGELOG.md" or wrong(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_calls_the_most_has_a_name(page: Path) -> None:
    """ "At most N" of a hundred and more names its limit, or is one of those that are no limit of the server's."""
    text = without_code(page.read_text(encoding="utf-8")) if page.name not in UNBOUND_PAGES else ""
    told = [" ".join(match[0].split()) for match in MOST.finditer(text)]
    assert [phrase for phrase in told if not NAMED_AFTER.search(phrase) and phrase not in CONSTANTS] == []


def test_other_numbers_are_their_constants() -> None:
    """What a page says of another program's limit is that program's constant."""
    for phrase, constant in CONSTANTS.items():
        module, _, name = constant.rpartition(".")
        assert re.findall(r"\d+", phrase) == [str(getattr(importlib.import_module(module), name))]


MOST = re.compile(r"(?:at most|up to|no more than|never more than)\s+(?:a\s+)?[1-9][\d,]{2,}\b[^.;|]{0,80}")
UNBOUND_PAGES = {"CHANGELOG.md", "figures.md", "proof.md", "scenarios.md"}
"""Pages of what was measured, or of what was."""
CONSTANTS = {
    "at most 200 bytes": "rqd.runner.error_line.LINE_BYTES_MAX",
    "no more than 256 orders without an answer": "cuebot.wire.agents.streams.ORDERS_UNANSWERED_MAX",
}
"""Limits that are no setting: where the number is from."""


def test_the_check_of_numbers_finds_a_wrong_one() -> None:
    """A number, a unit or a missing number that is not the bound's is told; the right one is not."""
    right = "in slices of at most 200 bookings (`bookings_per_slice`), and 10 MiB (limit `list_reply_bytes`)"
    assert wrong(right) == []
    assert [name for name, *_ in wrong(right.replace("200", "500"))] == ["bookings_per_slice"]
    assert [name for name, *_ in wrong(right.replace("MiB", "KiB"))] == ["list_reply_bytes"]
    assert wrong("as many as fit (`kept_rows`)") == [("kept_rows", "none", "")]
    assert MOST.search("books at most 500 frames at a time so that nothing waits")
