"""Every command of `cueadmin`: the one table behind the parser, the dispatch and the documentation."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Command:
    """One flag that does something. `takes` names its arguments: `NAME`, `[NAME]`, `NAME...` or `[NAME...]`."""

    flags: tuple[str, ...]
    takes: str
    text: str
    function: str  # "module.function" below this package, loaded only for the command that runs

    @property
    def name(self) -> str:
        """The attribute under which the parser keeps its arguments."""
        return f"command_{self.flags[0].lstrip('-').replace('-', '_')}"

    @property
    def bounds(self) -> tuple[int, float]:
        """The least and the most arguments."""
        words = self.takes.split()
        least = sum(not word.startswith("[") for word in words)
        return least, float("inf") if "..." in self.takes else len(words)

    def load(self) -> Callable[[Any, list[str]], None]:
        """Return the function that does it."""
        module, function = self.function.split(".")
        return getattr(importlib.import_module(f"cue_cli.cueadmin.{module}"), function)


SECTIONS: dict[str, tuple[Command, ...]] = {
    "Lists": (
        Command(("-lp", "-lap"), "[SHOW...]", "what runs now, a line for each frame", "listing.list_procs"),
        Command(
            ("-ll", "-lal"), "[SHOW...]", "logs of running frames, and of those that died last", "listing.list_logs"
        ),
        Command(("-lh",), "[PART...]", "hosts whose name contains a part", "listing.list_hosts"),
        Command(("-lba",), "ALLOC", "subscriptions to an allocation", "listing.list_allocation_subscriptions"),
        Command(("-lv",), "[SHOW]", "services, or a show's own values for them", "listing.list_services"),
        Command(
            ("-lj", "-laj"),
            "[PART...]",
            "jobs that are pending (or -finished): name, state, progress",
            "listing.list_jobs",
        ),
        Command(
            ("-lji",),
            "[PART...]",
            "the same as a table; one alone, finished or not, with its layers, times, retries and dependencies",
            "listing.list_job_table",
        ),
        Command(("-la",), "", "allocations", "listing.list_allocations"),
        Command(("-lb",), "SHOW...", "subscriptions of shows", "listing.list_subscriptions"),
        Command(("-deeds",), "[SHOW...]", "which hosts belong to whom", "owners.list_deeds"),
        Command(("-partitions",), "[HOST...]", "what users render on their own hosts", "partitions.list_partitions"),
        Command(("-ls",), "", "shows", "listing.list_shows"),
        Command(("-lfilters",), "SHOW", "filters of a show: what each asks and does", "filters.list_filters"),
        Command(
            ("-try-filters",),
            "SHOW [FILTER]",
            "what filters would do to jobs of the show, finished ones too, or to those of -job or -with-spec",
            "filters.try_filters",
        ),
        Command(
            ("-export-filters",),
            "SHOW FILE",
            "write the filters of a show as JSON (`-` for standard output)",
            "filters.export_filters",
        ),
        Command(("-filtered",), "JOB...", "what filters did to jobs at their launch", "filters.filtered"),
        Command(
            ("-ldepartments",),
            "[SHOW]",
            "departments of a show with their shots; without one, the names that there are",
            "departments.list_departments",
        ),
        Command(("-limits",), "[LIMIT...]", "limits, and how much of each is used", "limits.list_limits"),
        Command(("-limit-holds",), "[LIMIT...]", "who uses limits (on -host HOST)", "limits.list_holds"),
        Command(("-limit-bindings",), "LIMIT", "layers that a limit counts, and why", "limits.list_bindings"),
        Command(("-explain",), "JOB [LAYER] [FRAME]", "why frames wait, and what would change it", "explain.explain"),
        Command(
            ("-runs",),
            "JOB [LAYER] [FRAME]",
            "the attempts of a frame, or the latest runs of a layer or job: why each ended",
            "runs.list_runs",
        ),
        Command(("-fields",), "[NOUN]", "what -where can ask of job, layer, frame, host or proc", "where.list_fields"),
        Command(
            ("-watch",),
            "[QUERY...]",
            "what happens, a line each, until Ctrl-C: type:frame.failed,host.down show:big* user:me ...",
            "watch.watch",
        ),
        Command(
            ("-log",),
            "JOB [LAYER] [FRAME]",
            "a frame's log, read through the server (-f follows it)",
            "runs.print_log",
        ),
        Command(("-spec",), "JOB", "what a job was submitted with, as XML", "runs.print_specification"),
        Command(
            ("-export",),
            "FILE [JOB...]",
            "keep jobs (all pending ones) in a file, XML or FILE.json, for -import",
            "backup.export_jobs",
        ),
        Command(
            ("-completion",),
            "SHELL",
            "what has bash, zsh or fish complete this command line",
            "completion.print_script",
        ),
    ),
    "What was": (
        Command(
            ("-job-history",),
            "[SHOW...]",
            "jobs that have ended, the last first, with the core hours that they took",
            "history.job_history",
        ),
        Command(("-layer-history",), "JOB", "what the layers of a job took", "history.layer_history"),
        Command(
            ("-memory-history",),
            "LAYER [SHOW...]",
            "what frames of layers with this name needed of memory, job by job",
            "history.memory_history",
        ),
        Command(
            ("-host-history",),
            "[HOST...]",
            "what became of hosts, the newest first: boots, states, locks",
            "history.host_history",
        ),
        Command(
            ("-farm-history",),
            "[HOURS]",
            "what the farm came to in the last hours (24): jobs, frames, hosts, cores",
            "history.farm_history",
        ),
    ),
    "Jobs": (
        Command(("-pause",), "JOB...", "start no more frames; running ones go on", "jobs.pause"),
        Command(("-unpause",), "JOB...", "let paused jobs go on", "jobs.unpause"),
        Command(
            ("-import",),
            "FILE [JOB...]",
            "restore the jobs (all) of a file that -export wrote, as they were",
            "backup.import_jobs",
        ),
        Command(("-kill",), "JOB...", "kill jobs", "jobs.kill"),
        Command(("-kill-all",), "", "kill every pending job; without a terminal it needs -force", "jobs.kill_all"),
        Command(("-retry",), "JOB...", "retry dead frames", "jobs.retry"),
        Command(
            ("-retry-all",),
            "",
            "retry dead frames of every pending job; without a terminal it needs -force",
            "jobs.retry_all",
        ),
        Command(("-set-owner",), "JOB USER", "give a job to somebody else; its name stays", "jobs.set_owner"),
        Command(
            ("-time-limit",),
            "JOB MINUTES",
            "kill a job that goes on for longer since its first frame started; 0 for no limit",
            "jobs.time_limit",
        ),
        Command(("-subscribe",), "JOB ADDRESS", "send mail to an address when a job ends", "jobs.subscribe"),
        Command(("-drop-depends",), "JOB...", "satisfy everything that jobs wait for", "jobs.drop_depends"),
        Command(("-set-min-cores",), "JOB CORES", "cores that a job should have at least", "jobs.set_min_cores"),
        Command(("-set-max-cores",), "JOB CORES", "cores that a job may have at most", "jobs.set_max_cores"),
        Command(("-set-max-gpus",), "JOB GPUS", "GPUs that a job may have at most", "needs.set_max_gpus"),
        Command(("-priority",), "JOB PRIORITY", "priority; the higher number goes first", "jobs.priority"),
        Command(("-setpriority",), "JOB PRIORITY", "the same without asking", "jobs.set_priority"),
        Command(
            ("-retry-frames",),
            "JOB [LAYER] RANGE",
            "retry frames, whatever their state (`1-10x2,20`)",
            "jobs.retry_frames",
        ),
        Command(
            ("-eat-frames",),
            "JOB [LAYER] RANGE",
            "give frames up; what depends on them goes on waiting, unless -markdone is added",
            "jobs.eat_frames",
        ),
        Command(
            ("-markdone-frames",),
            "JOB [LAYER] RANGE",
            "let go what depends on frames; they themselves stay as they are",
            "jobs.markdone_frames",
        ),
        Command(("-kill-frames",), "JOB [LAYER] RANGE", "kill running frames", "jobs.kill_frames"),
        Command(
            ("-stagger-frames",),
            "JOB [LAYER] RANGE STEP",
            "run every STEP-th frame of a range first, then those between",
            "ordering.stagger_frames",
        ),
        Command(
            ("-reorder-frames",),
            "JOB [LAYER] RANGE ORDER",
            "run frames FIRST, LAST, or in REVERSE",
            "ordering.reorder_frames",
        ),
        Command(
            ("-depend",),
            "WAITING ON",
            "let a job, JOB/LAYER or JOB/LAYER/FRAME wait for another (-even-failed: until that has ended, however)",
            "jobs.depend",
        ),
        Command(
            ("-satisfy-dependency",),
            "JOB [LAYER]",
            "satisfy what a layer, or a whole job, waits for",
            "jobs.satisfy_dependency",
        ),
        Command(
            ("-kill-dependency",),
            "JOB LAYER",
            "drop a layer's dependencies, those of its frames too",
            "jobs.kill_dependency",
        ),
    ),
    "What frames ask for": (
        Command(
            ("-layer-memory",),
            "JOB LAYER MEMORY",
            "memory that a frame needs, in GB, or with `m` or `k` at its end in MB or KB",
            "needs.layer_memory",
        ),
        Command(("-layer-cores",), "JOB LAYER CORES", "cores that a frame needs", "needs.layer_cores"),
        Command(("-layer-gpus",), "JOB LAYER GPUS", "GPUs that a frame needs", "needs.layer_gpus"),
        Command(
            ("-layer-gpu-memory",),
            "JOB LAYER MEMORY",
            "GPU memory that a frame needs, written as -layer-memory has it",
            "needs.layer_gpu_memory",
        ),
        Command(("-layer-tags",), "JOB LAYER TAG...", "tags of which a host needs one", "needs.layer_tags"),
        Command(
            ("-layer-timeout",), "JOB LAYER MINUTES", "how long a frame may run; 0 for no limit", "needs.layer_timeout"
        ),
        Command(
            ("-layer-timeout-llu",),
            "JOB LAYER MINUTES",
            "how long a frame may write nothing to its log; 0 for no limit",
            "needs.layer_timeout_llu",
        ),
        Command(
            ("-layer-retries",),
            "JOB LAYER RETRIES",
            "how often failed frames are tried again; `job` for as often as the job's",
            "needs.layer_retries",
        ),
        Command(("-start-now",), "JOB LAYER", "let a layer start that was to start later", "needs.start_now"),
    ),
    "Hosts": (
        Command(("-lock",), "[HOST...]", "start nothing more on hosts", "hosts.lock"),
        Command(("-unlock",), "[HOST...]", "let hosts take work again", "hosts.unlock"),
        Command(("-move",), "ALLOC", "move hosts (-host) to an allocation", "hosts.move"),
        Command(
            ("-delete-host",), "[HOST...]", "forget hosts; one whose agent runs is back at once", "hosts.delete_host"
        ),
        Command(
            ("-safe-reboot",),
            "[HOST...]",
            "start nothing more on hosts, and reboot each once it is idle",
            "hosts.safe_reboot",
        ),
        Command(("-reboot",), "[HOST...]", "reboot hosts now; their frames wait again", "hosts.reboot"),
        Command(("-repair",), "[HOST...]", "put hosts into the state REPAIR", "hosts.repair"),
        Command(("-fixed",), "[HOST...]", "put hosts back into the state UP", "hosts.fixed"),
        Command(
            ("-redirect",),
            "JOB...",
            "give the places of frames that run (-host -job -alloc -memory -duration) to jobs once they end (or -now)",
            "procs.redirect",
        ),
        Command(
            ("-redirect-group",),
            "SHOW GROUP",
            "the same for the jobs of a group",
            "procs.redirect_group",
        ),
        Command(
            ("-clear-redirects",), "[SHOW...]", "give the places of frames that run to nobody", "procs.clear_redirects"
        ),
        Command(("-unbook",), "[SHOW...]", "end frames that run (-host -job -alloc ...)", "procs.unbook"),
        Command(
            ("-create-owner",),
            "NAME SHOW",
            "let somebody own hosts, on which a show comes first",
            "owners.create_owner",
        ),
        Command(("-delete-owner",), "NAME", "let somebody own hosts no more", "owners.delete_owner"),
        Command(("-owner-show",), "NAME SHOW", "say which show comes first on somebody's hosts", "owners.owner_show"),
        Command(("-give",), "OWNER [HOST...]", "give hosts to an owner", "owners.give"),
        Command(("-disown",), "[HOST...]", "let hosts be nobody's", "owners.disown"),
        Command(
            ("-add-partition",),
            "JOB HOST CORES GB [LAYER] [FRAME]",
            "render on a part of your own host, which is locked, too",
            "partitions.add_partition",
        ),
        Command(
            ("-partition-size",),
            "JOB HOST CORES GB",
            "give what is rendered on your own host more or less of it",
            "partitions.partition_size",
        ),
        Command(("-delete-partition",), "JOB HOST", "render on your own host no more", "partitions.delete_partition"),
        Command(("-tag-host",), "HOST TAG...", "give a host tags", "hosts.tag_host"),
        Command(("-thread",), "MODE", "thread mode of hosts (-host): auto, all or variable", "hosts.thread"),
    ),
    "Shows": (
        Command(("-create-show",), "SHOW", "make a show", "shares.create_show"),
        Command(("-delete-show",), "SHOW", "remove a show that never had a job", "shares.delete_show"),
        Command(("-disable-show",), "SHOW", "refuse jobs of a show", "shares.disable_show"),
        Command(("-enable-show",), "SHOW", "accept jobs of a show", "shares.enable_show"),
        Command(
            ("-archive-show",),
            "SHOW TARGET",
            "put a show away; new jobs of its name go to the other",
            "departments.archive_show",
        ),
        Command(
            ("-scheduler-managed",),
            "SHOW ON|OFF",
            "keep whether another scheduler is wanted for a show",
            "departments.scheduler_managed",
        ),
        Command(("-dispatching",), "SHOW ON|OFF", "start frames of a show or not", "shares.dispatching"),
        Command(("-booking",), "SHOW ON|OFF", "book hosts for a show or not", "shares.booking"),
        Command(("-default-min-cores",), "SHOW CORES", "minimum cores of new jobs", "shares.default_min_cores"),
        Command(("-default-max-cores",), "SHOW CORES", "maximum cores of new jobs", "shares.default_max_cores"),
    ),
    "Filters": (
        Command(
            ("-import-filters",),
            "SHOW FILE",
            "make the filters of a show what such a file says; others are removed",
            "filters.import_filters",
        ),
        Command(("-enable-filter",), "SHOW FILTER", "let a filter act on new jobs", "filters.enable_filter"),
        Command(("-disable-filter",), "SHOW FILTER", "let it act on nothing", "filters.disable_filter"),
        Command(
            ("-run-filters",),
            "JOB...",
            "have the filters of their show act on jobs, as at their launch",
            "filters.run_filters",
        ),
    ),
    "Services of shows": (
        Command(
            ("-override-service",),
            "SHOW SERVICE FIELD=VALUE...",
            "let a service be something else for new layers of a show: cores=2 memory=8g tags=big,fast timeout=60 ...",
            "own_services.override_service",
        ),
        Command(("-drop-override",), "SHOW SERVICE", "end that", "own_services.drop_override"),
    ),
    "Departments": (
        Command(
            ("-add-department",), "NAME", "let groups have a department of this name", "departments.add_department"
        ),
        Command(("-remove-department",), "NAME", "end that, where none has it", "departments.remove_department"),
        Command(
            ("-set-department",), "SHOW GROUP DEPARTMENT", "put a group into a department", "departments.set_department"
        ),
        Command(
            ("-set-task",),
            "SHOW DEPARTMENT SHOT CORES",
            "cores that the jobs of a shot should have together",
            "departments.set_task",
        ),
        Command(("-delete-task",), "SHOW DEPARTMENT SHOT", "end that", "departments.delete_task"),
    ),
    "Groups": (
        Command(
            ("-group-max-cores",),
            "SHOW GROUP CORES",
            "cores that the jobs of a group may have together",
            "needs.group_max_cores",
        ),
        Command(
            ("-group-max-gpus",),
            "SHOW GROUP GPUS",
            "GPUs that the jobs of a group may have together",
            "needs.group_max_gpus",
        ),
    ),
    "Limits": (
        Command(
            ("-create-limit",),
            "LIMIT N [TYPE]",
            "make a limit of N frames at once, or of N hosts (TYPE: frame or host)",
            "limits.create_limit",
        ),
        Command(("-delete-limit",), "LIMIT", "remove a limit; layers keep its name", "limits.delete_limit"),
        Command(("-rename-limit",), "OLD NEW", "rename a limit, also where layers name it", "limits.rename_limit"),
        Command(("-limit-max",), "LIMIT N", "frames, or hosts, that a limit lets run at once", "limits.limit_max"),
        Command(("-limit-type",), "LIMIT TYPE", "count frames or hosts (frame, host)", "limits.limit_type"),
        Command(
            ("-limit-soft",),
            "LIMIT N",
            "hosts from which on a limit by host goes to no further one; -1 for its maximum",
            "limits.limit_soft",
        ),
        Command(
            ("-limit-enforcement",),
            "LIMIT MODE",
            "enforced: hold frames back; advisory: only choose hosts; disabled: neither",
            "limits.limit_enforcement",
        ),
        Command(
            ("-limit-ttl",),
            "LIMIT SECONDS",
            "how long a report of its use is believed; 0 for ever",
            "limits.limit_ttl",
        ),
        Command(
            ("-limit-failure",),
            "LIMIT STATUS [MINUTES] [ON|OFF]",
            "STATUS that frames without a licence end with (0: none), MINUTES that their layer then waits, and ON or"
            " OFF: count it from then on",
            "limits.limit_failure",
        ),
        Command(
            ("-clear-limit-bindings",),
            "LIMIT SOURCE...",
            "count no longer what failures (auto) or people (manual) made a limit count",
            "limits.clear_bindings",
        ),
        Command(
            ("-limit-report",),
            "FILE",
            "report who uses limits, as a JSON file says (- for stdin)",
            "limits.limit_report",
        ),
    ),
    "Allocations": (
        Command(("-create-alloc",), "FACILITY ALLOC TAG", "make an allocation", "shares.create_alloc"),
        Command(("-delete-alloc",), "ALLOC", "remove an allocation without hosts", "shares.delete_alloc"),
        Command(("-rename-alloc",), "OLD NEW", "rename an allocation", "shares.rename_alloc"),
        Command(("-transfer",), "OLD NEW", "move all hosts of one allocation to another", "shares.transfer"),
        Command(("-tag-alloc",), "ALLOC TAG", "set its tag, or several with commas between", "shares.tag_alloc"),
    ),
    "Subscriptions": (
        Command(
            ("-create-sub",), "SHOW ALLOC SIZE BURST", "let a show use an allocation, in cores", "shares.create_sub"
        ),
        Command(("-delete-sub",), "SHOW ALLOC", "end that", "shares.delete_sub"),
        Command(
            ("-size",), "SHOW ALLOC SIZE", "what is guaranteed, in cores (points with --format upstream)", "shares.size"
        ),
        Command(
            ("-burst",),
            "SHOW ALLOC BURST",
            "the most, in cores (points with --format upstream), or `N%` above the size",
            "shares.burst",
        ),
    ),
}

LISTS = SECTIONS["Lists"]
"""The commands that change nothing."""

COMMANDS = tuple(command for commands in SECTIONS.values() for command in commands)
