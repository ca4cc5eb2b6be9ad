/* A control group for a run, as a second net. */
#include "supervise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOIN_FOR (50 * MS)

static int is_in_group(pid_t pid) {
    char path[64], text[4096];

    snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    return read_file(path, text, sizeof text) && strstr(text, (const char *)run->run_id) != NULL;
}

/* Make the group; returns whether there is one. */
static int make_group(void) {
    const char *folder = (const char *)head->group_folder;
    char group[sizeof run->group];
    int length = snprintf(group, sizeof group, "%s/cuefarm-%s", folder, (const char *)run->run_id);

    if (run->group[0])
        return 1;
    if (folder[0] == 0 || length >= (int)sizeof group || (mkdir(group, 0755) != 0 && errno != EEXIST))
        return 0;
    put_words(run->group, sizeof run->group, group);
    return 1;
}

/* Give the run a group of its own where there can be one. What is in it stays in it, whatever becomes of us. Not at the
 * start: it costs as much as the start itself, and most frames that are short leave nothing. What starts processes
 * faster than they are moved does not keep us from our work: the others are moved at a later look. */
void join_group(void) {
    static int has_joined;
    char path[sizeof run->group + 32];
    uint64_t until = boot_ns() + JOIN_FOR;
    int is_new = 1;

    if (has_joined || !make_group())
        return;
    snprintf(path, sizeof path, "%s/cgroup.procs", (const char *)run->group);
    for (int look = 0; is_new && look < LOOKS_MAX; look++) { /* what one started before it was moved is outside */
        struct pids found;

        reap(); /* the dead cannot be moved */
        found = processes();
        is_new = 0;
        for (size_t at = 0; at < found.count && boot_ns() < until; at++) {
            char number[16];
            struct stat_line stat;

            snprintf(number, sizeof number, "%d", found.list[at]);
            if (!is_in_group(found.list[at]) && read_stat(found.list[at], &stat) && !is_dead(&stat) &&
                write_file(path, number))
                is_new = 1;
        }
        free_pids(&found);
        if (boot_ns() >= until)
            return;
    }
    has_joined = !is_new;
}

void kill_group(void) {
    char path[sizeof run->group + 32];

    if (run->group[0] == 0)
        return;
    snprintf(path, sizeof path, "%s/cgroup.kill", (const char *)run->group);
    write_file(path, "1");
}

void leave_group(void) {
    if (run->group[0] && rmdir((const char *)run->group) == 0)
        run->group[0] = 0;
}
