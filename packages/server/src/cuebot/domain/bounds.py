"""Every number that bounds what comes in.

A refusal names the bound that it is about, and each has a key of its name in `cuefarm.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

INT32_MAX: Final = 2**31 - 1
"""The largest whole number that most fields of the wire can carry; setters and specifications stop there alike."""


LOG_FOLDER_BYTES: Final = 38
"""What follows a job's name in the name of the folder of its logs: two dashes and the job's id."""
_MIB: Final = 1024 * 1024


def bound(default: int, *, least: int = 1, most: int = INT32_MAX) -> int:
    """A field of `Bounds`, and between what it may be chosen."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The largest sizes that the server accepts; a unit stands last in a name unless the field is a plain count."""

    # What one submission may hold.
    spec_bytes: int = bound(10 * _MIB, most=1024 * _MIB)
    """Of a job specification, which is the largest thing that anybody sends."""
    spec_elements: int = bound(400_000)
    """XML elements in a spec; bounds memory and time before anything is understood."""
    spec_depth: int = bound(32, least=6, most=1_000)
    """Nesting of XML elements; a job spec needs six levels."""
    spec_warnings: int = bound(100, least=0)
    """What a submission is warned of; what is more is left out."""
    jobs_per_spec: int = bound(1_000)
    """Jobs of one spec."""
    layers_per_job: int = bound(2_000)
    """Layers that are not Post layers."""
    frames_per_spec: int = bound(100_000)
    """Frames after chunking, summed over all layers of all jobs of a spec."""
    depends_per_spec: int = bound(10_000, least=0)
    """Depends that a spec names."""
    depends_per_job: int = bound(20_000)
    """Of a whole job, as long as it lives."""

    # Frame ranges.
    range_characters: int = bound(4_000)
    """How long a range is written."""
    frames_per_range: int = bound(1_000_000)
    """Frames that a range may name before chunking."""

    # Names that become names of files and folders.
    file_name_bytes: int = bound(255, least=100, most=255)
    """What file systems allow; the name of a frame's log has those of its job and its layer in it."""
    show_name_characters: int = bound(64, most=255)
    """Of a show."""
    shot_name_characters: int = bound(64, most=255)
    """Of a shot."""
    user_name_characters: int = bound(32, most=255)
    """With show and shot at their largest, a job's name still has room for one of its own."""
    layer_name_characters: int = bound(255, most=255)
    """Of a layer."""
    job_name_bytes: int = bound(217, most=255 - LOG_FOLDER_BYTES)
    """With show, shot and user. The folder of a job's logs has the job's id and two dashes, 38 bytes, after it."""

    # Texts.
    email_characters: int = bound(256)
    """The address that a spec names."""
    subscribers_per_job: int = bound(100)
    """Addresses that get mail when a job ends."""
    comment_email_characters: int = bound(1_024)
    """The addresses of a show that get its comments."""
    comment_subject_characters: int = bound(128)
    """Of a comment."""
    comment_message_characters: int = bound(4_000)
    """Of a comment."""
    matcher_characters: int = bound(6_000)
    """Of what a matcher of a filter compares with; of a regular expression `pattern_characters`."""
    filters_per_show: int = bound(100)
    """Each is asked of each job that is launched."""
    parts_per_filter: int = bound(50)
    """Matchers of one filter, and as many actions."""
    filter_steps: int = bound(50_000_000)
    """What the filters of a show may take on one job, some 0.1 s; those behind are not asked, and that is told."""
    tasks_per_department: int = bound(10_000)
    """Shots of a department that have a task."""
    display_text_characters: int = bound(255)
    """What clients show for a frame in place of its state's word."""
    start_after_reason_characters: int = bound(255)
    """Why a layer is not to start yet."""
    reason_characters: int = bound(1_000)
    """Of what a caller gives as his reason; the rest is cut off."""
    request_id_characters: int = bound(128)
    """Of the id by which a request that is sent again is known."""
    os_name_characters: int = bound(64)
    """Of an operating system."""
    os_names: int = bound(64)
    """Operating systems of one host."""
    command_characters: int = bound(32_000)
    """Of a layer's command as it is submitted."""
    output_path_characters: int = bound(2_048)
    """Of a file that a layer writes."""
    tag_characters: int = bound(128)
    """Of one tag."""
    listed_name_characters: int = bound(255)
    """Name of a service, a limit, an allocation, a facility, a group or a host."""
    environment_key_characters: int = bound(2_048)
    """Of a variable's name."""
    environment_value_characters: int = bound(32_000)
    """Of a variable's value."""
    argument_bytes: int = bound(131_071, most=131_071)
    """A command, and a variable with its name: Linux starts no program with a longer word."""
    environment_characters: int = bound(64_000)
    """Keys and values together, of one job or of one layer."""
    names_per_list: int = bound(1_000)
    """Tags, limits, services or outputs of one layer."""

    limit_report_hosts: int = bound(20_000)
    """Hosts that one report of a limit's use names."""

    # Numbers that a job or layer may ask for.
    job_retries: int = bound(16, least=0, most=1_000)
    """Tries of a frame after its first one failed. 16 is OpenCue's number."""
    free_retries: int = bound(100, least=0, most=65_534)
    """Starts that a frame gets by asking for them, at no cost, until it is dead."""
    layer_cores_centicores: int = bound(100_000, least=100)
    """1,000 cores for one frame."""
    layer_memory_kib: int = bound(16 * 1024**3, least=_MIB, most=2**40)
    """16 TiB for one frame."""
    start_after_days: int = bound(5 * 365, most=100 * 365)
    """How far ahead a layer's earliest start may lie."""

    # Queues and pages.
    mailbox_commands: int = bound(10_000)
    """Commands that wait for the disk."""
    feed_events: int = bound(10_000)
    """Public events that are kept in memory while somebody follows them; who is further behind is told so."""
    feed_subscribers: int = bound(500)
    """Clients that follow what happens."""
    events_wait_ms: int = bound(30_000)
    """How long a call waits for the next event."""
    unacknowledged_outcomes: int = bound(10_000)
    """Runs in one report of a host."""
    page_rows: int = bound(1_000)
    """Rows of one page of an answer."""
    bookings_per_slice: int = bound(200)
    """Frames that are booked before other work has its turn."""
    launches_per_slice: int = bound(200)
    """Launches that are sent before other work has its turn."""
    unlaunched_bookings: int = bound(2_000)
    """Bookings whose launch has no answer yet; nothing more is booked until some have."""
    ended_runs_per_reply: int = bound(150, most=200)
    """Runs that the reply to a report names as over, in 8 KiB of metadata; the others are named next time."""
    agent_streams: int = bound(10_000)
    """Agents that hold a stream; further ones make single calls."""
    kept_requests: int = bound(10_000)
    """Answers to requests that are remembered, for those that are sent again; the oldest are forgotten first."""

    # Connections to the gRPC port; fewer where few files may be open.
    connections: int = bound(32_768)
    """All together."""
    connections_per_caller: int = bound(4_096)
    """Of a user of this machine, or of an address, behind which thousands of agents may be; the newest are ended."""
    calls_per_connection: int = bound(128)
    """Under way at once; clients of gRPC keep back what is more, and a caller has no more under way anyhow."""
    pending_calls: int = bound(20_000)
    """Calls that have come and are not looked at yet. gRPC cancels what is more, whoever's it is, and its own 1,000 are
    soon full where a stranger sends calls that are refused as fast as he can."""
    concurrent_calls: int = bound(20_000)
    """Calls under way at once, the streams of agents among them; more are refused."""
    message_seconds: int = bound(30)
    """How long the message of a caller who has no token may take to come."""
    refusals_per_connection: int = bound(20)
    """A connection that was refused so often is ended; honest programs give up after a few."""
    connections_remembered: int = bound(4_096)
    """Connections whose refusals are counted."""
    reply_bytes: int = bound(100 * _MIB)
    """Of one reply."""

    # What one caller may have under way: his further calls wait, those of others do not.
    calls_per_caller: int = bound(100)
    """A call is under way until its reply has been read."""
    waiting_calls_per_caller: int = bound(1_000)
    """Calls that wait for those under way."""
    waiting_bytes_per_caller: int = bound(64 * _MIB)
    """Of the requests that wait."""
    reply_bytes_per_caller: int = bound(32 * _MIB)
    """Of replies that wait to be read; one may be larger."""
    reply_seconds: int = bound(60)
    """A client that has not read its reply by then is hung up on."""

    # HTTP.
    http_connections: int = bound(512)
    """All together; a further one is cut."""
    http_connections_per_caller: int = bound(64)
    """Of a user of this machine, or of an address: whoever takes all he may leaves the others theirs."""
    http_head_bytes: int = bound(16 * 1024, least=1024)
    """Of a request's line and headers."""
    http_head_seconds: int = bound(10)
    """How long the head of a request may take, from the connection or the request before it."""
    http_stuck_seconds: int = bound(30)
    """A caller that takes nothing of its answer for so long is cut."""
    http_body_bytes: int = bound(_MIB)
    """Of a request's body."""
    http_body_seconds: int = bound(30)
    """How long a request's body may take."""
    browser_links: int = bound(20)
    """Links of `cuefarm open` that were not used yet; the oldest goes for a new one."""
    browser_sessions: int = bound(200)
    """Browsers that are known; the oldest goes for a new one."""

    # Lists.
    kept_rows: int = bound(100_000)
    """Jobs that are kept as bytes, and as many hosts: each takes some 400 bytes."""
    finished_jobs_hours: int = bound(72)
    """How long a job is listed by itself after its end; by its name or id it is found for ever."""
    past_jobs_looked_at: int = bound(20_000)
    """Finished jobs on disk that one search looks at, those that ended last."""
    past_events_looked_at: int = bound(1_000_000)
    """Events on disk that one search for what happened to hosts looks at, the last of the time that is asked for."""
    recalls_per_call: int = bound(1_000)
    """Finished jobs that one call has loaded from disk, because it names them."""
    list_reply_bytes: int = bound(10 * _MIB)
    """What published clients take. Finished jobs beyond it are left out, those that ended first before others."""

    # Searches.
    search_words: int = bound(10_000)
    """Names, parts of names, users, states and so on of one search, together."""
    search_patterns: int = bound(100, least=0)
    """Regular expressions among them."""
    pattern_characters: int = bound(200)
    """Of one regular expression."""
    pattern_ms: int = bound(500)
    """What all regular expressions of one search may take together."""
    query_characters: int = bound(2_000)
    """Of one query."""
    listed_frames: int = bound(100_000)
    """Frames or layers that a search may list one by one."""
    commands_per_call: int = bound(2_000)
    """Things that one call may change."""

    # Looking at what was.
    waiting_reads: int = bound(200)
    """Calls that wait for history, and as many again for logs."""
    read_seconds: int = bound(10)
    """How long a call waits for history or for a log; whoever asked is told then that it does not answer."""
    failed_runs_looked_at: int = bound(10_000)
    """Ended runs of a job that are looked at to say why its frames failed."""
    failure_groups: int = bound(100)
    """Kinds of failure of a job that are told."""
    log_followers: int = bound(200)
    """Clients that wait for more of a log."""
    log_read_bytes: int = bound(_MIB)
    """Of a log, in one answer."""
    log_wait_ms: int = bound(30_000)
    """How long a client may wait for more of a log."""


DEFAULT_BOUNDS = Bounds()
"""What holds where nobody set anything else."""


STORED_BOUNDS: Final = Bounds(range_characters=INT32_MAX, frames_per_range=INT32_MAX)
"""For what was accepted once, under whatever bounds held then: a lower one later must not keep a farm from loading."""


GREATEST: Final = {one.name: int(one.metadata["most"]) for one in fields(Bounds)}
"""As far as each bound can be raised."""
