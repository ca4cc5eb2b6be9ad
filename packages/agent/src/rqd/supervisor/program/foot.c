/* The foot of a run's log. */
#include "supervise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define OWN_LOG_BYTES_MAX (64ll << 20)
#define OUT_OF_MEMORY 33 /* what the server is told of a run that was ended for its memory, with no signal */
#define RULE "===========================================================\n"

static void add_row(char *to, size_t size, const char *label, const char *value) {
    size_t at = strlen(to);

    at += (size_t)snprintf(to + at, size - at, "%-20s", label);
    for (; *value && at < size - 3; value++) {
        if (*value == '\n') {
            to[at++] = '\\';
            to[at++] = 'n';
        } else {
            to[at++] = *value;
        }
    }
    to[at++] = '\n';
    to[at] = 0;
}

static void add_number(char *to, size_t size, const char *label, long long number) {
    char text[32];

    snprintf(text, sizeof text, "%lld", number);
    add_row(to, size, label, text);
}

static void add_time(char *to, size_t size, const char *label, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000 + head->utc_offset_s);
    struct tm parts;
    char text[64];

    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", gmtime_r(&seconds, &parts));
    add_row(to, size, label, text);
}

static void add_left(char *to, size_t size, const char *label, const char *form, unsigned number) {
    char words[sizeof run->left_names + 64];

    snprintf(words, sizeof words, form, number, (const char *)run->left_names);
    add_row(to, size, label, words);
}

void write_foot(uint64_t unkillable_for_ns) {
    char text[8192] = "\n" RULE "RenderQ Job Complete\n", number[32];
    const char *cause = (const char *)run->end_cause, *words = (const char *)run->end_words;
    uint64_t most_kb = run->rss_max_kb > run->largest_kb ? run->rss_max_kb : run->largest_kb;
    int lacked_memory = strcmp(cause, "memory") == 0;
    size_t size = sizeof text, written = 0;
    struct stat log;

    if (fstat(STDOUT_FILENO, &log) == 0)
        run->output_ends_at = (uint64_t)log.st_size;
    add_number(text, size, "exitStatus", lacked_memory ? OUT_OF_MEMORY : run->exit_status);
    add_number(text, size, "exitSignal", lacked_memory ? 0 : run->exit_signal);
    add_row(text, size, "cause", cause);
    if (*words)
        add_row(text, size, run->start_errno ? "message" : "killMessage", words);
    if (run->left_behind)
        add_left(text, size, "leftBehind", "%u left behind, ended: %s", run->left_behind);
    if (unkillable_for_ns)
        add_left(text, size, "unkillable", "%u s after SIGKILL: %s", (unsigned)(unkillable_for_ns / SECOND));
    add_time(text, size, "startTime", run->start_ms);
    add_time(text, size, "endTime", run->end_ms);
    if (run->leader_pid)
        add_number(text, size, "pid", run->leader_pid);
    add_number(text, size, "maxrss", (long long)most_kb); /* OpenCue's logs have it twice; readers look for one of them */
    add_number(text, size, "maxUsedGpuMemory", 0);
    snprintf(number, sizeof number, "%.2f", (double)run->user_us / 1e6);
    add_row(text, size, "utime", number);
    snprintf(number, sizeof number, "%.2f", (double)run->system_us / 1e6);
    add_row(text, size, "stime", number);
    add_row(text, size, "renderhost", (const char *)head->host_name);
    add_number(text, size, "maxrss (KB)", (long long)most_kb);
    strncat(text, RULE, size - strlen(text) - 1);
    while (written < strlen(text)) {
        ssize_t count = write(STDOUT_FILENO, text + written, strlen(text) - written);

        if (count < 0) {
            run->log_errno = errno;
            return;
        }
        written += (size_t)count;
    }
}

/* Whether a log that cannot be written any more would explain how the run ended: it failed, and did not fill the disk
 * with its log by itself. */
int log_disk_is_full(void) {
    struct stat file;
    struct statvfs disk;

    if (fstat(STDOUT_FILENO, &file) == 0 && file.st_size > OWN_LOG_BYTES_MAX)
        return 0;
    return fstatvfs(STDOUT_FILENO, &disk) == 0 && disk.f_blocks > 0 && disk.f_bavail == 0;
}
