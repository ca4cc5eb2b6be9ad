"""No page has commands that nothing runs: each is run by a test, or is marked as one that none can run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

FOLLOWED = {
    "docs/tutorial/first-job.md": "tests/e2e/test_first_job.py",
    "docs/tutorial/first-outline.md": "packages/client/tests/outline/test_documents.py",
    "docs/howto/hosts.md": "packages/server/tests/wire/test_hosts_page.py",
    "docs/howto/script-the-farm.md": "tests/e2e/test_page_commands.py",
    "docs/howto/filter-jobs.md": "tests/e2e/test_page_commands.py",
    "docs/howto/submit-a-command.md": "tests/e2e/test_page_commands.py",
    "docs/howto/licences-and-limits.md": "tests/e2e/test_page_commands.py",
    "docs/reference/cuecmd.md": "tests/e2e/test_page_commands.py",
    "docs/reference/cueman.md": "tests/e2e/test_page_commands.py",
    "docs/reference/cuerqd.md": "tests/e2e/test_page_commands.py",
    "docs/reference/cuesubmit.md": "tests/e2e/test_page_commands.py",
    "docs/howto/look-back.md": "packages/server/tests/queries/test_cueadmin_history.py",
    "docs/reference/queries.md": "tests/e2e/test_page_commands.py",
    "docs/reference/configuration.md": "tests/e2e/test_page_commands.py",
    "docs/reference/scenarios.md": "tests/e2e/test_page_commands.py",
    "CONTRIBUTING.md": "tests/test_workspace.py",
}
"""Pages whose every command a test reads from the page: it runs it, or holds a `make` target against the Makefile."""

SECTIONS_FOLLOWED = {
    ("README.md", "## A farm on your machine"): "tests/e2e/test_page_commands.py",
    ("README.md", "## A farm on several machines"): "tests/e2e/test_several_machines.py",
    ("README.md", ""): "tests/test_workspace.py",
}

NOT_RUN = {
    "docs/howto/licences-and-limits.md": "wants a licence server",
    "docs/operation/services.md": "wants systemd and root",
    "docs/reference/cueadmin.md": "that the scripts complete is tested with the command line",
    "docs/reference/feed.md": "goes on until Ctrl-C; that it watches is tested with the feed",
}
"""What no test runs, and why: as it is marked on the page."""

PROGRAMS = (
    "cuefarm|rqd|cueadmin|cuecmd|cueman|cuerqd|cuesubmit|pycuerun|python|make|pip|git|mkdir|export|systemctl|useradd"
    "|install|runuser|createdb"
)
COMMAND = re.compile(rf"(?:\$ )?((?:\.venv/bin/)?(?:{PROGRAMS}) .*)")
BLOCK = re.compile(
    r"(?:<!-- not run: ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```|((?:^    \S.*\n)+)", re.MULTILINE | re.DOTALL
)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a text's blocks, each with the reason for which it is marked as not run."""
    for why, kind, block, indented in BLOCK.findall(text):
        if kind in ("", "sh", "console"):
            for line in (block or indented).splitlines():
                found = COMMAND.fullmatch(line.strip())
                if found and "[options]" not in line:  # a synopsis
                    yield re.split(r" {2,}#", found[1])[0].strip(), why


def sections(page: Path) -> Iterator[tuple[str, str]]:
    """The parts of a page below headings of the second level, the first one without a heading."""
    for part in re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        yield (part.split("\n", 1)[0] if part.startswith("## ") else ""), part


def followed() -> set[str]:
    """Every command on a page, or in a section, that a test follows."""
    found: set[str] = set()
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        whole = name in FOLLOWED or name.startswith("docs/operation/")
        for heading, part in sections(page):
            if whole or (name, heading) in SECTIONS_FOLLOWED:
                found |= {command for command, why in commands(part) if not why}
    return found


def test_every_command_of_a_page_is_run_or_marked() -> None:
    """A command is on a page that a test follows, stands there too, or is marked with the reason why none runs it."""
    known = followed()
    assert len(known) > 60
    told = [(page, command, why) for page in PAGES for command, why in commands(page.read_text(encoding="utf-8"))]
    alone = [f"{page.relative_to(ROOT)}: {command}" for page, command, why in told if not why and command not in known]
    assert alone == []


def test_what_no_test_runs_is_listed() -> None:
    """Marks of commands that none can run are those of this list, with their reasons."""
    told = {(p.relative_to(ROOT).as_posix(), why) for p in PAGES for _, why in commands(p.read_text()) if why}
    assert told == set(NOT_RUN.items())


def test_those_who_follow_a_page_read_it() -> None:
    """A test that is said to follow a page has the page's name in it."""
    for name, test in [*FOLLOWED.items(), *((page, test) for (page, _), test in SECTIONS_FOLLOWED.items())]:
        assert Path(name).name in (ROOT / test).read_text(encoding="utf-8"), test
