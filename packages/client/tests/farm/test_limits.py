"""Limits in `opencue` and `cueadmin`: who uses them, what they count, and what is reported of them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from fake_farm import NOW
from opencue_proto import limit_pb2

from cue_cli.cueadmin import main
from opencue import api
from opencue.wrappers.limit import Limit

HOLD = limit_pb2.LimitHold(
    limit_name="nuke", host_name="ws1.studio", tokens=2, user="ann", source=limit_pb2.BOTH, report_time=NOW
)
BINDING = limit_pb2.LimitBinding(
    job_name="demo-sh010-ann_comp", layer_name="comp", layer_id="l1", services=["nuke"], source=1, create_time=NOW
)


@pytest.fixture
def show(farm, capsys):
    """Return the lines that a cueadmin command prints, once it has succeeded."""

    def run(*arguments):
        assert main(list(arguments)) == 0
        return capsys.readouterr().out.splitlines()

    farm.LimitInterface_GetHolds = lambda request, context: limit_pb2.LimitGetHoldsResponse(holds=[HOLD])
    farm.LimitInterface_GetBindings = lambda request, context: limit_pb2.LimitGetBindingsResponse(bindings=[BINDING])
    return run


# --- opencue


def test_every_keyword_of_a_new_limit_arrives(farm):
    """createLimit sends its rule for failures, its soft value and its enforcement."""
    api.createLimit("nuke", 20, api.Limit.LimitType.HOST, Limit.LimitEnforcement.ADVISORY, 15, 330, 5, False)
    sent = farm.only("LimitInterface.Create")
    assert (sent.type, sent.enforcement, sent.soft_value) == (limit_pb2.HOST, limit_pb2.ADVISORY, 15)
    assert (sent.exit_status, sent.delay_minutes, sent.auto_tag) == (330, 5, False)


@pytest.mark.parametrize(
    ("method", "arguments", "call", "fields"),
    [
        ("setEnforcement", (2,), "SetEnforcement", {"enforcement": 2}),
        ("setSoftValue", (7,), "SetSoftValue", {"soft_value": 7}),
        ("setReportTtl", (60,), "SetReportTtl", {"report_ttl": 60}),
        ("setFailureRule", (330,), "SetFailureRule", {"exit_status": 330, "delay_minutes": 0, "auto_tag": True}),
        ("setFailureRule", (330, 5, False), "SetFailureRule", {"delay_minutes": 5, "auto_tag": False}),
    ],
)
def test_a_setter_names_its_limit_and_reads_it_again(farm, method, arguments, call, fields):
    """Setters send the limit's name and their values, and bring `.data` up to date."""
    getattr(Limit(limit_pb2.Limit(id="1", name="nuke")), method)(*arguments)
    sent = farm.only(f"LimitInterface.{call}")
    assert sent.name == "nuke"
    assert {field: getattr(sent, field) for field in fields} == fields
    assert farm.only("LimitInterface.Get").id == "1"


def test_holds_and_bindings_are_asked_for_with_what_narrows_them(farm):
    """The functions and the methods send limit, host, sources and layers; without them nothing narrows."""
    farm.LimitInterface_ClearBindings = lambda request, context: limit_pb2.LimitClearBindingsResponse(removed=3)
    limit = Limit(limit_pb2.Limit(id="1", name="nuke"))
    assert api.getLimitHolds() == []
    assert limit.holds("ws1") == []
    assert api.getLimitBindings("nuke") == []
    assert limit.bindings([Limit.LimitBindSource.AUTO], ["l1"]) == []
    assert api.clearLimitBindings("nuke", [1, 2]) == 3
    requests = [call.request for call in farm.calls if call.name.startswith("LimitInterface")]
    assert [(r.limit_name, r.host_name) for r in requests[:2]] == [("", ""), ("nuke", "ws1")]
    assert [(list(r.sources), list(r.layer_ids)) for r in requests[2:4]] == [([], []), ([1], ["l1"])]
    assert list(requests[4].sources) == [1, 2]


def test_a_report_is_built_of_tokens_and_users(farm):
    """Hosts have a number of tokens, or that and who uses them; totals and times are kept."""
    report = api.buildLimitReport("nuke", {"ws1": 2, "ws2": (1, "ann")}, 20, NOW)
    assert [(host.host_name, host.tokens, host.user) for host in report.hosts] == [("ws1", 2, ""), ("ws2", 1, "ann")]
    api.reportLimitUsage([report], "rlm")
    sent = farm.only("LimitInterface.ReportUsage")
    assert (sent.source, sent.reports[0].total_licenses, sent.reports[0].capture_time) == ("rlm", 20, NOW)


# --- cueadmin


def test_limits_are_listed_with_their_use(farm, show):
    """-limits: what is used of how many, what of it was reported, and what frames without a licence bring about."""
    farm.limits["nuke"] = limit_pb2.Limit(
        name="nuke",
        max_value=20,
        type=limit_pb2.HOST,
        soft_value=15,
        current_usage=9,
        settled_usage=7,
        pending_usage=2,
        last_report_time=NOW,
        report_source="rlm",
        report_stale=True,
        exit_status=330,
        delay_minutes=5,
        auto_tag=True,
    )
    head, line = show("-limits")
    assert head.split()[:7] == ["Limit", "Counts", "Used", "Max", "Soft", "Reported", "Since"]
    assert line.split()[:7] == ["nuke", "hosts", "9", "20", "15", "7", "2"]
    assert "no, stale" in line
    assert line.endswith("330: wait 5 min, count")


def test_a_limit_of_that_name_is_shown_alone(farm, show):
    """-limits NAME shows that limit only."""
    farm.limits.update({name: limit_pb2.Limit(name=name) for name in ("nuke", "houdini")})
    assert [line.split()[0] for line in show("-limits", "houdini")] == ["Limit", "houdini"]


def test_who_uses_a_limit_is_listed(farm, show):
    """-limit-holds has a line for each host, and -host asks for one."""
    head, line = show("-limit-holds", "nuke", "-host", "ws1")
    assert (head.split()[0], line.split()[:4]) == ("Limit", ["nuke", "ws1.studio", "2", "both"])
    asked = farm.only("LimitInterface.GetHolds")
    assert (asked.limit_name, asked.host_name) == ("nuke", "ws1")
    assert json.loads("\n".join(show("-limit-holds", "--json")))[0]["user"] == "ann"


def test_what_a_limit_counts_is_listed(farm, show):
    """-limit-bindings has the layers, and why each is counted."""
    assert show("-limit-bindings", "nuke")[1].split()[:3] == ["demo-sh010-ann_comp", "comp", "auto"]
    assert json.loads("\n".join(show("-limit-bindings", "nuke", "--json")))[0]["source"] == "AUTO"


def test_a_limit_is_made_by_host(farm, show):
    """-create-limit takes the type in any case, and frames where none is given."""
    farm.LimitInterface_Create = lambda request, context: limit_pb2.LimitCreateResponse(
        limit=limit_pb2.Limit(name=request.name)
    )
    assert show("-force", "-create-limit", "nuke", "5", "host") == ["Created limit: nuke"]
    assert farm.only("LimitInterface.Create").type == limit_pb2.HOST


def test_cleared_bindings_are_counted(farm, capsys):
    """-clear-limit-bindings says how many layers it was; none is status 1 with words."""
    removed = [3, 0]
    farm.LimitInterface_ClearBindings = lambda request, context: limit_pb2.LimitClearBindingsResponse(
        removed=removed.pop(0)
    )
    assert main(["-clear-limit-bindings", "nuke", "auto", "manual", "-force"]) == 0
    assert capsys.readouterr().out == "nuke: 3 layers no longer counted\n"
    assert list(farm.only("LimitInterface.ClearBindings").sources) == [1, 2]
    assert main(["-clear-limit-bindings", "nuke", "auto", "-force"]) == 1
    assert "it has no AUTO bindings" in capsys.readouterr().err


def test_a_source_that_is_none_is_refused(farm, capsys):
    """A word that is no source is a mistake on the command line, and nothing is cleared."""
    with pytest.raises(SystemExit) as ended:
        main(["-clear-limit-bindings", "nuke", "all"])
    assert (ended.value.code, farm.changes()) == (2, [])
    assert "AUTO, MANUAL" in capsys.readouterr().err


REPORT = {
    "source": "rlm",
    "reports": [
        {
            "limit": "nuke",
            "licences": 20,
            "hosts": [{"host": "ws1", "tokens": 1, "user": "ann"}, {"host": "ws1", "tokens": 1, "user": "bob"}],
        }
    ],
}


def test_a_report_is_read_from_a_file(farm, tmp_path, capsys):
    """-limit-report FILE sends all of the file in one request; a host on two lines is one with both users."""
    answer = limit_pb2.LimitReportUsageResponse(limits=[limit_pb2.Limit(name="nuke", current_usage=2, max_value=20)])
    farm.LimitInterface_ReportUsage = lambda request, context: answer
    (tmp_path / "use.json").write_text(json.dumps(REPORT))
    assert main(["-limit-report", str(tmp_path / "use.json"), "-force"]) == 0
    sent = farm.only("LimitInterface.ReportUsage")
    (host,) = sent.reports[0].hosts
    assert (sent.source, host.host_name, host.tokens, host.user) == ("rlm", "ws1", 2, "ann, bob")
    assert capsys.readouterr().out == "nuke: 2 of 20 used\n"


def test_the_report_of_the_page_is_taken(farm, tmp_path):
    """The JSON of the page on licences is what -limit-report reads."""
    page = Path(__file__).parents[4].joinpath("docs/howto/licences-and-limits.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "usage.json").write_text(text)
    assert main(["-limit-report", str(tmp_path / "usage.json"), "-force"]) == 0
    (report,) = farm.only("LimitInterface.ReportUsage").reports
    assert (report.limit_name, report.total_licenses) == ("nuke", 20)
    assert [(host.host_name, host.user) for host in report.hosts] == [("ws12", "ann"), ("render07.studio.example", "")]


def test_what_was_not_taken_is_told(farm, monkeypatch, capsys):
    """Unknown limits and skipped reports are errors with words, from stdin too."""
    skip = limit_pb2.LimitReportSkip(limit_name="nuke", reason=limit_pb2.OUT_OF_ORDER)
    answer = limit_pb2.LimitReportUsageResponse(unknown_limits=["mari"], skipped_limits=[skip])
    farm.LimitInterface_ReportUsage = lambda request, context: answer
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(REPORT)))
    assert main(["-limit-report", "-", "-force"]) == 1
    told = capsys.readouterr().err
    assert "there is no limit 'mari'" in told
    assert "limit 'nuke' was not taken: it is older than the last one" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "reports"),
        ('{"reports": [{"limit": "nuke"}]}', "KeyError: 'hosts'"),
        ('{"reports": [{"limit": "nuke", "hosts": [{"host": "a", "tokens": "two"}]}]}', "nothing was sent"),
        ('{"reports": [{"limit": "nuke", "hosts": [{"host": "a", "tokens": 99999999999}]}]}', "nothing was sent"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_words(farm, tmp_path, capsys, text, words):
    """Nothing is sent of a file that has another shape, and the shape is told."""
    (tmp_path / "use.json").write_text(text)
    assert main(["-limit-report", str(tmp_path / "use.json"), "-force"]) == 1
    assert words in capsys.readouterr().err
    assert farm.changes() == []


def test_a_file_that_is_not_there_is_named(farm, tmp_path, capsys):
    """The path and the reason stand in one line."""
    assert main(["-limit-report", str(tmp_path / "none.json"), "-force"]) == 1
    assert capsys.readouterr().err == f"Error: {tmp_path / 'none.json'}: No such file or directory.\n"
