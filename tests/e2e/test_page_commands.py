"""Commands of pages that are no story: each is typed on a farm that has what the pages name, and is understood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_process import FarmProcess, layer, wait_for
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
JOB = "demo-sh010-ann_comp"
COMMANDS = ("cuefarm ", "cueadmin ", "cuecmd ", "cueman ", "cuerqd ", "cuesubmit ", "pycuerun ", "python -c ")
SPEC = (
    "<spec><facility>local</facility><show>demo</show><shot>sh010</shot><user>ann</user>"
    f'<job name="comp"><layers>{layer("beauty", "echo rendered", "1-140")}</layers></job></spec>'
)


def lines_of(page: str, heading: str = "") -> list[str]:
    """The commands of a page, or of the part below a heading, without comments and what may be left out."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = text.split(heading, 1)[1].split("\n## ", 1)[0] if heading else text
    blocks = re.findall(r"^```(?:sh|console|)\n(.*?)^```|((?:^    \S.*\n)+)", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in "".join(block).splitlines()]
    known = [line for line in lines if line.startswith(COMMANDS)]
    return [re.sub(r" \[[A-Z]+\]", "", re.split(r" {2,}#", line)[0]).strip() for line in known]


@pytest.fixture(scope="module")
def terminal(farm: FarmProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal beside a farm on which the job of the pages has run."""
    opencue = farm.connect()
    opencue.api.createShow("demo")
    (job,) = opencue.api.launchSpecAndWait(SPEC)
    (allocation,) = opencue.api.getAllocations()
    opencue.api.findShow("demo").createSubscription(allocation, 100.0, 100.0)
    wait_for(lambda: opencue.api.getJob(job.id()).succeededFrames() == 140, 60, "the job to be done")
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "examples").symlink_to(ROOT / "examples")
    for name in ("scene.blend", "comp.nk"):
        (folder / name).touch()
    (folder / "commands.txt").write_text("echo one\necho two\n")
    address = wait_for(lambda: next((farm.data / "run").glob("agent-*/address"), None), 20, "the agent to listen")
    made = Terminal(
        folder,
        {"cuerqd render01": f"cuerqd {address.read_text().strip()}"},
        {"CUEBOT_HOSTS": farm.grpc, "TURNTABLE_FOLDER": str(folder / "pictures")},
    )
    yield made
    made.close()


PAGES = [
    ("README.md", "## A farm on your machine"),
    ("docs/howto/submit-a-command.md", ""),
    ("docs/howto/script-the-farm.md", ""),
    ("docs/howto/filter-jobs.md", ""),
    ("docs/howto/licences-and-limits.md", ""),
    ("docs/reference/queries.md", ""),
    ("docs/reference/cuecmd.md", ""),
    ("docs/reference/cueman.md", ""),
    ("docs/reference/cuerqd.md", ""),
    ("docs/reference/cuesubmit.md", ""),
    ("docs/reference/configuration.md", ""),
]


@pytest.mark.parametrize(
    "line", [line for page, heading in PAGES for line in lines_of(page, heading) if "…" not in line]
)
def test_a_command_of_a_page_is_understood(terminal: Terminal, line: str) -> None:
    """It succeeds, or says that there was nothing to do: never that it makes no sense."""
    status, told = terminal.type(re.sub(r"\bJOB\b", JOB, line) + " < /dev/null")
    assert status in (0, 1), told
    assert not re.search(r"(?m)^usage:|Traceback|unrecognized|no such (?:job|layer|frame)", told), told


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_commands_of_the_page_on_scenarios_run(tmp_path: Path) -> None:
    """Each command of scenarios.md succeeds, in the order of the page, and leaves the files that it names."""
    terminal = Terminal(tmp_path, {})
    try:
        for line in lines_of("docs/reference/scenarios.md"):
            status, told = terminal.type(line)
            assert status == 0, (line, told)
    finally:
        terminal.close()
    assert {"mine.yaml", "mine.png", "mine.json"} <= {path.name for path in tmp_path.iterdir()}
