"""Whatever is sent to the port gets a clear status, and the server goes on."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import struct
from typing import Any

import pytest
from opencue_proto import cue_pb2, host_pb2, job_pb2, report_pb2, show_pb2
from structlog.testing import capture_logs

from cuebot.domain.bounds import DEFAULT_BOUNDS, Bounds


async def alive(site: Any) -> bool:
    """Return whether the server answers."""
    await site.cue.GetSystemStats(cue_pb2.CueGetSystemStatsRequest(), timeout=2)
    return True


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(65_536)],
    ids=["http1", "tls", "noise"],
)
async def test_garbage_on_the_port_harms_nobody_else(site: Any, garbage: bytes) -> None:
    """A peer that does not speak gRPC may keep its connection or lose it; others are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(garbage)
    await writer.drain()
    with contextlib.suppress(TimeoutError, ConnectionError):
        await asyncio.wait_for(reader.read(), 0.3)
    writer.close()
    assert await alive(site)


async def test_a_body_that_is_no_message_is_an_invalid_argument(site: Any) -> None:
    """Bytes that cannot be parsed are refused as such, with the message's name."""
    call = site.channel.unary_unary("/job.JobInterface/GetJob")
    code, words = await site.refused(call(b"\xff\xff\xff\xff"))
    assert (code, "JobGetJobRequest" in words) == ("INVALID_ARGUMENT", True)


async def test_text_that_is_not_utf8_is_an_invalid_argument(site: Any) -> None:
    """A string field with other bytes is refused."""
    call = site.channel.unary_unary("/job.JobInterface/FindJob")
    code, _ = await site.refused(call(b"\x0a\x02\xff\xfe"))
    assert code == "INVALID_ARGUMENT"


async def test_an_oversized_message_is_refused_by_its_size(start_site: Any) -> None:
    """More than the server takes is RESOURCE_EXHAUSTED, and the next call works."""
    site = await start_site(bounds=Bounds(spec_bytes=1))
    request = job_pb2.JobLaunchSpecRequest(spec="x" * 2_000_000)
    code, words = await site.refused(site.job.LaunchSpec(request))
    assert (code, "larger" in words.lower()) == ("RESOURCE_EXHAUSTED", True)
    assert await alive(site)


async def test_an_unknown_method_or_service_is_unimplemented(site: Any) -> None:
    """What no interface has is not offered either."""
    for path in ("/job.JobInterface/Explode", "/no.Such/Thing"):
        code, _ = await site.refused(site.channel.unary_unary(path)(b""))
        assert code == "UNIMPLEMENTED"


@pytest.mark.parametrize("cores", [math.nan, math.inf, -math.inf, 1e30, -5.0])
async def test_absurd_cores_are_refused(site: Any, cores: float) -> None:
    """NaN, infinities, floods and negative cores change nothing."""
    job = await site.launch()
    code, _ = await site.refused(site.job.SetMaxCores(job_pb2.JobSetMaxCoresRequest(job=job, val=cores)))
    assert code == "INVALID_ARGUMENT"
    assert site.farm.jobs[job.id].max_cores == 10_000


async def test_absurd_numbers_for_layers_are_refused(site: Any) -> None:
    """Memory and start times that no field can hold are refused by name."""
    job = await site.launch()
    [layer] = await site.layers_of(job)
    memory = job_pb2.LayerSetMinMemoryRequest(layer=layer, memory=2**62)
    start = job_pb2.LayerSetStartAfterRequest(layer=layer, start_after=2**62)
    cores = job_pb2.LayerSetMinCoresRequest(layer=layer, cores=1e6)
    for call in (site.layer.SetMinMemory(memory), site.layer.SetStartAfter(start), site.layer.SetMinCores(cores)):
        assert (await site.refused(call))[0] == "INVALID_ARGUMENT"
    assert (await site.layers_of(job))[0].min_memory == layer.min_memory


async def test_a_number_that_no_enumeration_has_is_refused(site: Any, start_agent: Any) -> None:
    """Unknown states and modes are named with those that there are."""
    await start_agent()
    host = (await site.host.FindHost(host_pb2.HostFindHostRequest(name="host1"))).host
    code, words = await site.refused(
        site.host.SetHardwareState(host_pb2.HostSetHardwareStateRequest(host=host, state=99))
    )
    assert (code, "REPAIR 4" in words) == ("INVALID_ARGUMENT", True)


async def test_a_host_that_reports_absurd_numbers_is_cut_to_what_can_be(site: Any, tools: Any) -> None:
    """Memory, cores and GPUs beyond belief neither fail nor overflow anything."""
    host = tools.render_host("liar", cores=2**31 - 1)
    for field in ("total_mem", "free_mem", "total_swap", "free_swap", "total_mcp", "free_mcp", "total_gpu_mem"):
        setattr(host, field, 2**63 - 1)
    host.num_gpus, host.boot_time, host.state, host.free_gpu_mem = 2**31 - 1, -5, 77, -(2**63)
    host.attributes["cuefarm.lease_seconds"] = "9" * 5_000
    host.tags.extend(["x" * 10_000] * 200)
    request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=host))
    await site.report.ReportStatus(request, metadata=(("cuefarm-token", tools.token),))
    [found] = (await site.host.GetHosts(host_pb2.HostGetHostsRequest())).hosts.hosts
    assert found.cores == 100_000.0
    assert 0 < found.memory <= 2**41


@pytest.mark.parametrize("name", ["", "x" * 300])
async def test_a_host_without_a_usable_name_is_refused(site: Any, tools: Any, name: str) -> None:
    """A report that names no host, or one that nothing can hold, is refused."""
    request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=tools.render_host(name)))
    call = site.report.ReportStatus(request, metadata=(("cuefarm-token", tools.token),))
    assert (await site.refused(call))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("address", ["unix:/etc/passwd", "dns:///evil:1", "host", "a b:1"])
async def test_a_host_names_no_address_that_is_no_host_and_port(site: Any, tools: Any, address: str) -> None:
    """An agent cannot have the server open files or foreign schemes."""
    host = tools.render_host("h1", **{"cuefarm.address": address})
    request = report_pb2.RqdReportStatusRequest(host_report=report_pb2.HostReport(host=host))
    call = site.report.ReportStatus(request, metadata=(("cuefarm-token", tools.token),))
    code, words = await site.refused(call)
    assert (code, "HOST:PORT" in words) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "a" * 300, "a*b*c*d*e*f*g*h*", "(x|y)*z"])
async def test_a_search_pattern_that_could_hold_up_the_farm_is_refused(site: Any, pattern: str) -> None:
    """Patterns that are wrong, too long, or exponential are refused before they run."""
    request = job_pb2.JobGetJobsRequest(r=job_pb2.JobSearchCriteria(regex=[pattern]))
    assert (await site.refused(site.job.GetJobs(request)))[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "criteria",
    [
        {"frame_range": "1-"},
        {"frame_range": "1-99999999x1"},
        {"memory_range": "much"},
        {"duration_range": "-1"},
        {"ids": ["x"] * 100_001},
    ],
    ids=["range", "huge", "memory", "duration", "list"],
)
async def test_frame_criteria_that_say_nothing_are_refused(site: Any, criteria: dict[str, Any]) -> None:
    """Bad ranges and endless lists are no search."""
    job = await site.launch()
    assert (await site.refused(site.frames_of(job, **criteria)))[0] == "INVALID_ARGUMENT"


async def test_a_specification_that_is_none_is_refused_with_its_place(site: Any, tools: Any) -> None:
    """Broken XML, entity bombs and unknown shows are told apart, and nothing is launched."""
    bomb = '<!DOCTYPE spec [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><spec>&b;</spec>'
    good = tools.spec(tools.layer("beauty", "1"))
    for text, expected in (
        ("<spec", "INVALID_ARGUMENT"),
        ("", "INVALID_ARGUMENT"),
        (bomb, "INVALID_ARGUMENT"),
        (good.replace("testing", "nowhere"), "NOT_FOUND"),
        (good.replace(">ada<", ">root<"), "INVALID_ARGUMENT"),
    ):
        request = job_pb2.JobLaunchSpecRequest(spec=text)
        assert (await site.refused(site.job.LaunchSpec(request)))[0] == expected
    assert not site.farm.jobs


async def test_the_same_job_twice_already_exists(site: Any) -> None:
    """A second active job of the name is ALREADY_EXISTS."""
    await site.launch()
    assert (await site.refused(site.launch()))[0] == "ALREADY_EXISTS"


async def test_a_long_refusal_reaches_the_caller(site: Any) -> None:
    """A message that quotes what was sent is cut so that it fits into a trailer."""
    request = show_pb2.ShowFindShowRequest(name="é" * 20_000)
    code, words = await site.refused(site.show.FindShow(request))
    assert (code, 700 < len(words) <= 1_500) == ("NOT_FOUND", True)


async def test_a_failure_inside_the_server_is_internal_with_an_id(site: Any) -> None:
    """What nobody foresaw gets INTERNAL and an id to look for in the log; the next call works."""
    site.farm.shows["broken"] = None
    with capture_logs() as logs:
        code, words = await site.refused(site.show.GetShows(show_pb2.ShowGetShowsRequest()))
    del site.farm.shows["broken"]
    assert code == "INTERNAL"
    assert logs[-1]["failure"] in words
    assert await alive(site)


async def test_a_connection_carries_so_many_calls_at_once(site: Any) -> None:
    """What a stranger sends without waiting is bounded before anybody looks at it: the server says so at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    head = await asyncio.wait_for(reader.readexactly(9), 10)
    settings = dict(struct.iter_unpack(">HI", await reader.readexactly(int.from_bytes(head[:3]))))
    writer.close()
    assert head[3] == 4  # SETTINGS
    assert settings[3] == DEFAULT_BOUNDS.calls_per_connection
