"""How long an agent's frames go on without the server, as the agent says it and a restart still knows it."""

from __future__ import annotations

from typing import Any

import pytest
from opencue_proto import host_pb2, report_pb2

from cuebot.domain.units import NO_END, SECOND
from cuebot.wire.agents.reports import host_facts


@pytest.mark.parametrize(
    ("told", "lease_us"),
    [("none", NO_END), ("300", 300 * SECOND), ("", 0), ("0", 0), ("for ever", 0), ("-1", 0), ("None", 0)],
)
def test_a_lease_is_read_as_it_is_told(tools: Any, told: str, lease_us: int) -> None:
    """`none` is a lease without an end; what cannot be read is none at all, and counts as silence does."""
    host = tools.render_host("h1", **{"cuefarm.agent": "1", "cuefarm.lease_seconds": told})
    assert host_facts(host, "10.0.0.1").lease_us == lease_us


async def test_a_lease_without_end_is_kept_with_its_host(site: Any, tools: Any) -> None:
    """It is durable when the report is answered, and goes again with the first report that says otherwise."""
    for told, lease_us in (("none", NO_END), ("300", 300 * SECOND), ("none", NO_END)):
        host = tools.render_host("h1", **{"cuefarm.agent": "1", "cuefarm.lease_seconds": told})
        request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=host))
        await site.report.ReportStatus(request, metadata=(("cuefarm-token", tools.token),))
        assert site.engine.farm.host_named("h1").lease_us == lease_us
    [found] = (await site.host.GetHosts(host_pb2.HostGetHostsRequest())).hosts.hosts
    assert found.name == "h1"
