"""No traceback reaches a user: whatever is wrong, a command says it in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cue_cli.standard_output import run_command

LINES = {
    "cueadmin": ["-lj"],
    "cuecmd": ["todo.txt"],
    "cueman": ["-lf", "job"],
    "cuerqd": ["127.0.0.1:1", "-v"],
    "cuesubmit": ["--name", "turn", "--type", "Shell", "--command", "true", "--frames", "1"],
    "pycuerun": ["turn.outline", "1-3"],
}


def run(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run a command in a process of its own, in a folder that has what its line names."""
    (folder / "todo.txt").write_text("true\n")
    (folder / "turn.outline").write_text("from outline.modules.shell import Shell\nShell('work', command='true')\n")
    environment = {**os.environ, "CUEBOT_HOSTS": "127.0.0.1:1", "HOME": str(folder), **variables}
    words = [sys.executable, "-m", f"cue_cli.{command}", *LINES[command]]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize(
    ("variable", "content"), [("OPENCUE_CONFIG_FILE", "a: ["), ("OUTLINE_CONFIG_FILE", "[outline\n"), ("", "")]
)
def test_a_broken_configuration_or_no_server_is_a_line(
    tmp_path: Path, command: str, variable: str, content: str
) -> None:
    """The command ends with 1 and names the file, or the address; there is no traceback."""
    path = tmp_path / "broken.conf"
    path.write_text(content)
    ended = run(command, tmp_path, **({variable: str(path)} if variable else {}))
    assert ended.returncode == 1, ended.stdout
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert str(path) in ended.stderr or "127.0.0.1:1" in ended.stderr


def test_what_should_not_happen_is_a_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody expected has its kind and words; who asks for a traceback gets it."""

    def act() -> int:
        raise KeyError("frame")

    monkeypatch.setattr("sys.argv", ["cueman", "-lf"])
    assert run_command("cueman", act) == 1
    told = capsys.readouterr().err
    assert (
        told == "cueman: this should not have happened: KeyError: 'frame' (-verbose, or -D of pycuerun, says where)\n"
    )
    monkeypatch.setattr("sys.argv", ["cueman", "-verbose"])
    with pytest.raises(KeyError):
        run_command("cueman", act)
