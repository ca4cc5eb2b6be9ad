/* What a runner and its supervisors share: one file, mapped by all of them, with a page of its own for each run.
 *
 * The file lives in the page cache, so it outlives every process that writes it; a successor of the runner finds in it
 * what became of runs that ended while nobody watched. Every field has one writer. `book.py` has the same table, and a
 * test compares the two.
 */
#ifndef CUEFARM_BOOK_H
#define CUEFARM_BOOK_H

#include <stdint.h>

#define BOOK_MAGIC "CUEBOOK1"
#define PAGE_BYTES 16384
#define GROUPS_MAX 256
#define MEMBERS_MAX 96

enum { POLICY_CONTINUE = 0, POLICY_SUSPEND = 1, POLICY_KILL = 2 };
enum { PHASE_FREE = 0, PHASE_PREPARED = 1, PHASE_RUNNING = 2, PHASE_ENDING = 3, PHASE_ENDED = 4, PHASE_TOLD = 5 };
enum { ORDER_END = 1, ORDER_SUSPEND = 2, ORDER_RESUME = 3 };

/* The first page. The runner writes it. */
struct head {
    char magic[8];
    uint64_t lease_until_ns; /* by CLOCK_BOOTTIME; frames stand still, or end, when it has passed */
    uint32_t policy;         /* what happens then */
    uint32_t pages;          /* of runs */
    uint64_t sample_ns;      /* between two measurements */
    uint64_t standing_ns;    /* a run that stands still for longer is ended: nobody comes back for it; 0: never */
    uint64_t unkillable_ns;   /* what is there so long after its SIGKILL is told of */
    uint64_t live_runs;       /* of this runner */
    uint64_t oom_kills;       /* processes that the kernel had ended for want of memory, a moment ago */
    uint64_t oom_kills_at_ns; /* CLOCK_BOOTTIME of that moment */
    char group_folder[256];   /* where runs get control groups (version 2) of their own; empty: nowhere */
    char host_name[256];
    char servers[1024]; /* of its agent, which only its like may follow */
    uint64_t told_to_stop_ns; /* CLOCK_BOOTTIME: when its agent was; 0: it was not */
    char owners[1024];  /* the instances of the agents that had this book, in their order */
    int64_t utc_offset_s; /* of the time in logs, as its agent tells it */
};

/* A process beyond doubt: pids are used again, a pid with its start is not. */
struct member {
    uint64_t start_ticks;
    uint64_t pid;
};

/* The page of one run. */
struct run {
    /* --- the runner writes these before it starts the supervisor ------------------------------------------------ */
    char run_id[72];
    uint32_t become_user; /* whether uid, gid and groups count */
    uint32_t uid;
    uint32_t gid;
    uint32_t group_count;
    uint32_t groups[GROUPS_MAX];
    int32_t oom_score_adj;
    uint32_t kill_grace_ms;

    /* --- the runner writes these at any time, each at once ------------------------------------------------------- */
    uint64_t memory_max_kb; /* 0: no limit; the same of the others */
    uint64_t timeout_ms;
    uint64_t silence_ms;
    uint64_t log_max_bytes;

    /* --- the runner writes these at any time; the last of them is the number, and a signal follows --------------- */
    uint32_t order_grace_ms;
    uint32_t order;
    char order_cause[32];
    char order_words[512];
    uint64_t order_number;

    /* --- the supervisor writes these ---------------------------------------------------------------------------- */
    uint32_t phase;
    uint32_t suspended;
    uint64_t order_done; /* the number of the last order that was taken */
    uint32_t supervisor_pid;
    uint32_t leader_pid;
    uint64_t alive_ns; /* CLOCK_BOOTTIME of the last look */
    int64_t start_ms;  /* since 1970 */
    int64_t end_ms;
    uint64_t started_ns; /* CLOCK_BOOTTIME */
    uint64_t run_ms;     /* without the time for which it stood still */
    int32_t start_errno; /* why there is no process */
    int32_t exit_status;
    int32_t exit_signal;
    uint32_t left_behind; /* processes that its leader left behind */
    uint32_t unkillable;  /* processes that do not end although they were killed */
    int32_t log_errno;    /* why the log has no foot */
    uint64_t user_us;
    uint64_t system_us;
    uint64_t rss_kb;
    uint64_t rss_max_kb;
    uint64_t virtual_kb;
    uint64_t virtual_max_kb;
    uint64_t largest_kb; /* the most that one of its processes held, as the kernel counted */
    char end_cause[32];
    char end_words[512];
    char left_names[192]; /* of the processes that were left behind, or that do not end */
    char group[192];       /* its control group; empty: it has none (yet) */
    int64_t log_written_ms; /* since 1970 */
    uint64_t output_ends_at; /* in the log: where its foot begins */
    struct member members[MEMBERS_MAX]; /* below the supervisor at its last look; a pid of 0 ends the list */

    /* --- the runner alone reads and writes these ---------------------------------------------------------------- */
    uint64_t output_begins_at; /* in the log */
    char record[6144];         /* what the run is, as JSON */
    char outcome[5632];        /* what became of it, for the server */
};

#endif
