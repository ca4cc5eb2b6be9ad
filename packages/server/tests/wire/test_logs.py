"""Logs are read through the server: in pieces, as they grow, each attempt's own, and nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from wire_scene import write_log

from cuefarm_proto import farm_pb2


async def test_a_log_is_read_in_pieces(make_scene: Any, logs: Path) -> None:
    """A log is read from any offset to its end, also from the end; complete only once the run is over."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    path = write_log(run, "one\ntwo\n")
    whole = path.read_bytes()
    read = b""
    while piece := await scene.log(offset=len(read), max_bytes=10):
        assert piece.offset == len(read)
        read += piece.data
        if not piece.data:
            break
    assert read == whole
    assert (piece.size, piece.ended, piece.complete, piece.path) == (len(whole), False, False, str(path))
    assert (await scene.log(offset=-4)).data == b"two\n"
    await scene.agent.complete(run)
    piece = await scene.log(run_id=run.resource_id)
    assert (piece.data, piece.ended, piece.complete) == (whole, True, True)
    assert not (await scene.log(max_bytes=5)).complete


async def test_a_log_that_grows_is_followed(make_scene: Any, logs: Path) -> None:
    """A read that waits returns as soon as there is more, when the run ends, or when its time is over."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    waiting = asyncio.create_task(scene.log(wait_ms=10_000))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    path = write_log(run, "one\n")
    piece = await waiting
    assert piece.data.endswith(b"one\n")
    waiting = asyncio.create_task(scene.log(offset=piece.next_offset, wait_ms=10_000))
    await asyncio.sleep(0.1)
    with path.open("a") as log:
        log.write("two\n")
    piece = await waiting
    assert piece.data == b"two\n"
    started = time.monotonic()
    empty = await scene.log(offset=piece.next_offset, wait_ms=300)
    assert (empty.data, empty.complete) == (b"", False)
    assert time.monotonic() - started >= 0.3
    waiting = asyncio.create_task(scene.log(offset=piece.next_offset, wait_ms=10_000))
    await scene.agent.complete(run)
    assert (await waiting).complete


async def test_each_attempt_has_its_log(make_scene: Any, logs: Path) -> None:
    """The latest attempt's log is found under the plain name, earlier ones under their numbers, by the run's id."""
    scene = await make_scene("1")
    first = (await scene.launched())[0]
    path = write_log(first, "first\n")
    await scene.fail(first)
    second = (await scene.launched())[0]
    assert (await scene.log()).data == b""  # the file there is still the first attempt's
    path.rename(f"{path}.1")
    write_log(second, "second\n")
    assert (await scene.log()).data.endswith(b"second\n")
    assert (await scene.log(attempt=1)).data.endswith(b"first\n")
    assert (await scene.log(run_id=first.resource_id)).path == f"{path}.1"
    code, words = await scene.site.refused(scene.log(attempt=7))
    assert (code, "attempt 7" in words) == ("NOT_FOUND", True)


async def test_a_file_without_a_header_is_no_log_of_our_agent(make_scene: Any, logs: Path) -> None:
    """Ours begins every log with the run's id; only another agent's latest log is taken without one."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    write_log(run, "").write_text("something else\n")
    await scene.agent.complete(run)
    code, words = await scene.site.refused(scene.log())
    assert (code, "no log of this run" in words) == ("NOT_FOUND", True)
    (host,) = scene.site.farm.hosts.values()
    host.agent = ""
    assert (await scene.log()).data == b"something else\n"


async def test_a_log_under_another_name_is_found(make_scene: Any, logs: Path) -> None:
    """An agent that had to choose another name for a log tells it, and the log is read there."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    write_log(run, "text\n", name="short.rqlog")
    await scene.agent.complete(run, log_name="short.rqlog")
    assert (await scene.log()).data.endswith(b"text\n")


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "..", "link", "fifo", "folder"])
async def test_only_a_regular_file_of_the_jobs_folder_is_read(make_scene: Any, logs: Path, name: str) -> None:
    """What an agent names outside of the folder, a link, a FIFO and a folder are refused at once."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    secret = write_log(run, "secret\n", name="secret", folder=str(logs))
    folder = Path(run.log_dir)
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(secret)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    await scene.agent.complete(run, log_name=name)
    code, words = await scene.site.refused(scene.log())
    assert code in ("NOT_FOUND", "FAILED_PRECONDITION"), words


async def test_a_folder_that_the_server_cannot_see_is_told(make_scene: Any) -> None:
    """Who asks for a log that is on another machine is told its path and its host."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    await scene.agent.complete(run)
    code, words = await scene.site.refused(scene.log())
    assert code == "NOT_FOUND"
    assert f"{run.log_dir}/{scene.job.name}.0001-beauty.rqlog" in words
    assert "host-comp" in words


async def test_a_run_that_had_no_log_says_why(make_scene: Any, logs: Path) -> None:
    """Nobody is sent to look for a log that was never made."""
    scene = await make_scene("1")
    run = (await scene.launched())[0]
    scene.site.engine.core.draining = True
    await scene.fail(run, cause="log_unwritable", message="/logs: No space left on device")
    code, words = await scene.site.refused(scene.log())
    assert (code, "No space left on device" in words) == ("NOT_FOUND", True)


async def test_a_frame_that_never_ran_has_no_log(site: Any) -> None:
    """Who asks for it is told so."""
    job = await site.launch()
    request = farm_pb2.ReadLogRequest(job=job.name, layer="beauty", frame="3")
    code, words = await site.refused(site.farm_interface.ReadLog(request))
    assert (code, "has not run" in words) == ("NOT_FOUND", True)
