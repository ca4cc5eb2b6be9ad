"""What was: runs of frames, why frames failed, logs, and submissions. All of it is also in `opencue.api`."""

from __future__ import annotations

from typing import Any, Iterator, Sequence, Union

from opencue.rpc import call, callWithin

PAGE_SIZE = 1000  # the most runs that a server gives at a time
FOLLOW_SECONDS = 5.0  # how long one call of followLog waits for more
ANSWER_SECONDS = 10.0  # what a server may take besides that


def getRuns(
    job: str = "",
    layer: str = "",
    frame: Union[int, str, None] = None,
    *,
    cause: Sequence[str] = (),
    state: Sequence[str] = (),
    attempt: int = 0,
    limit: int = PAGE_SIZE,
) -> list[Any]:
    """Return the runs of a frame, or of every frame of a layer or job: those under way, then ended ones, newest first.

    Each is a cuefarm.v1 Run with fields such as `attempt`, `host_name`, `state` (RUNNING while it is under way, then
    what became of the frame), `cause` (a code: EXITED, KILLED, TIMEOUT, ...), `message`, `error_line`, `exit_status`,
    `log_path`, `cores`, `max_rss_kib`, and `start_us`, `stop_us`, `run_us` in microseconds.

    Job and layer are named by name or id, a frame by its number within a layer, its name or its id; an id of a layer
    or frame needs no job. `cause`, `state` and `attempt` narrow it. At most `limit` runs are returned, 0 for all.
    Raises EntityNotFoundException where there is no such job, layer or frame.
    """
    found: list[Any] = []
    before_seq = 0
    while True:
        response = call(
            "farm",
            "GetRuns",
            job=job,
            layer=layer,
            frame=_text(frame),
            causes=cause,
            states=state,
            attempt=attempt,
            before_seq=before_seq,
            limit=min(limit - len(found), PAGE_SIZE) if limit else PAGE_SIZE,
        )
        found.extend(response.runs)
        before_seq = response.next_before_seq
        if not before_seq or (limit and len(found) >= limit):
            return found


def getFailures(job: str, layer: str = "") -> list[Any]:
    """Return what went wrong with the frames of a job or layer that are dead, or lately failed and wait again.

    Frames that ended alike are one cuefarm.v1 Failure: `state` (DEAD or WAITING), `cause`, `exit_status`,
    `exit_signal`, `message` and `error_line`, `frames` (how many), `frame_range`, `hosts` (how many), `charged` (false
    where it was the farm's fault) and `example`, a Run. Dead frames come first, most frames first.
    """
    return list(call("farm", "GetFailures", job=job, layer=layer).failures)


def getSpecification(job: str) -> Any:
    """Return what a job was submitted with, finished or not, as a cuefarm.v1 GetSpecificationResponse.

    `text` has the XML as it came, which `launchSpec` takes again; `job_id` and `job_name` say whose it is. Jobs that
    were submitted together have the same text.
    Raises EntityNotFoundException where there is no such job, or where a server launched it that kept no text.
    """
    return call("farm", "GetSpecification", job=job)


def getRetention() -> Any:
    """Return how much of what was there is, and how much is kept, as a cuefarm.v1 GetRetentionResponse.

    `jobs_in_memory` and `jobs_on_disk` count finished jobs, `first_stopped_us` is when the one on disk ended that ended
    first (microseconds, 0 where there is none). `finished_jobs_kept`, `finished_jobs_kept_days` and
    `history_kept_months` are the server's settings; where one is 0, nothing is dropped by it.
    """
    return call("farm", "GetRetention")


def readLog(
    job: str = "",
    layer: str = "",
    frame: Union[int, str, None] = None,
    *,
    run: str = "",
    attempt: int = 0,
    offset: int = 0,
    max_bytes: int = 0,
    wait_s: float = 0.0,
) -> Any:
    """Return a piece of a log, read by the server, as a cuefarm.v1 ReadLogResponse.

    It is the log of a frame's latest run, of one of its attempts, or of a run by its id (with the job, once it has
    ended). `offset` is where to begin, in bytes, a negative one counted from the end; `data` has the bytes (at most
    `max_bytes`, 0 for what a reply holds, 1 MiB), `next_offset` says where to go on, `size` how long the file is, and
    `complete` whether the run is over and this was the last of it. With `wait_s` (at most 30 s) the server waits so
    long for more than it has.
    Raises EntityNotFoundException where there is no such run or no log that the server can see; the words name the
    path and the host.
    """
    return callWithin(
        wait_s + ANSWER_SECONDS,
        "farm",
        "ReadLog",
        run_id=run,
        job=job,
        layer=layer,
        frame=_text(frame),
        attempt=attempt,
        offset=offset,
        max_bytes=max_bytes,
        wait_ms=int(wait_s * 1000),
    )


def followLog(
    job: str = "",
    layer: str = "",
    frame: Union[int, str, None] = None,
    *,
    run: str = "",
    attempt: int = 0,
    offset: int = 0,
    follow: bool = True,
) -> Iterator[bytes]:
    """Give a log piece by piece until its run is over, or with `follow=False` as far as it is written now.

    Which log is meant, and what is raised, is as with `readLog`. A retry of the frame meanwhile ends it.
    """
    piece = readLog(job, layer, frame, run=run, attempt=attempt, offset=offset)
    end = piece.size
    while True:
        if piece.data:
            yield piece.data
        if piece.complete or (not follow and piece.next_offset >= end):
            return
        wait_s = FOLLOW_SECONDS if follow else 0.0
        # From here on by the run's id: another run of the frame has a log of its own.
        piece = readLog(job, layer, frame, run=piece.run_id, offset=piece.next_offset, wait_s=wait_s)


def _text(frame: Union[int, str, None]) -> str:
    return "" if frame is None else str(frame)
