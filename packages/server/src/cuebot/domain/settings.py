"""Everything that whoever runs the farm may choose, in one place: settings, and every number that bounds what comes in.

A refusal names the bound that it is about. Nothing but the log root can be given from outside yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cuebot.domain.units import MINUTE, SECOND, Micros

INT32_MAX: Final = 2**31 - 1
"""The largest whole number that most fields of the wire can carry; setters and specifications stop there alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The largest sizes that the server accepts; a unit stands last in a name unless the field is a plain count."""

    # What one submission may hold.
    spec_bytes: int = 10 * 1024 * 1024
    spec_elements: int = 400_000
    """XML elements in a spec; bounds memory and time before anything is understood."""
    spec_depth: int = 32
    """Nesting of XML elements; a job spec needs six levels."""
    spec_warnings: int = 100
    jobs_per_spec: int = 1_000
    layers_per_job: int = 2_000
    """Layers that are not Post layers."""
    frames_per_spec: int = 100_000
    """Frames after chunking, summed over all layers of all jobs of a spec."""
    depends_per_spec: int = 10_000
    depends_per_job: int = 20_000
    """Of a whole job, as long as it lives."""

    # Frame ranges.
    range_characters: int = 4_000
    frames_per_range: int = 1_000_000
    """Frames that a range may name before chunking."""

    # Names that become names of files and folders.
    file_name_bytes: int = 255
    """What file systems allow; the name of a frame's log has those of its job and its layer in it."""
    show_name_characters: int = 64
    shot_name_characters: int = 64
    user_name_characters: int = 32
    """With show and shot at their largest, a job's name still has room for one of its own."""
    layer_name_characters: int = 255
    job_name_bytes: int = 217
    """With show, shot and user. The folder of a job's logs has the job's id and two dashes, 38 bytes, after it."""

    # Texts.
    email_characters: int = 256
    os_name_characters: int = 64
    command_characters: int = 32_000
    output_path_characters: int = 2_048
    tag_characters: int = 128
    listed_name_characters: int = 255
    """Name of a service or of a limit."""
    environment_key_characters: int = 2_048
    environment_value_characters: int = 32_000
    argument_bytes: int = 131_071
    """A command, and a variable with its name: Linux starts no program with a longer word."""
    environment_characters: int = 64_000
    """Keys and values together, of one job or of one layer."""
    names_per_list: int = 1_000
    """Tags, limits, services or outputs of one layer."""

    # Numbers that a job or layer may ask for.
    job_retries: int = 16
    """OpenCue's number."""
    free_retries: int = 100
    """Starts that a frame gets by asking for them, at no cost, until it is dead."""
    layer_cores_centicores: int = 100_000
    """1,000 cores for one frame."""
    layer_memory_kib: int = 16 * 1024**3
    """16 TiB for one frame."""

    # Queues and pages.
    mailbox_commands: int = 10_000
    feed_events: int = 10_000
    """Public events that are kept in memory while somebody follows them; who is further behind is told so."""
    feed_subscribers: int = 500
    events_wait_ms: int = 30_000
    unacknowledged_outcomes: int = 10_000
    page_rows: int = 1_000
    bookings_per_slice: int = 200
    launches_per_slice: int = 200
    unlaunched_bookings: int = 2_000
    ended_runs_per_reply: int = 150
    agent_streams: int = 10_000

    # Connections to the gRPC port; fewer where few files may be open.
    connections: int = 32_768
    connections_per_caller: int = 4_096
    """Of a user of this machine, or of an address, behind which thousands of agents may be; the newest are ended."""

    # What one caller may have under way: his further calls wait, those of others do not.
    calls_per_caller: int = 100
    """A call is under way until its reply has been read."""
    waiting_calls_per_caller: int = 1_000
    waiting_bytes_per_caller: int = 64 * 1024 * 1024
    """Of the requests that wait."""
    reply_bytes_per_caller: int = 32 * 1024 * 1024
    """Of replies that wait to be read; one may be larger."""
    reply_seconds: int = 60
    """A client that has not read its reply by then is hung up on."""

    # Lists.
    kept_rows: int = 100_000
    """Jobs that are kept as bytes, and as many hosts: each takes some 400 bytes."""
    finished_jobs_hours: int = 72
    """How long a job is listed by itself after its end; by its name or id it is found for ever."""
    list_reply_bytes: int = 10 * 1024 * 1024
    """What published clients take. Finished jobs beyond it are left out, those that ended first before others."""

    # Searches.
    search_words: int = 10_000
    """Names, parts of names, users, states and so on of one search, together."""
    search_patterns: int = 100
    """Regular expressions among them."""
    pattern_characters: int = 200
    query_characters: int = 2_000
    listed_frames: int = 100_000
    """Frames or layers that a search may list one by one."""
    commands_per_call: int = 2_000
    """Things that one call may change."""

    # Looking at what was.
    waiting_reads: int = 200
    """Calls that wait for history, and as many again for logs."""
    failed_runs_looked_at: int = 10_000
    """Ended runs of a job that are looked at to say why its frames failed."""
    failure_groups: int = 100
    log_followers: int = 200
    """Clients that wait for more of a log."""
    log_read_bytes: int = 1024 * 1024
    log_wait_ms: int = 30_000


DEFAULT_BOUNDS = Bounds()
"""What holds where nobody set anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What whoever runs the farm may choose. Durations in microseconds."""

    log_root: str = "/shots"
    """Frame logs lie under LOG_ROOT/SHOW/SHOT/logs/JOB--ID."""
    default_facility: str = "local"
    host_silent_us: Micros = Micros(5 * MINUTE)
    """A host that has said nothing for so long is DOWN, and without a lease its runs are given up."""
    lease_margin_us: Micros = MINUTE
    """How long after our agent has suspended a run the server gives it up."""
    name_held_us: Micros = Micros(30 * SECOND)
    """An agent that was heard so lately keeps its host's name against any other: it reports every 12 s at least."""
    missing_run_us: Micros = MINUTE
    """A run that its host does not name so long after it was booked never arrived. No message is late by as much: a
    launch without an answer is over after this."""
    kill_again_us: Micros = Micros(15 * SECOND)
    """A run that was to be killed and goes on is killed again so often."""
    stood_still_us: Micros = Micros(20 * SECOND)
    """A server that looks for silent hosts so long after the time before has stood still, and could not hear them."""
    avoided_us: Micros = Micros(30 * MINUTE)
    """How long frames of a layer keep off a host where one of them failed."""
    quarantine_us: Micros = Micros(5 * MINUTE)
    """How long a host gets nothing after frames of several jobs failed there in a row; twice that for each job more."""
    quarantine_max_us: Micros = Micros(60 * MINUTE)
    reservation_patience_us: Micros = Micros(2 * MINUTE)
    """How long a frame that wants most of a host, or an idle one, waits before a host is reserved for it."""
    frame_start_us: Micros = Micros(120 * SECOND)
    """A run that is no process so long after its launch is given back."""


DEFAULT_SETTINGS = Settings()
"""What holds where nobody set anything else."""
