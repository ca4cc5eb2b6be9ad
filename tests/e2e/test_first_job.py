"""The README's first job and the page about it, typed as they stand there, with POV-Ray as the renderer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from farm_process import FarmProcess

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-job.md"
LOOKS = ("cueadmin -l", "cueadmin -explain")
"""Commands that only look: what the page shows may come a moment later."""
PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.skipif(shutil.which("povray") is None, reason="POV-Ray is not installed")
NewFarm = Callable[..., FarmProcess]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, as ann."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTLINE_OUTLINE_SESSION_DIR", str(tmp_path / "sessions"))
    for variable in ("SHOW", "SHOT", "DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("USER", "LOGNAME"):
        monkeypatch.setenv(variable, "ann")


def typed(farm: FarmProcess, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell, as from a second terminal."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CUEBOT_HOSTS": farm.grpc}
    return subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, timeout=120, check=False)


def blocks() -> list[tuple[str, str]]:
    """The page's blocks in their order: kind and text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def dialogue(block: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that it prints."""
    told: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            told.append((line[2:], []))
        else:
            told[-1][1].append(line)
    return told


def missing(lines: list[str], words: str) -> list[str]:
    """The lines of the page that did not come, in their order; `…` stands for anything."""
    came = words.splitlines()
    left = []
    for line in (line for line in lines if line != "…"):
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        at = next((number for number, text in enumerate(came) if pattern.fullmatch(text.strip())), None)
        if at is None:
            left.append(line)
        else:
            came = came[at + 1 :]
    return left


def test_readme_line_renders_a_picture_of_each_frame(new_farm: NewFarm, tmp_path: Path) -> None:
    """The first `cuefarm submit` of the README leaves twenty pictures, each of its own frame, without a display."""
    farm = new_farm()
    scene = next(text for kind, text in blocks() if kind == "pov")
    (tmp_path / "scene.pov").write_text(scene)
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("cuefarm submit")]
    done = typed(farm, line.split(" # ")[0].replace("submit", "submit --wait", 1))
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = [path.read_bytes() for path in sorted(tmp_path.glob("out*.png"))]
    assert len(pictures) == len(set(pictures)) == 20
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_page_is_true(new_farm: NewFarm, tmp_path: Path) -> None:
    """Every command of the page prints what the page shows, the missing file is found and mended, the jobs stay."""
    farm = new_farm()
    starts = 0
    for kind, text in blocks():
        if kind == "pov":
            (tmp_path / text.split("\n")[0].removeprefix("// ")).write_text(text)
            continue
        for command, lines in dialogue(text):
            if command != "cuefarm up":
                _expect(farm, command, lines)
                continue
            starts += 1
            if starts > 1:  # the next day
                assert farm.stop() == 0
                assert re.search(r"\nstopping(: .*)?\nstopped\n$", farm.words())
                farm.start()
            assert not missing([line for line in lines if "data=" not in line], _greeting(farm))
    assert starts == 2


def _expect(farm: FarmProcess, command: str, lines: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = typed(farm, command)
        left = missing(lines, done.stdout + done.stderr)
        if not left:
            break
        comes_later = command.startswith(LOOKS) and time.monotonic() < deadline
        assert comes_later, (command, left, done.stdout + done.stderr)
        time.sleep(0.3)
    assert done.returncode == (3 if "--wait" in command else 0), (command, done.stderr)


def _greeting(farm: FarmProcess) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "Ctrl-C" not in farm.words() and time.monotonic() < deadline:
        time.sleep(0.05)
    return farm.words()
