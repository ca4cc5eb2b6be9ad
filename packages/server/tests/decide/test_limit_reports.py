"""Reports of who uses limits: all of one is taken, or nothing; what is too early or too old is skipped."""

from __future__ import annotations

from typing import Any

import pytest
from small_farm import SmallFarm

from cuebot.domain import commands as c
from cuebot.domain import events as ev
from cuebot.domain.bounds import Bounds
from cuebot.domain.errors import Invalid, LimitExceeded
from cuebot.domain.units import SECOND

RATE_LIMITED, OUT_OF_ORDER = 0, 1


def farm_with(*names: str, **options: Any) -> SmallFarm:
    """A farm with limits of these names."""
    farm = SmallFarm(**options)
    for name in names:
        farm.do(c.CreateLimit(name, 9))
    return farm


def usage(name: str = "nuke", *hosts: tuple[str, int], captured_us: int = 0, licences: int = 0) -> c.UsageReport:
    """A report of one limit."""
    return c.UsageReport(name, tuple(c.HostUsage(*host) for host in hosts), licences, captured_us)


def tokens(farm: SmallFarm, name: str = "nuke") -> dict[str, int]:
    """What is known to be in use, by host."""
    limit = farm.farm.limits[farm.farm.limit_by_name[name]]
    return {short: holder.tokens for short, holder in limit.holders.items()}


def test_a_report_replaces_the_one_before() -> None:
    """It is all of a limit's use: hosts that it does not name use nothing, and without a host nobody does."""
    farm = farm_with("nuke")
    for hosts, expected in (
        ([("ws1", 2), ("ws2", 1)], {"ws1": 2, "ws2": 1}),
        ([("ws2", 3)], {"ws2": 3}),
        ([], {}),
    ):
        farm.wait(10)
        farm.do(c.ReportUsage((usage("nuke", *hosts),), "rlm"))
        assert tokens(farm) == expected


def test_a_limit_that_is_not_reported_stays_as_it_is() -> None:
    """A request says nothing of limits that it does not name."""
    farm = farm_with("nuke", "maya")
    farm.do(c.ReportUsage((usage("nuke", ("ws1", 2)), usage("maya", ("ws1", 1))), "rlm"))
    farm.wait(10)
    farm.do(c.ReportUsage((usage("nuke"),), "rlm"))
    assert (tokens(farm), tokens(farm, "maya")) == ({}, {"ws1": 1})


def test_a_name_that_no_limit_has_is_answered_and_no_mistake() -> None:
    """A collector knows more products than the farm has limits; those that there are get their report."""
    farm = farm_with("nuke")
    reported, unknown, skipped = farm.do(c.ReportUsage((usage("mari", ("ws1", 2)), usage("nuke", ("ws1", 1))), "rlm"))
    assert (len(reported), unknown, skipped, tokens(farm)) == (1, ["mari"], [], {"ws1": 1})


def test_a_report_that_comes_too_soon_is_skipped() -> None:
    """Within five seconds of the last one nothing is taken; after them it is."""
    farm = farm_with("nuke")
    farm.do(c.ReportUsage((usage("nuke", ("ws1", 1)),), "rlm"))
    farm.wait(4)
    assert farm.do(c.ReportUsage((usage("nuke", ("ws1", 2)),), "rlm")) == [[], [], [["nuke", RATE_LIMITED]]]
    farm.wait(1)
    farm.do(c.ReportUsage((usage("nuke", ("ws1", 3)),), "rlm"))
    assert tokens(farm) == {"ws1": 3}


def test_a_report_that_is_older_than_the_last_one_is_skipped() -> None:
    """What arrives late says nothing of now."""
    farm = farm_with("nuke")
    farm.do(c.ReportUsage((usage("nuke", ("ws1", 1)),), "rlm"))
    farm.wait(60)
    late = usage("nuke", ("ws1", 9), captured_us=farm.now_us - 70 * SECOND)
    assert farm.do(c.ReportUsage((late,), "rlm")) == [[], [], [["nuke", OUT_OF_ORDER]]]
    assert tokens(farm) == {"ws1": 1}


def test_rows_of_one_host_are_added() -> None:
    """A host may be told of once a user, under whatever spelling; it is one host with all of them."""
    farm = farm_with("nuke")
    rows = (c.HostUsage("ws1", 1, "ann"), c.HostUsage("WS1.studio.example", 2, "bob"), c.HostUsage("ws1", 1, "ann"))
    farm.do(c.ReportUsage((c.UsageReport("nuke", rows),), "rlm"))
    (holder,) = farm.farm.limits[farm.farm.limit_by_name["nuke"]].holders.values()
    assert (holder.name, holder.tokens, holder.user) == ("ws1", 4, "ann, bob")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ((usage("maya", ("", 1)),), "a host needs a name"),
        ((usage("maya", ("ws1", 0)),), "0 tokens"),
        ((usage("maya", ("ws1", -1)),), "-1 tokens"),
        ((usage("maya", ("ws1", 2**31 - 1), ("ws1", 1)),), "tokens"),
        ((usage("maya"), usage("maya")), "twice in one request"),
        ((usage(""),), "without a name"),
        ((usage("maya", captured_us=2**62),), "captured"),
        ((usage("maya", captured_us=-1),), "captured"),
        ((usage("maya", licences=-1),), "licences"),
        ((usage("maya", ("x" * 1_000, 1)),), "characters"),
    ],
)
def test_one_bad_row_refuses_all_of_a_request(bad: tuple[c.UsageReport, ...], words: str) -> None:
    """Not even the limits before it are written, and the message says so."""
    farm = farm_with("nuke", "maya")
    with pytest.raises(Invalid, match=words) as refused:
        farm.do(c.ReportUsage((usage("nuke", ("ws1", 1)), *bad), "rlm"))
    assert "nothing was taken" in str(refused.value)
    assert farm.events(ev.UsageReported) == []


def test_more_hosts_than_the_bound_are_refused() -> None:
    """The refusal names the bound, and nothing is taken."""
    farm = farm_with("nuke", bounds=Bounds(limit_report_hosts=1))
    with pytest.raises(LimitExceeded, match="limit_report_hosts"):
        farm.do(c.ReportUsage((usage("nuke", ("ws1", 1), ("ws2", 1)),), "rlm"))
    farm.do(c.ReportUsage((usage("nuke", ("ws1", 1)),), "rlm"))
    assert tokens(farm) == {"ws1": 1}


def test_the_clock_of_who_reports_may_be_a_little_ahead() -> None:
    """A report of the next half minute is one of now."""
    farm = farm_with("nuke")
    farm.do(c.ReportUsage((usage("nuke", captured_us=farm.now_us + 30 * SECOND),), "rlm"))
    limit = farm.farm.limits[farm.farm.limit_by_name["nuke"]]
    assert limit.captured_us == farm.now_us
