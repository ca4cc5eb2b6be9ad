"""Finding the server, connecting to it, and going on when it comes back."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import warnings

import grpc
import pytest
from builders import a_job, an_allocation
from fake_farm import FakeFarm

import opencue
from cue_cli import cueman
from cue_cli.cueadmin import run
from cue_cli.farm_warnings import showPlainly
from opencue import config
from opencue.cuebot import Cuebot
from opencue.warning import FarmWarning


def test_the_environment_names_the_server(farm):
    """CUEBOT_HOSTS decides where the first call goes."""
    opencue.api.getJobs()
    assert Cuebot.Hosts == [farm.address]


def test_opencue_hosts_is_the_fallback(farm, monkeypatch):
    """OPENCUE_HOSTS counts where CUEBOT_HOSTS is not set."""
    monkeypatch.delenv("CUEBOT_HOSTS")
    monkeypatch.setenv("OPENCUE_HOSTS", farm.address)
    opencue.api.getJobs()
    assert Cuebot.Hosts == [farm.address]


def test_a_facility_from_the_environment_selects_its_hosts(farm, monkeypatch):
    """CUEBOT_FACILITY picks the hosts of that facility from the configuration."""
    monkeypatch.delenv("CUEBOT_HOSTS")
    monkeypatch.setenv("CUEBOT_FACILITY", "cloud")
    monkeypatch.setitem(Cuebot.Config, "cuebot.facility", {"cloud": [farm.address]})
    opencue.api.getJobs()
    assert Cuebot.Hosts == [farm.address]


def test_an_unknown_facility_is_refused_with_those_that_are_known(farm, monkeypatch):
    """Another farm than the one that was meant is never used; the name that is nearest is suggested."""
    monkeypatch.setitem(Cuebot.Config, "cuebot.facility", {"local": [farm.address], "beta": ["b:1"]})
    with pytest.raises(
        opencue.exception.ConnectionException, match=r"'betta'; did you mean 'beta'\? Known: beta, local"
    ):
        Cuebot.setHostWithFacility("betta")


def test_an_unknown_facility_of_the_environment_is_refused_by_the_variables_name(farm, monkeypatch):
    """The first call says so."""
    monkeypatch.delenv("CUEBOT_HOSTS")
    monkeypatch.setenv("CUEBOT_FACILITY", "nowhere")
    monkeypatch.setattr(Cuebot, "Hosts", [])
    Cuebot.closeChannel()
    with pytest.raises(opencue.exception.CueException, match=r"'nowhere' \(CUEBOT_FACILITY\); known: local"):
        opencue.api.getJobs()


def test_the_facility_that_a_flag_names_beats_the_environment(farm, monkeypatch, capsys):
    """`-facility` before CUEBOT_HOSTS; one that is unknown is a line that makes no sense."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    monkeypatch.setitem(Cuebot.Config, "cuebot.facility", {"beta": [farm.address]})
    assert run.main(["-lj", "-facility", "beta"]) == 0
    assert _status(run.main, ["-lj", "-facility", "betta"]) == 2
    assert "did you mean 'beta'?" in capsys.readouterr().err
    assert cueman.main(["-facility", "betta", "-lf", "job"]) == 1  # its status for a line that makes no sense
    assert "did you mean 'beta'?" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "farm:0", "farm:84x3", "[::1]:70000", "farm:"])
def test_a_port_that_there_is_not_is_refused_as_such(farm, address, capsys):
    """Nobody has refused a connection there."""
    with pytest.raises(opencue.exception.ConnectionException, match="there is no port"):
        Cuebot.setHosts(address)
    assert _status(run.main, ["-lj", "-server", address]) == 2
    assert "there is no port" in capsys.readouterr().err


def _status(main, line):
    try:
        return main(line)
    except SystemExit as ended:
        return ended.code


def test_a_dead_host_among_several_is_passed_over(farm):
    """The connection goes to whichever of the hosts answers."""
    Cuebot.setHosts(["127.0.0.1:1", farm.address])
    assert opencue.api.getJobs() == []


def test_no_server_says_which_address_was_tried_and_what_to_do(monkeypatch):
    """A refused connection names the address, the reason and the remedy."""
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    monkeypatch.setattr(Cuebot, "Hosts", [])
    with pytest.raises(opencue.exception.ConnectionException) as caught:
        opencue.api.getJobs()
    assert "127.0.0.1:1 (connection refused)" in str(caught.value)
    assert "The address is from CUEBOT_HOSTS" in str(caught.value)
    assert "Name the server with" not in str(caught.value)  # it is named already
    assert "cuefarm up" in str(caught.value)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_the_timeout_is_in_milliseconds(farm):
    """A call is given Timeout/1000 seconds."""
    Cuebot.setTimeout(2_000)
    opencue.api.getJobs()
    assert 1.0 < farm.calls[-1].seconds_left < 3.0


def test_an_answer_that_takes_too_long_is_a_deadline_exception(farm, monkeypatch):
    """A server that does not answer in time raises within the time that was given."""
    monkeypatch.setattr(farm, "JobInterface_GetJobs", lambda request, context: time.sleep(1), raising=False)
    opencue.api.getSystemStats()
    Cuebot.setTimeout(100)
    started = time.monotonic()
    with pytest.raises(opencue.exception.DeadlineExceededException, match=r"exceeded\. The call was given 100 ms"):
        opencue.api.getJobs()
    assert time.monotonic() - started < 0.9


def test_an_unavailable_server_is_tried_again(farm):
    """UNAVAILABLE is repeated, under the same request id, until an answer comes."""
    farm.jobs["a"] = a_job("a")
    opencue.api.getSystemStats()
    farm.failures = [grpc.StatusCode.UNAVAILABLE] * 2
    assert [job.name() for job in opencue.api.getJobs()] == ["a"]
    attempts = [call for call in farm.calls if call.name == "JobInterface.GetJobs"]
    assert len(attempts) == 3
    assert len({call.metadata["cuefarm-request-id"] for call in attempts}) == 1


def test_other_failures_are_not_tried_again(farm):
    """A status that would only come again is not repeated."""
    opencue.api.getSystemStats()
    farm.failures = [grpc.StatusCode.INTERNAL]
    with pytest.raises(opencue.exception.CueInternalErrorException):
        opencue.api.getJobs()
    assert [call.name for call in farm.calls].count("JobInterface.GetJobs") == 1


def test_each_call_has_a_request_id_of_its_own(farm):
    """Two calls are two requests for the server, also when they ask the same."""
    opencue.api.getJobs()
    opencue.api.getJobs()
    ids = [call.metadata["cuefarm-request-id"] for call in farm.calls if call.name == "JobInterface.GetJobs"]
    assert len(set(ids)) == 2


def test_a_call_survives_a_restart_of_the_server(farm):
    """A call that finds the server down goes through once it is back."""
    opencue.api.getSystemStats()
    farm.stop()
    returned = FakeFarm()
    timer = threading.Timer(0.4, returned.start, kwargs={"port": farm.port})
    timer.start()
    try:
        assert opencue.api.getJobs() == []
    finally:
        timer.join()
        returned.stop()


def test_the_configuration_file_is_laid_over_the_defaults(tmp_path, monkeypatch):
    """A file replaces the keys it has and leaves the others."""
    path = tmp_path / "opencue.yaml"
    path.write_text("cuebot.timeout: 3000\ncuebot.facility:\n  site: [one:8443]\n")
    monkeypatch.setenv("OPENCUE_CONFIG_FILE", str(path))
    loaded = config.load_config_from_file()
    assert loaded["cuebot.timeout"] == 3000
    assert loaded["cuebot.facility"] == {"site": ["one:8443"]}
    assert loaded["cuebot.grpc_port"] == 8443


def test_a_broken_configuration_file_is_named(tmp_path, monkeypatch):
    """YAML that cannot be read raises with the path in the message."""
    path = tmp_path / "opencue.yaml"
    path.write_text("a: [")
    monkeypatch.setenv("OPENCUE_CONFIG_FILE", str(path))
    with pytest.raises(ValueError, match=r"opencue\.yaml cannot be read"):
        config.load_config_from_file()


def test_an_external_facility_hides_the_others(tmp_path, monkeypatch):
    """While an external facility is selected no other can be reached."""
    path = tmp_path / "opencue.yaml"
    path.write_text("cuebot.external_facility: [ext]\ncuebot.facility: {ext: ['e:1'], local: ['l:1']}\n")
    monkeypatch.setenv("OPENCUE_CONFIG_FILE", str(path))
    monkeypatch.setenv("CUEBOT_FACILITY", "ext")
    assert config.load_config_from_file()["cuebot.facility"] == {"ext": ["e:1"]}


def test_an_unknown_interface_is_refused_by_name():
    """A stub for an interface that does not exist raises ValueError."""
    with pytest.raises(ValueError, match="nonsense"):
        Cuebot.getStub("nonsense")


def test_what_the_server_warns_of_is_a_python_warning(farm):
    """A request that was taken and changes nothing is told as FarmWarning, in any language."""
    with pytest.warns(FarmWarning, match="nothing is charged, für niemanden") as told:
        opencue.api.allocSetBillable(an_allocation(), False)
    assert {warning.filename for warning in told} == {__file__}  # the line that asked, no line of ours


def test_a_command_prints_a_warning_as_one_line(capsys):
    """Whoever typed a line has no use for the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        showPlainly()
        warnings.warn("nothing is charged", FarmWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: nothing is charged\n"


def test_a_call_goes_on_with_another_host_when_its_own_is_away(farm, monkeypatch):
    """Of several hosts one that stops is left for another, at once and by stubs that were there before."""
    other = FakeFarm().start()
    try:
        other.jobs["b"] = a_job("b")
        farm.jobs["a"] = a_job("a")
        opencue.Cuebot.setHosts([farm.address])
        job = opencue.api.findJob("a")
        monkeypatch.setattr(opencue.Cuebot, "Hosts", [farm.address, other.address])
        farm.stop()
        started = time.monotonic()
        assert [job.name() for job in opencue.api.getJobs()] == ["b"]
        job.pause()
        assert other.only("JobInterface.Pause").job.name == "a"
        assert time.monotonic() - started < 2
    finally:
        other.stop()


def test_each_host_gets_its_own_token(farm, monkeypatch, tmp_path):
    """A token goes with calls to whichever host takes over, and the request keeps its id."""
    other = FakeFarm().start()
    try:
        token = tmp_path / "token"
        token.write_text("open-sesame\n")
        monkeypatch.setenv("CUEFARM_TOKEN_FILE", str(token))
        other.token = "open-sesame"
        opencue.Cuebot.setHosts([farm.address])
        opencue.api.getShows()
        monkeypatch.setattr(opencue.Cuebot, "Hosts", [farm.address, other.address])
        farm.stop()
        opencue.api.getShows()
        calls = [call.metadata for call in other.calls if call.name == "ShowInterface.GetShows"]
        assert [call["cuefarm-token"] for call in calls] == ["open-sesame"]
    finally:
        other.stop()


def test_when_all_hosts_are_away_each_is_named(farm, monkeypatch):
    """The error of a call that found none of several hosts says which were tried."""
    opencue.Cuebot.setHosts([farm.address])
    monkeypatch.setitem(opencue.Cuebot.Config, "cuebot.exception_retries", 1)
    opencue.Cuebot.resetChannel()
    monkeypatch.setattr(opencue.Cuebot, "Hosts", [farm.address, "127.0.0.1:1"])
    farm.stop()
    with pytest.raises(opencue.exception.ConnectionException, match=f"{farm.address}, 127.0.0.1:1 "):
        opencue.api.getShows()


def test_a_host_that_accepts_no_connection_is_given_up_in_seconds(monkeypatch):
    """An address where nothing answers at all, not even with a refusal, holds a script for a few seconds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with contextlib.ExitStack() as queue:
            for _ in range(4):  # the queue of the listener is full then
                client = queue.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(silent.getsockname())
            monkeypatch.setenv("CUEBOT_HOSTS", address)
            monkeypatch.setattr(opencue.Cuebot, "Hosts", [])
            started = time.monotonic()
            with pytest.raises(opencue.exception.ConnectionException, match=address):
                opencue.Cuebot.init()
            assert time.monotonic() - started < 8
