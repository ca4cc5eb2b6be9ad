"""Configuration, plugins, paths, frame arithmetic and threads."""

from __future__ import annotations

import os
import pathlib
import pwd
import subprocess
import sys
from typing import List

import pytest

import outline
from FileSequence import FrameSet
from opencue.caller import userName
from opencue.config import load_config_from_file
from outline import util
from outline.config import read_config_from_disk
from outline.io import FileSpec, Path


def test_importing_outline_needs_no_server_and_little_else() -> None:
    """What only a launch needs is not imported with outline, and is there when it is used."""
    code = (
        "import sys, outline\n"
        "late = {'opencue', 'grpc', 'yaml', 'subprocess', 'optparse', 'xml.etree.ElementTree'}\n"
        "print(sorted(late & set(sys.modules)), outline.cuerun.launch.__name__, outline.TaskExecutor.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[] launch TaskExecutor\n"


def test_the_configuration_has_three_layers(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults, the user's file over them, variables over both; a variable that names no file is an error."""
    path = tmp_path / "outline.cfg"
    path.write_text("[outline]\nfacility = north\ndomain = studio.net\nextra = %(home)s/x\n[plugin:p]\nenable = 1\n")
    monkeypatch.setenv("OUTLINE_CONFIG_FILE", str(path))
    monkeypatch.setenv("OUTLINE_OUTLINE_DOMAIN", "100%.net")
    monkeypatch.setenv("OUTLINE_PLUGIN_P_ENABLE", "0")
    config = read_config_from_disk()
    assert [config.get("outline", key) for key in ("facility", "domain", "maxretries")] == ["north", "100%.net", "2"]
    assert config.get("outline", "extra").endswith("/src/x")
    assert config.getint("plugin:p", "enable") == 0
    monkeypatch.setenv("OUTLINE_CONFIG_FILE", str(tmp_path / "missing.cfg"))
    with pytest.raises(FileNotFoundError, match="OUTLINE_CONFIG_FILE names"):
        read_config_from_disk()


def test_plugins_take_part_in_their_order(tmp_path: pathlib.Path) -> None:
    """Enabled plugins are loaded by priority and see each layer and launch; one that is missing is only reported."""
    for name in ("first", "second"):
        (tmp_path / f"{name}_plugin.py").write_text(
            f"def loaded(): print('{name} loaded')\n"
            f"def init(layer): print('{name}', layer.get_name())\n"
            f"def init_cuerun_plugin(cuerun): cuerun.get_parser().add_plugin_option('--{name}')\n"
        )
    (tmp_path / "outline.cfg").write_text(
        "[plugin:b]\nmodule = second_plugin\nenable = 1\npriority = 5\n"
        "[plugin:a]\nmodule = first_plugin\nenable = 1\n[plugin:c]\nmodule = no_such_module\nenable = 1\n"
        "[plugin:d]\nmodule = first_plugin\nenable = 0\n"
    )
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "import outline; outline.Layer('render')\n"
        "from cue_cli.pycuerun import PyCuerun; print('--second' in PyCuerun().get_parser().format_help())"
    )
    environment = {"OUTLINE_CONFIG_FILE": str(tmp_path / "outline.cfg"), "PYTHONPATH": ":".join(sys.path), "HOME": "/"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.splitlines() == ["first loaded", "second loaded", "first render", "second render", "True"]
    assert "the plugin c cannot be loaded" in result.stderr


def test_a_file_spec_names_its_parts(tmp_path: pathlib.Path) -> None:
    """Folder, resolution, colour space and the files of frames come out of one path."""
    folder = tmp_path / "2k_lnf"
    spec = FileSpec(str(folder / "beauty.1-3#.exr"), checkExt="tif")
    assert (spec.get_res(), spec.get_colorspace(), spec.get_basename(), spec.get_ext()) == (
        "2k",
        "lnf",
        "beauty",
        ".exr",
    )
    assert spec.get_frame_path(2) == str(folder / "beauty.2.exr")
    assert spec.get_file_spec(FrameSet("1-2")) == str(folder / "beauty.1-2#.exr")
    assert spec.get_temp_frame_path(2, "/tmp") == "/tmp/beauty.2.exr"
    spec.mkdir()
    assert not spec.exists()
    for frame, suffix in ((1, "exr"), (2, "tif"), (3, "exr")):
        (folder / f"beauty.{frame}.{suffix}").write_text("xx")
    assert spec.exists()
    assert spec.get_size(FrameSet("1,3")) == 4
    with pytest.raises(outline.FileSpecException, match="resolution"):
        FileSpec("/a/b.#.exr").get_res()
    assert isinstance(outline.io.resolve("/a/b.#.exr"), FileSpec)
    assert outline.io.resolve("/a/b.exr") == Path("/a/b.exr")


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([1, 2, 3], "1-3"),
        ([1, 3, 5, 9], "1-5x2,9"),
        ([5], "5"),
        ([1, 5], "1,5"),
        ([10, 9, 8], "10-8x-1"),
        ([1, 3, 4, 5, 6], "1,3-6"),
        ([2, 2], "2,2"),
        ([-3, -2, -1], "-3--1"),
    ],
)
def test_frame_numbers_become_short_texts_that_mean_the_same(frames: List[int], text: str) -> None:
    """A compact text names the same frames in the same order."""
    assert util.compact_frame_range(frames) == text
    assert list(FrameSet(text)) == frames


def test_frame_arithmetic() -> None:
    """Intersections keep the first range's order, and a slice is a frame's share of items."""
    assert list(util.intersect_frame_set("10-1", "3-5", normalize=False) or []) == [5, 4, 3]
    assert list(util.intersect_frame_set("10-1", "3-5") or []) == [3, 4, 5]
    assert util.intersect_frame_set("1-2", "3-4") is None
    shares = [util.get_slice("1-3", [frame], list("abcdefgh")) for frame in (1, 2, 3)]
    assert shares == [["a", "b"], ["c", "d", "e"], ["f", "g", "h"]]


def test_an_executor_makes_all_calls_even_if_some_fail(caplog: pytest.LogCaptureFixture) -> None:
    """wait() returns when every call was made; errors are logged."""
    done: List[int] = []
    executor = outline.TaskExecutor(2)
    executor.execute(lambda: 1 / 0)
    for number in range(5):
        executor.execute(done.append, number)
    executor.wait()
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert "failed" in caplog.text


def test_a_user_without_account_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: the number is the name, to outlines and to calls; $USER goes before it."""
    _without_account(monkeypatch)
    assert (util.get_user(), userName()) == ("uid23456", "uid23456")
    monkeypatch.setenv("USER", "ann")
    assert (util.get_user(), userName()) == ("ann", "ann")


def test_a_user_without_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder called ~ is made, and reading the configuration is no failure."""
    _without_account(monkeypatch)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setitem(outline.config["outline"], "session_dir", "{HOME}/sessions")
    load_config_from_file()
    with pytest.raises(outline.SessionException, match="no home folder for uid 23456: set HOME"):
        outline.Outline("comp").setup()


def _without_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for variable in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 23_456)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
