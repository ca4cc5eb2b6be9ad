"""The workspace itself: one version, targets that exist, files that a newcomer looks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def project(name: str) -> dict[str, object]:
    """The [project] table of a distribution."""
    return dict(tomllib.loads((ROOT / "packages" / name / "pyproject.toml").read_text())["project"])


def test_one_version() -> None:
    """The three distributions and the code carry one version, and the server asks for exactly that of the others."""
    from cuebot import __version__

    versions = {project(name)["version"] for name in ("client", "agent", "server")}
    assert versions == {__version__}
    dependencies = project("server")["dependencies"]
    assert f"cuefarm-client=={__version__}" in dependencies
    assert f"cuefarm-agent=={__version__}" in dependencies


def test_readme_commands_are_targets() -> None:
    """Every `make` command in the README, CONTRIBUTING and DEVELOPMENT is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set()
    for page in ("README.md", "CONTRIBUTING.md", "DEVELOPMENT.md"):
        named |= set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named <= targets


def test_what_a_developer_is_told_to_run_is_there() -> None:
    """Every program, test, folder and tool that DEVELOPMENT.md names in a command is in the tree."""
    page = (ROOT / "DEVELOPMENT.md").read_text()
    paths = {path.rstrip(".") for path in re.findall(r"(?:packages|tests|tools)/[\w/.]+", page)}
    tools = {f"tools/{name}.py" for name in re.findall(r"-m tools\.(\w+)", page)}
    assert len(paths) > 8
    assert not [path for path in paths | tools if not (ROOT / path).exists()]


def test_a_commit_is_looked_at_by_the_programs_of_make_check() -> None:
    """The hooks of git and `make check` call the same programs, from the same environment."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    programs = re.findall(r"^\t\$\(BIN\)/(python -m [\w.]+|[\w-]+(?: \w+)?)", recipe, re.MULTILINE)
    assert [hook["entry"].removesuffix(" --force-exclude") for hook in hooks] == [f".venv/bin/{p}" for p in programs]


def test_continuous_integration_runs_targets_that_everybody_has() -> None:
    """Its script calls check, docs, test and a sample of proof, and the workflow calls the script and nothing else."""
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)$", script, re.MULTILINE) == ["check", "docs", "test", "sample"]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["timeout-minutes"] >= 45


def test_what_the_makefile_names_is_there() -> None:
    """The tests of `make unit` and `make sample` are in the tree: a renamed one is not left out in silence."""
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"packages/(?:client|agent|server)/tests/[\w/.]+[\w.]", makefile))
    for folder, names in re.findall(r"addprefix ([\w/]+/),([^)]+)", makefile):
        named |= {folder + name for name in names.split()}
    assert len(named) > 10
    assert not [path for path in named if not (ROOT / path).exists()]


def test_links_lead_somewhere() -> None:
    """Every relative link in the documentation leads to a file."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    broken = []
    for page in pages:
        targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        broken += [f"{page.relative_to(ROOT)}: {t}" for t in targets if not (page.parent / t).exists()]
    assert not broken


def test_adrs_are_listed() -> None:
    """Every decision is listed in docs/adr/README.md."""
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in (ROOT / "docs" / "adr").glob("0*.md"):
        assert page.name in index
