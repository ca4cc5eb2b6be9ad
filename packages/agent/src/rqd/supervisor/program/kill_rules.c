/* When a run is ended: its lease is over, it holds too much memory, it runs too long, or its log stands still.
 *
 * `stand_in.py` does the same (`_keep_lease`, `_keep_limits`); who goes when a whole host runs low: `runner/shortage.py`;
 * a log that grows too long: `end_for_its_log` in supervise.c; what the server counts on no more: `runner/runs.py`.
 */
#include <signal.h>
#include <stdio.h>

#include "supervise.h"

#define LEASE_GRACE_MAX (10 * SECOND)    /* servers wait for a minute after a lease before they book a frame again */

/* Nothing works on after the lease for longer than servers wait, whatever grace it was given before. */
void keep_lease(void) {
    uint64_t until = head->lease_until_ns, latest;
    char words[96];

    if (run->suspended && head->standing_ns && boot_ns() - suspended_at > head->standing_ns)
        begin_to_end("lease", "it stood still for too long without a server", 0);
    if (head->policy == POLICY_CONTINUE || until == 0 || boot_ns() < until)
        return;
    if (head->policy == POLICY_SUSPEND && !is_ending) {
        suspend();
        return;
    }
    if (!is_ending) {
        snprintf(words, sizeof words, "no server answered in time (--on-lost-contact kill)");
        begin_to_end("lease", words, (uint64_t)run->kill_grace_ms * MS);
    }
    latest = head->policy == POLICY_KILL ? until + LEASE_GRACE_MAX : until;
    if (latest < kill_at)
        kill_at = latest;
}

/* Time-outs are given in minutes by whoever set them. */
static void put_time(char *to, size_t size, uint64_t ms) {
    int in_minutes = ms % 60000 == 0;

    snprintf(to, size, "%llu %s", (unsigned long long)ms / (in_minutes ? 60000 : 1000), in_minutes ? "min" : "s");
}

/* Pages that become shared while they are counted are counted more than once. So what seems to be over its limit is stopped
 * for the moment that it takes to measure it where it stands. */
static int is_out_of_memory(void) {
    if (!run->memory_max_kb || run->rss_kb <= run->memory_max_kb)
        return 0;
    stop_all();
    measure();
    if (run->rss_kb > run->memory_max_kb)
        return 1; /* what ends it wakes it */
    signal_all(SIGCONT);
    return 0;
}

void keep_limits(void) {
    uint64_t grace_ns = (uint64_t)run->kill_grace_ms * MS, memory_max_kb = run->memory_max_kb;
    uint64_t timeout_ms = run->timeout_ms, silence_ms = run->silence_ms;
    char words[160], time[32];

    if (is_ending || run->suspended)
        return;
    if (is_out_of_memory()) {
        snprintf(words, sizeof words, "out of memory: it held %llu MB, more than the %llu MB that it may",
                 (unsigned long long)(run->rss_kb + 1023) >> 10, (unsigned long long)memory_max_kb >> 10);
        begin_to_end("memory", words, grace_ns);
    } else if (timeout_ms && ran_ms() > timeout_ms) {
        put_time(time, sizeof time, timeout_ms);
        snprintf(words, sizeof words, "timed out: it ran longer than the %s that its layer allows (timeout)", time);
        begin_to_end("timeout", words, grace_ns);
    } else if (silence_ms && ran_ms() - grew_ms > silence_ms) {
        put_time(time, sizeof time, silence_ms);
        snprintf(words, sizeof words,
                 "timed out: its log did not grow for the %s that its layer allows (timeout_llu)", time);
        begin_to_end("silent", words, grace_ns);
    }
}
