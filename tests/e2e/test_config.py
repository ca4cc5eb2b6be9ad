"""A limit that is raised in `cuefarm.toml`: what a server refuses without it, it takes with it, and keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from serve_process import ServeProcess

RANGE = ",".join(str(number) for number in range(1, 3_000, 2))
"""Some 7,000 characters, where 4,000 are the default."""


def test_a_raised_limit_lets_in_what_was_refused_and_what_came_in_stays(tmp_path: Path) -> None:
    """Refused by the limit's name, taken after that was raised, and loaded by a server without the file."""
    file = tmp_path / "cuefarm.toml"
    file.write_text("[limits]\nrange_characters = 10_000\n")
    server = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite")
    submit = ("cuefarm", "submit", "--name", "odd", "--frames", RANGE, "true")
    try:
        server.start()
        refused = server.run(*submit)
        assert refused.returncode != 0
        assert "range_characters = 4000" in refused.stderr
        server.stop()

        server.extra = ("--config", str(file))
        server.start()
        taken = server.run(*submit)
        assert taken.returncode == 0, taken.stderr
        server.stop()

        server.extra = ()
        server.start()
        listed = server.run("cueadmin", "-lj")
        assert (listed.returncode, "odd" in listed.stdout) == (0, True)
        again = server.run(*submit)
        assert "range_characters = 4000" in again.stderr
    finally:
        server.cleanup()


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_server_does_not_start_with_a_mistake_in_its_file(tmp_path: Path, how: str) -> None:
    """It ends as for every other mistake that a person must mend, and names the nearest key."""
    file = tmp_path / "cuefarm.toml"
    file.write_text("[limits]\nrange_character = 10_000\n")
    extra = ("--config", str(file)) if how == "flag" else ()
    environment = {"CUEFARM_CONFIG": str(file)} if how == "variable" else {}
    server = ServeProcess(tmp_path, f"sqlite:///{tmp_path}/farm.sqlite", *extra, environment=environment)
    try:
        assert server.begin().ended() == 78
    finally:
        server.cleanup()
    assert f"{file}, line 2: [limits] has no key 'range_character'; did you mean range_characters?" in server.words()


def test_a_file_may_say_all_that_serve_needs(tmp_path: Path) -> None:
    """Database, token, logs and addresses; no flag is left to give."""
    (tmp_path / "token").write_text("a-token")
    (tmp_path / "token").chmod(0o600)
    file = tmp_path / "cuefarm.toml"
    lines = ["[server]", f'db = "sqlite:///{tmp_path}/farm.sqlite"', 'token_file = "token"', 'log_root = "logs"']
    file.write_text("\n".join([*lines, 'grpc = "127.0.0.1:0"', 'http = "127.0.0.1:0"', ""]))
    server = OnlyByFile(tmp_path, "", environment={"CUEFARM_CONFIG": str(file)})
    try:
        server.start()
        assert server.run("cueadmin", "-lh").returncode == 0
    finally:
        server.cleanup()


class OnlyByFile(ServeProcess):
    """A server that is given no flags."""

    def options(self) -> list[str]:
        """None."""
        return []
