"""What is taken and changes nothing is said with the answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from opencue_proto import facility_pb2, host_pb2, job_pb2, service_pb2, show_pb2

from cuebot.domain.bounds import Bounds
from cuebot.wire.call import WARNINGS_BYTES


async def warnings_of(call: Any) -> list[str]:
    """The warnings that came with an answer."""
    await call
    return [unquote(str(value)) for key, value in await call.trailing_metadata() or () if key == "cuefarm-warning"]


async def test_a_setter_without_effect_is_answered_with_a_warning(site: Any) -> None:
    """The value is kept and shown, as OpenCue does, and the caller hears that it does nothing."""
    show = (await site.show.GetShows(show_pb2.ShowGetShowsRequest())).shows.shows[0]
    words = await warnings_of(site.show.SetCommentEmail(show_pb2.ShowSetCommentEmailRequest(show=show, email="a@b.c")))
    assert words == ["the address is kept, but comments are not mailed"]
    assert site.farm.shows[show.id].comment_email == "a@b.c"
    (allocation,) = (await site.allocation.GetAll(facility_pb2.AllocGetAllRequest())).allocations.allocations[:1]
    request = facility_pb2.AllocSetBillableRequest(allocation=allocation, value=False)
    assert "nothing is charged" in (await warnings_of(site.allocation.SetBillable(request)))[0]


async def test_a_setter_with_an_effect_is_answered_without_a_warning(site: Any) -> None:
    """Nobody is warned of what happens."""
    job = await site.launch()
    assert await warnings_of(site.job.SetPriority(job_pb2.JobSetPriorityRequest(job=job, val=9))) == []


async def test_a_launch_says_what_of_its_specification_was_ignored(site: Any, tools: Any) -> None:
    """The reader's warnings and the names that mean nothing here, in any language."""
    text = tools.spec(tools.layer("beauty", "1")).replace("<job ", "<dept>Lüchter</dept><müll/><job ")
    words = await warnings_of(site.job.LaunchSpecAndWait(job_pb2.JobLaunchSpecAndWaitRequest(spec=text)))
    assert [text.partition(":")[0] for text in words] == ["müll", "dept"]


async def test_a_page_of_frames_says_that_it_is_no_more(start_site: Any) -> None:
    """Whoever asks for more than a page has hears how many there are; one with all of them says nothing."""
    site = await start_site(bounds=Bounds(page_rows=4))
    job = await site.launch(paused=True)  # ten frames

    async def warned(**criteria: Any) -> list[str]:
        request = job_pb2.JobGetFramesRequest(job=job, req=job_pb2.FrameSearchCriteria(**criteria))
        return await warnings_of(site.job.GetFrames(request))

    words = ["this is one page of 10 frames: a page has at most 4; `page` chooses another"]
    assert await warned(limit=10) == words
    assert await warned(limit=10, frame_range="1-4") == []
    assert await warned(limit=4) == []
    assert await warned() == []


async def test_many_warnings_are_cut_to_what_an_answer_can_carry(site: Any, tools: Any) -> None:
    """The first ones come, and how many more there were."""
    limits = "".join(f"<limit>{'x' * 200}{n}</limit>" for n in range(200))
    layer = tools.layer("beauty", "1").replace("</layer>", f"<limits>{limits}</limits></layer>")
    words = await warnings_of(site.job.LaunchSpec(job_pb2.JobLaunchSpecRequest(spec=tools.spec(layer))))
    assert sum(map(len, words)) <= WARNINGS_BYTES + 100
    assert words[-1] == f"and {200 - (len(words) - 1)} more warnings"


async def test_a_proc_that_is_unbooked_without_a_kill_is_no_silent_success(
    site: Any, start_agent: Any, tools: Any
) -> None:
    """Its frame goes on, and the caller hears it."""
    agent = await start_agent()
    agent.finish = False
    await site.launch(tools.layer("sim", "1"))
    await tools.until(lambda: bool(agent.launched))
    (id,) = site.farm.procs
    words = await warnings_of(site.proc.Unbook(host_pb2.ProcUnbookRequest(proc=host_pb2.Proc(id=id), kill=False)))
    assert "nothing was changed" in words[0]


async def test_what_a_setter_makes_of_too_little_is_warned_of(site: Any) -> None:
    """Less than a tenth of a core is one core, little memory is the least of a frame; 0 and -1 mean what specs mean."""
    [layer] = await site.layers_of(await site.launch())
    stored = site.farm.layers[layer.id]
    for cores, units in ((0.05, 100), (0.001, 100)):
        (words,) = await warnings_of(site.layer.SetMinCores(job_pb2.LayerSetMinCoresRequest(layer=layer, cores=cores)))
        assert "less than a tenth of a core, so one core is used" in words
        assert stored.min_cores == units
    for cores, units in ((0, 0), (-1, -100), (0.5, 50)):
        assert (
            await warnings_of(site.layer.SetMinCores(job_pb2.LayerSetMinCoresRequest(layer=layer, cores=cores))) == []
        )
        assert stored.min_cores == units
    (words,) = await warnings_of(site.layer.SetMinMemory(job_pb2.LayerSetMinMemoryRequest(layer=layer, memory=1)))
    assert "256 MB is used" in words


async def test_a_service_with_less_than_a_tenth_of_a_core_gets_one_core_and_a_warning(site: Any) -> None:
    """As a layer does: its layers would get one core, too."""
    data = service_pb2.Service(name="tiny", min_cores=5)
    (words,) = await warnings_of(site.service.CreateService(service_pb2.ServiceCreateServiceRequest(data=data)))
    assert "one core is used" in words
    assert site.farm.services[site.farm.service_by_name["tiny"]].min_cores == 100
