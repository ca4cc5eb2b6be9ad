"""`cuefarm.toml`: what is in force, where it comes from, and that it reaches the server that runs."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cuebot.app import config as config_module
from cuebot.app.cli import main
from cuebot.app.config import KEYS, Config, ConfigWrong, Key, load
from cuebot.app.config_command import as_toml
from cuebot.app.config_reference import with_key_tables
from cuebot.app.config_values import Duration, Whole, duration_text
from cuebot.app.farm_server import FarmServer
from cuebot.app.options import ServerOptions
from cuebot.domain.bounds import Bounds
from cuebot.domain.settings import Settings, contradictions
from cuebot.domain.units import MINUTE, SECOND

DOCS = Path(__file__).resolve().parents[4] / "docs"
BY_NAME = {key.name: key for key in KEYS}
CHOSEN = [key for key in KEYS if key.section != "server"]


@pytest.fixture(autouse=True)
def _no_system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs these tests may have a farm of his own."""
    monkeypatch.setattr(config_module, "SYSTEM_FILE", tmp_path / "etc" / "cuefarm.toml")


def written(folder: Path, *lines: str) -> Path:
    """A configuration in a folder."""
    file = folder / "cuefarm.toml"
    file.write_text("\n".join(lines))
    return file


def problems(file: Path, **environ: str) -> list[str]:
    """What is wrong with a file and an environment."""
    with pytest.raises(ConfigWrong) as caught:
        load(given=file, environ=environ)
    return caught.value.problems


def another(key: Key) -> Any:
    """A value that is not the default, as the file has it; larger, where it can be."""
    if isinstance(key.kind, Duration):
        return duration_text(key.default + SECOND)
    if isinstance(key.kind, Whole):
        return key.default + 1 if key.default < key.kind.most else key.default - 1
    return "farm@elsewhere.example" if key.name == "mail_from" else "elsewhere"


# --- where a value comes from -------------------------------------------------------------------------------------


def test_a_flag_beats_a_variable_and_a_variable_beats_the_file(tmp_path: Path) -> None:
    """And the file beats the default; each value says where it comes from."""
    file = written(tmp_path, "[server]", 'grpc = "file:1"', 'http = "file:2"', 'group = "artists"')
    environ = {"CUEFARM_GRPC": "variable:1", "CUEFARM_HTTP": "variable:2"}
    config = load({"grpc": "flag:1"}, given=file, environ=environ)
    assert (config.server.grpc, config.source("grpc")) == ("flag:1", "--grpc")
    assert (config.server.http, config.source("http")) == ("variable:2", "CUEFARM_HTTP")
    assert (config.server.group, config.source("group")) == ("artists", f"{file}, line 4")
    assert (config.server.log_level, config.source("log_level")) == ("info", "default")


def test_the_file_that_is_named_beats_the_one_in_the_farms_folder(tmp_path: Path) -> None:
    """By flag, by variable, in the folder: the first of these is read, and no other."""
    for name in ("flag", "variable", "folder"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "[server]", f'group = "{name}"')
    by_variable = {"CUEFARM_CONFIG": str(tmp_path / "variable" / "cuefarm.toml")}
    by_flag = tmp_path / "flag" / "cuefarm.toml"
    folder = tmp_path / "folder"
    assert load(given=by_flag, folder=folder, environ=by_variable).server.group == "flag"
    assert load(folder=folder, environ=by_variable).server.group == "variable"
    assert load(folder=folder, environ={}).server.group == "folder"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """By flag or by variable; without one the defaults hold."""
    missing = tmp_path / "none.toml"
    assert "none.toml cannot be read: No such file" in problems(missing)[0]
    with pytest.raises(ConfigWrong, match=r"none\.toml cannot be read"):
        load(environ={"CUEFARM_CONFIG": str(missing)})
    assert load(folder=tmp_path, environ={}).bounds == Bounds()


def test_paths_are_seen_from_the_files_folder(tmp_path: Path) -> None:
    """Wherever the server is started."""
    file = written(tmp_path, "[server]", 'token_file = "token"', 'log_root = "/shots/logs"')
    server = load(given=file, environ={}).server
    assert (server.token_file, server.log_root) == (tmp_path / "token", Path("/shots/logs"))


def test_a_variable_holds_lists_and_durations() -> None:
    """Lists with commas, durations as the file has them."""
    environ = {"CUEFARM_OPEN": "clients,agents", "CUEFARM_HOST_SILENT": "7m", "CUEFARM_JOB_RETRIES": "20"}
    config = load(environ=environ)
    assert config.server.open == ("clients", "agents")
    assert (config.settings.host_silent_us, config.bounds.job_retries) == (7 * MINUTE, 20)


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (["[limits]", "spec_byte = 1"], 2, r"\[limits\] has no key 'spec_byte'; did you mean spec_bytes\?"),
        (["[limits]", 'host_silent = "5m"'], 2, r"\[limits\] has no key 'host_silent'; it is one of \[settings\]"),
        (["", "[limit]", "spec_bytes = 1"], 2, r"there is no section \[limit\]; did you mean \[limits\]\?"),
        (["spec_bytes = 1"], 1, r"spec_bytes stands in no section; write it below \[limits\]"),
        (["[limits]", 'spec_bytes = "10MB"'], 2, "spec_bytes cannot be '10MB'; accepted is a whole number from 1 to"),
        (["[limits]", "spec_bytes = true"], 2, "spec_bytes cannot be True; accepted is a whole number"),
        (["[limits]", "# few", "spec_bytes = 0"], 3, "spec_bytes cannot be 0; accepted is a whole number from 1"),
        (["[limits]", "argument_bytes = 131072"], 2, "accepted is a whole number from 1 to 131071"),
        (["[settings]", "host_silent = 300"], 2, r'accepted is a duration from "30s" to "365d", such as "90s"'),
        (["[settings]", 'host_silent = "1s"'], 2, r'host_silent cannot be \'1s\'; accepted is a duration from "30s"'),
        (["[server]", 'grpc = "here"'], 2, "grpc cannot be 'here'; accepted is HOST:PORT"),
        (["[server]", 'open = ["everybody"]'], 2, 'accepted is a list of "clients" and "agents"'),
        (["[server]", 'log_level = "loud"'], 2, "'loud' is no level; there are debug, info"),
        (["[server]", 'group = ""'], 2, "group cannot be ''; accepted is a text"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_accepted(
    tmp_path: Path, lines: list[str], line: int, words: str
) -> None:
    """An unknown key with the nearest one that there is, a wrong or impossible value with what may be given."""
    (problem,) = problems(written(tmp_path, *lines))
    assert problem.startswith(f"{tmp_path / 'cuefarm.toml'}, line {line}: ")
    assert re.search(words, problem)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Those of the file, and those of the environment."""
    file = written(tmp_path, "[limits]", "spec_byte = 1", 'job_retries = "many"')
    told = problems(file, CUEFARM_SPEC_DEPTH="deep")
    first, second, third = told
    assert ("spec_byte" in first, "job_retries" in second, "CUEFARM_SPEC_DEPTH" in third) == (True, True, True)


def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    """As the parser says it."""
    (problem,) = problems(written(tmp_path, "[limits]", "spec_bytes = ten"))
    assert "is no TOML: Invalid value (at line 2, column 14)" in problem


@pytest.mark.parametrize(
    ("changed", "remedy"),
    [
        ({"quarantine_us": 2 * 60 * MINUTE}, "raise quarantine_max"),
        ({"file_name_bytes": 200}, "lower job_name_bytes to 162"),
        ({"agent_streams": 30_000}, "raise concurrent_calls"),
        ({"list_reply_bytes": 200_000_000}, "raise reply_bytes"),
        ({"log_read_bytes": 200_000_000}, "raise reply_bytes"),
    ],
)
def test_values_that_do_not_go_together_are_told_with_the_remedy(changed: dict[str, int], remedy: str) -> None:
    """Each of them is possible by itself; the defaults go together."""
    of_settings = {name: value for name, value in changed.items() if name.endswith("_us")}
    of_bounds = {name: value for name, value in changed.items() if not name.endswith("_us")}
    (told,) = contradictions(replace(Settings(), **of_settings), replace(Bounds(), **of_bounds))
    assert remedy in told
    assert not list(contradictions(Settings(), Bounds()))


def test_a_password_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in what is in force nor in a refusal."""
    file = written(tmp_path, "[server]", 'db = "postgresql://ann:secret@db/farm"')
    assert main(["config", "--config", str(file)]) == 0
    assert "postgresql://ann:***@db/farm" in capsys.readouterr().out
    wrong = written(tmp_path, "[server]", 'db = "mysql://ann:secret@db/farm"')
    assert "secret" not in problems(wrong)[0]


# --- the command --------------------------------------------------------------------------------------------------


def test_what_is_printed_is_a_file_that_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key, also those that nobody chose, may be copied from it."""
    environ = {"CUEFARM_JOB_RETRIES": "20", "CUEFARM_OPEN": "agents", "CUEFARM_QUARANTINE": "90s"}
    config = load(environ=environ)
    again = load(given=written(tmp_path, as_toml(config)), environ={})
    assert (again.server, again.settings, again.bounds) == (config.server, config.settings, config.bounds)


def test_config_shows_where_each_value_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default, file, variable and flag; with --json for programs."""
    written(tmp_path, "[limits]", "job_retries = 20")
    monkeypatch.setenv("CUEFARM_SPEC_DEPTH", "40")
    assert main(["config", "--data", str(tmp_path), "--no-agent"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"job_retries = 20  # {tmp_path / 'cuefarm.toml'}, line 2" in lines
    assert "spec_depth = 40  # CUEFARM_SPEC_DEPTH" in lines
    assert "agents = 0  # --agents" in lines
    assert "spec_bytes = 10485760  # default" in lines
    assert main(["config", "--data", str(tmp_path), "--json"]) == 0
    told = {one["key"]: one for one in json.loads(capsys.readouterr().out)["values"]}
    assert (told["spec_depth"]["value"], told["spec_depth"]["source"]) == (40, "CUEFARM_SPEC_DEPTH")


def test_check_says_whether_a_file_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its exit status, too, which is the one that a server would end with."""
    good = written(tmp_path, "[limits]", "job_retries = 20")
    assert main(["config", "--check", "--config", str(good)]) == 0
    assert f"{good} can be used" in capsys.readouterr().out
    bad = written(tmp_path, "[limits]", "job_retry = 20")
    for command in (["config", "--check"], ["serve"], ["up", "--data", str(tmp_path / "farm")]):
        assert main([*command, "--config", str(bad)]) == 78
        told = capsys.readouterr().err
        assert (
            f"cuefarm {command[0]}: {bad}, line 2: [limits] has no key 'job_retry'; did you mean job_retries?" in told
        )
    assert main(["config", "--check", "--json", "--config", str(bad)]) == 78
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 1


def test_a_file_that_everybody_may_change_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever changes it can let everybody in."""
    file = written(tmp_path, "[limits]", "job_retries = 20")
    for mode, is_warned in ((0o644, False), (0o646, True)):
        file.chmod(mode)
        assert main(["serve", "--config", str(file)]) == 2
        told = capsys.readouterr().err
        assert (f"chmod o-w {file}" in told, "say which it is: --db URL" in told) == (is_warned, True)


def test_up_says_that_it_keeps_its_farm_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the file says of another place is for `serve`, and nothing is left out in silence."""
    file = written(tmp_path, "[server]", 'log_root = "/shots"', "agents = 0", 'group = "no such group"')
    assert main(["up", "--data", str(tmp_path / "farm"), "--config", str(file)]) == 78
    told = capsys.readouterr().err
    assert f"warning: log_root ({file}, line 2) is for `cuefarm serve`; this farm's is in {tmp_path / 'farm'}" in told
    assert told.count("warning") == 1


def test_a_plan_holds_to_the_farms_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cuefarm sim` refuses the jobs that the farm would refuse."""
    monkeypatch.setenv("CUEFARM_FRAMES_PER_SPEC", "1")
    assert main(["sim", "small-studio", "--quiet"]) == 2
    assert "a job has 1 at most (frames_per_spec)" in capsys.readouterr().err


def test_every_key_has_a_variable_of_its_own() -> None:
    """No two sections have a key of one name, and every setting and limit has one."""
    assert len(BY_NAME) == len(KEYS)
    every = {one.name for holder in (Settings, Bounds) for one in fields(holder)} - {"log_root"}
    assert {key.field_name for key in CHOSEN} == every


# --- it reaches the server ----------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def changed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Config, FarmServer]]:
    """A server that was started with a file in which every setting and every limit is another than the default."""
    folder = tmp_path_factory.mktemp("changed")
    lines = []
    for section in ("settings", "limits"):
        keys = [key for key in CHOSEN if key.section == section]
        lines += [f"[{section}]", *(f"{key.name} = {json.dumps(another(key))}" for key in keys)]
    config = load({"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}, given=written(folder, *lines), environ={})
    database = folder / "farm.sqlite"
    server = FarmServer(config, database=f"sqlite:///{database}", token="t", log_root=folder)
    await server.start()
    yield config, server
    await server.stop()
    sqlite3.connect(database).close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("key", CHOSEN, ids=lambda key: key.name)
async def test_what_the_file_says_is_what_the_running_server_goes_by(
    key: Key, changed: tuple[Config, FarmServer]
) -> None:
    """Every setting and every limit: where commands are decided, and where the farm is looked at."""
    core = changed[1].engine.core
    wanted = key.kind.read(another(key), Path())
    assert wanted != key.default
    for holder in (core, core.farm, core.context(0)):
        chosen = holder.bounds if key.section == "limits" else holder.settings
        assert getattr(chosen, key.field_name) == wanted


def test_the_log_root_is_that_of_the_server(tmp_path: Path) -> None:
    """It stands in [server], and jobs get it from the settings."""
    server = FarmServer(Config(ServerOptions()), database="sqlite://", token="t", log_root=tmp_path)
    assert server.settings.log_root == str(tmp_path)


# --- the pages ----------------------------------------------------------------------------------------------------


def test_the_page_has_every_key() -> None:
    """With the default, what is accepted and what it is, as the code has them."""
    page = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    assert with_key_tables(page) == page


def test_the_examples_can_be_used(tmp_path: Path) -> None:
    """As the comment of the file says; and what the page on several machines shows."""
    assert main(["config", "--check", "--config", str(DOCS / "examples" / "cuefarm.toml")]) == 0
    page = (DOCS / "howto" / "several-machines.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    config = load(given=written(tmp_path, shown), environ={})
    assert None not in (config.server.db, config.server.token_file, config.server.log_root)
