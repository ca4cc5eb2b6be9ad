"""Finding the only farm of this user on this machine."""

from __future__ import annotations

import json
import os

import pytest

import opencue
from opencue import config, running_farms
from opencue.cuebot import Cuebot


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    """Files of running farms lie in a folder of the test, and nothing says where the farm is."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(running_farms, "DEFAULT_ADDRESS", "127.0.0.1:1")  # where surely nothing listens
    monkeypatch.setattr(Cuebot, "Config", dict(config.DEFAULTS))
    monkeypatch.setattr(Cuebot, "Hosts", [])
    Cuebot.closeChannel()


@pytest.fixture
def untold(farm, monkeypatch):
    """A farm that runs, of which no variable tells."""
    monkeypatch.delenv("CUEBOT_HOSTS")
    return farm


def the_file(tmp_path):
    (path,) = (tmp_path / "runtime" / "cuefarm" / "farms").glob("*.json")
    return path


def test_a_farm_is_found_while_it_runs():
    """A farm is found inside the block that announces it, and not afterwards."""
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        assert running_farms.found() == [running_farms.RunningFarm("127.0.0.1:5", "/a/folder", os.getpid())]
    assert running_farms.found() == []


def test_a_farm_says_where_its_pages_are_and_its_token_lies():
    """What is announced is found: `cuefarm open` goes there."""
    with running_farms.announced("127.0.0.1:5", "/a/folder", "/a/folder/token", "127.0.0.1:6"):
        (farm,) = running_farms.found()
    assert (farm.http, farm.token_file) == ("127.0.0.1:6", "/a/folder/token")


def test_the_only_farm_is_used(untold):
    """A client that is told nothing uses the one farm that is announced."""
    with running_farms.announced(untold.address, "/a/folder"):
        assert opencue.api.getJobs() == []
    assert Cuebot.Hosts == [untold.address]


def test_ones_own_farm_at_the_default_address_is_used_exactly_there(untold, monkeypatch):
    """`localhost` may be two addresses, and another user may listen at the other one."""
    port = untold.address.rpartition(":")[2]
    monkeypatch.setattr(running_farms, "DEFAULT_ADDRESS", f"localhost:{port}")
    with running_farms.announced(untold.address, "/a"):
        assert opencue.api.getJobs() == []
    assert Cuebot.Hosts == [untold.address]


def test_a_configuration_wins(untold, monkeypatch):
    """Where a configuration names the server no running farm is looked for."""
    monkeypatch.setitem(Cuebot.Config, "cuebot.facility", {"local": [untold.address]})
    with running_farms.announced("127.0.0.1:2", "/another"):
        assert opencue.api.getJobs() == []
    assert Cuebot.Hosts == [untold.address]


def test_several_farms_are_listed(untold, monkeypatch):
    """With several farms the client chooses none, and lists them with what to export."""
    one = running_farms.RunningFarm("127.0.0.1:5", "/a/folder", 1)
    monkeypatch.setattr(running_farms, "found", lambda: [one, one._replace(address="127.0.0.1:6", place="/b")])
    with pytest.raises(opencue.CueException, match=r"CUEBOT_HOSTS=127.0.0.1:5 \(/a/folder\); CUEBOT_HOSTS=127.0.0.1:6"):
        opencue.api.getJobs()


def test_a_farm_that_was_killed_does_not_count(tmp_path):
    """A file whose process is gone, or is another one under the same pid, is no farm; the next farm removes it."""
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        path = the_file(tmp_path)
        facts = json.loads(path.read_text())
        path.write_text(json.dumps({**facts, "started": "earlier"}))
        assert running_farms.found() == []
        stale = path.with_name(path.name.replace(str(os.getpid()), "1"))
        path.rename(stale)
        with running_farms.announced("127.0.0.1:6", "/b"):
            assert [farm.address for farm in running_farms.found()] == ["127.0.0.1:6"]
            assert not stale.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"grpc": 1, "place": 2, "pid": "x", "started": 3}', "\x00" * 10])
def test_a_damaged_file_is_passed_over(tmp_path, text):
    """A file that is no announcement is no farm, and no error."""
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        the_file(tmp_path).write_text(text)
        assert running_farms.found() == []


def test_what_others_could_write_is_not_followed(tmp_path):
    """A folder into which others can write, a link to a folder, and a link to a file do not count."""
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        path = the_file(tmp_path)
        path.parent.chmod(0o777)
        assert running_farms.found() == []
        path.parent.chmod(0o700)
        assert len(running_farms.found()) == 1
        elsewhere = tmp_path / "elsewhere.json"
        elsewhere.write_text(path.read_text())
        path.unlink()
        path.symlink_to(elsewhere)
        assert running_farms.found() == []
        path.unlink()
        path.parent.rename(tmp_path / "moved")
        path.parent.symlink_to(tmp_path / "moved")
        (tmp_path / "moved" / path.name).write_text(elsewhere.read_text())
        assert running_farms.found() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_not_followed(tmp_path):
    """A file, or a folder, that belongs to another user does not count."""
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        path = the_file(tmp_path)
        os.chown(path, 12345, -1)
        assert running_farms.found() == []
        os.chown(path, 0, -1)
        os.chown(path.parent, 12345, -1)
        assert running_farms.found() == []


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    """Where the first folder cannot be made the second is used, and where none can the farm runs all the same."""
    (tmp_path / "runtime").write_text("no folder")
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        assert len(running_farms.found()) == 1
    (tmp_path / "cache").rename(tmp_path / "gone")
    (tmp_path / "cache").write_text("no folder either")
    with running_farms.announced("127.0.0.1:5", "/a/folder"):
        assert running_farms.found() == []
