/* One run's supervisor: starts its command, watches everything that comes from it, and has its end in the book.
 *
 *     supervise PAGE COMMAND [PROGRAM [ARGUMENT...]]
 *
 * The book is open as descriptor 3, the log as 1 and 2; the environment is the frame's. PROGRAM is tried first where it
 * is given, and COMMAND by /bin/sh otherwise; an empty COMMAND wants no shell. It depends on nobody: not on the runner, which may die, hang or be replaced, nor on
 * a server. What it may still do it reads off the lease in the book, by a clock of its own.
 *
 * It is the reaper of everything below it (PR_SET_CHILD_SUBREAPER), whatever a process does about its session or its
 * parent. So when it has no child left, nothing of the run is left, and that costs one system call.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "book.h"

#define BOOK_FD 3
#define LOOKS_MAX 20
#define MS 1000000ull
#define SECOND (1000 * MS)
#define LOOK_AGAIN_MIN (5 * MS)
#define LOOK_AGAIN_MAX (500 * MS)
#define STOPPED_TOGETHER SECOND         /* signals to a frame, to its agent and to us that come within this are one stop */
#define DIES_OF_ITS_AGENTS_STOP (10 * SECOND)
#define DIES_OF_A_STOP (100 * SECOND)   /* service managers give 90 s before they kill what is left */
#define SHARING_KB_THAT_MATTERS (64ull << 10)
#define WALK_BUDGET_KB (24ull << 20)
#define WALK_REST_FACTOR 100 /* times the runs of this agent: walks of all of them take a hundredth of a core */
#define TMPFS_MAX 64
#define FILES_MAX 256
#define DESCRIPTORS_MAX 4096
#define OWN_LOG_BYTES_MAX (64ll << 20)
#define LOG_LOOK_AGAIN (100 * MS)
#define LOG_GRACE_MAX SECOND
#define NAMED_MAX 4
#define OOM_SAMPLES_MAX 4 /* an older count of the runner's tells nothing of now */
#define RULE "===========================================================\n"

static volatile struct head *head;
static volatile struct run *run;

static pid_t leader;
static int leader_status;
static int leader_is_gone;
static int leader_was_shot; /* by the kernel, which was short of memory */

/* Why the run is being ended, if it is. */
static int is_ending;
static uint64_t kill_at;
static uint64_t killed_first_at;
static int last_signal;
static uint64_t unkillable_for; /* nanoseconds */

static int log_grows_fast;

static uint64_t suspended_at;
static uint64_t suspended_ns;

static uint64_t stopped_at; /* when somebody told us to stop, as whoever stops a machine or a service tells everything */

/* How long it had run when its log last grew. */
static uint64_t grew_ms;

/* ---- clocks and words ---------------------------------------------------------------------------------------------- */

static uint64_t boot_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put_words(volatile char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);

    memcpy((char *)to, from, length);
    memset((char *)to + length, 0, size - length);
}

/* ---- the processes of a run ---------------------------------------------------------------------------------------- */

struct pids {
    pid_t *list;
    size_t count, room;
};

static int add_pid(struct pids *to, pid_t pid) {
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : 64;
        pid_t *list = realloc(to->list, room * sizeof *list);

        if (list == NULL)
            return -1;
        to->list = list;
        to->room = room;
    }
    to->list[to->count++] = pid;
    return 0;
}

/* Read a small file of /proc; returns its length, 0 where it is gone. */
static size_t read_file(const char *path, char *to, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got;

    if (fd < 0)
        return 0;
    while (length < size - 1 && (got = read(fd, to + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    to[length] = 0;
    return length;
}

/* Add the children that one thread has. A list that is longer than the buffer is read on: numbers are never cut. */
static int add_children_of_thread(struct pids *to, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t got;
    long number = 0;
    int in_number = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    while ((got = read(fd, text, sizeof text)) > 0) {
        for (ssize_t at = 0; at < got; at++) {
            if (text[at] >= '0' && text[at] <= '9') {
                number = number * 10 + (text[at] - '0');
                in_number = 1;
            } else if (in_number) {
                add_pid(to, (pid_t)number);
                number = in_number = 0;
            }
        }
    }
    close(fd);
    return 0;
}

static void add_children(struct pids *to, pid_t pid) {
    char path[64];
    DIR *threads;
    struct dirent *thread;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    if (threads == NULL)
        return;
    while ((thread = readdir(threads)) != NULL) {
        char children[400];

        if (thread->d_name[0] == '.')
            continue;
        snprintf(children, sizeof children, "/proc/%d/task/%s/children", pid, thread->d_name);
        add_children_of_thread(to, children);
    }
    closedir(threads);
}

static int tells_children(void) {
    static int answer = -1;

    if (answer < 0)
        answer = access("/proc/self/task", F_OK) == 0 && syscall(SYS_gettid) > 0;
    if (answer) {
        char path[64];

        snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)syscall(SYS_gettid));
        answer = access(path, R_OK) == 0;
    }
    return answer;
}

struct stat_line {
    char state;
    pid_t parent;
    uint64_t start_ticks;
};

/* What /proc/PID/stat says; 0 where there is no such process. A command's name may hold blanks and brackets. */
static int read_stat(pid_t pid, struct stat_line *to) {
    char path[64], text[1024], *after;
    unsigned long long start_ticks;
    int parent;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_file(path, text, sizeof text) == 0 || (after = strrchr(text, ')')) == NULL)
        return 0;
    if (sscanf(after + 1, " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &to->state,
               &parent, &start_ticks) != 3)
        return 0;
    to->parent = parent;
    to->start_ticks = start_ticks;
    return 1;
}

/* Where the kernel does not tell a process's children: climb from every process to see whether it comes from us. */
static void add_by_parents(struct pids *to) {
    DIR *all = opendir("/proc");
    struct dirent *entry;
    pid_t own = getpid();

    if (all == NULL)
        return;
    while ((entry = readdir(all)) != NULL) {
        pid_t pid = (pid_t)atoi(entry->d_name), up = pid;
        struct stat_line stat;

        for (int steps = 0; up > 1 && up != own && steps < 1000; steps++)
            up = read_stat(up, &stat) ? stat.parent : 0;
        if (pid > 1 && pid != own && up == own)
            add_pid(to, pid);
    }
    closedir(all);
}

/* Everything below us. To be freed by `free_pids`. */
static struct pids processes(void) {
    struct pids found = {0};

    if (!tells_children()) {
        add_by_parents(&found);
        return found;
    }
    add_children(&found, getpid());
    for (size_t at = 0; at < found.count; at++)
        add_children(&found, found.list[at]);
    return found;
}

static void free_pids(struct pids *pids) {
    free(pids->list);
}

/* Signal everything of the run. Its pids are safe: what is below us is not reaped, so its number is nobody else's, but
 * for what a process of the run reaps itself between our look and the signal; a descriptor of the process closes that. */
static size_t signal_all(int number) {
    struct pids found = processes();
    size_t reached = 0;

    for (size_t at = 0; at < found.count; at++) {
        struct stat_line stat;
        int fd = (int)syscall(SYS_pidfd_open, found.list[at], 0);

        /* It is still below us now that we hold it. */
        if (read_stat(found.list[at], &stat) && stat.state != 'Z' && stat.state != 'X') {
            int failed = fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) : kill(found.list[at], number);

            reached += failed == 0;
        }
        if (fd >= 0)
            close(fd);
    }
    free_pids(&found);
    return reached;
}

/* Stop everything where it stands. What is stopped starts nothing, so we look until there is nothing new. */
static void stop_all(void) {
    for (int look = 0; look < LOOKS_MAX; look++) {
        struct pids found = processes();
        int is_new = 0;

        for (size_t at = 0; at < found.count; at++) {
            struct stat_line stat;

            if (read_stat(found.list[at], &stat) && strchr("TtZX", stat.state) == NULL && kill(found.list[at], SIGSTOP) == 0)
                is_new = 1;
        }
        free_pids(&found);
        if (!is_new)
            return;
        sched_yield();
    }
}

/* Note who is left, a few by name, for whoever reads the log or wonders why the run does not end; returns how many. */
static uint32_t note_left(void) {
    struct pids found = processes();
    char names[sizeof run->left_names] = "";
    uint32_t count = 0;

    for (size_t at = 0; at < found.count; at++) {
        char path[64], name[64];
        size_t length = strlen(names);
        struct stat_line stat;

        if (!read_stat(found.list[at], &stat) || stat.state == 'Z' || stat.state == 'X')
            continue;
        if (count++ >= NAMED_MAX)
            continue;
        snprintf(path, sizeof path, "/proc/%d/comm", found.list[at]);
        read_file(path, name, sizeof name);
        name[strcspn(name, "\n")] = 0;
        snprintf(names + length, sizeof names - length, "%s%d (%s)", length ? ", " : "", found.list[at], name);
    }
    if (count > NAMED_MAX) {
        size_t length = strlen(names);

        snprintf(names + length, sizeof names - length, " and %u more", count - NAMED_MAX);
    }
    free_pids(&found);
    put_words(run->left_names, sizeof run->left_names, names);
    return count;
}

/* Note who is there, for whoever has to find them should we be killed. */
static void note_members(const struct pids *found) {
    size_t count = 0;

    for (size_t at = 0; at < found->count && count < MEMBERS_MAX; at++) {
        struct stat_line stat;

        if (read_stat(found->list[at], &stat)) {
            run->members[count].start_ticks = stat.start_ticks;
            run->members[count++].pid = (uint64_t)found->list[at];
        }
    }
    if (count < MEMBERS_MAX)
        run->members[count].pid = 0;
}

/* ---- a control group, as a second net ------------------------------------------------------------------------------ */

static int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return is_written;
}

static int is_in_group(pid_t pid) {
    char path[64], text[4096];

    snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    return read_file(path, text, sizeof text) && strstr(text, (const char *)run->run_id) != NULL;
}

/* Give the run a group of its own where there can be one. What is in it stays in it, whatever becomes of us. Not at the
 * start: it costs as much as the start itself, and most frames that are short leave nothing. */
static void join_group(void) {
    const char *folder = (const char *)head->group_folder;
    char group[sizeof run->group], path[sizeof group + 32];
    int length = snprintf(group, sizeof group, "%s/cuefarm-%s", folder, (const char *)run->run_id);
    int is_new = 1;

    if (folder[0] == 0 || length >= (int)sizeof group || (mkdir(group, 0755) != 0 && errno != EEXIST))
        return;
    put_words(run->group, sizeof run->group, group);
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    for (int look = 0; is_new && look < LOOKS_MAX; look++) { /* what one started before it was moved is outside */
        struct pids found = processes();

        is_new = 0;
        for (size_t at = 0; at < found.count; at++) {
            char number[16];

            snprintf(number, sizeof number, "%d", found.list[at]);
            if (!is_in_group(found.list[at]) && write_file(path, number))
                is_new = 1;
        }
        free_pids(&found);
    }
}

static void kill_group(void) {
    char path[sizeof run->group + 32];

    if (run->group[0] == 0)
        return;
    snprintf(path, sizeof path, "%s/cgroup.kill", (const char *)run->group);
    write_file(path, "1");
}

static void leave_group(void) {
    if (run->group[0] && rmdir((const char *)run->group) == 0)
        run->group[0] = 0;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* Memory of the machine and, in `swapped_kb`, what of it is swapped out now. */
static uint64_t machine_kb(uint64_t *swapped_kb) {
    struct sysinfo machine;

    *swapped_kb = 0;
    if (sysinfo(&machine) != 0)
        return UINT64_MAX;
    *swapped_kb = (uint64_t)(machine.totalswap - machine.freeswap) * machine.mem_unit / 1024;
    return (uint64_t)(machine.totalram + machine.totalswap) * machine.mem_unit / 1024;
}

/* A number after its label in a file of /proc; `otherwise` where it has none. */
static uint64_t number_after(const char *text, const char *label, uint64_t otherwise) {
    const char *at = strstr(text, label);

    return at ? strtoull(at + strlen(label), NULL, 10) : otherwise;
}

static uint64_t status_kb(pid_t pid, const char *label) {
    char path[64], text[4096];

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    return read_file(path, text, sizeof text) ? number_after(text, label, 0) : 0;
}

/* The resident size of a process, and its virtual one; 0 where it is gone, or about to go. */
static uint64_t resident_kb(pid_t pid, uint64_t *virtual_kb) {
    char path[64], text[128];
    unsigned long long pages_virtual, pages;
    uint64_t page_kb = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;

    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    if (read_file(path, text, sizeof text) == 0 || sscanf(text, "%llu %llu", &pages_virtual, &pages) != 2)
        return 0;
    *virtual_kb += pages_virtual * page_kb;
    return pages * page_kb;
}

/* The proportional size of a process, what it swapped out included, and what of that is shared memory; its resident
 * size where the kernel does not say. */
static uint64_t proportional_kb(pid_t pid, uint64_t *shared_memory_kb) {
    char path[64], text[4096];
    uint64_t virtual_kb = 0;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    if (read_file(path, text, sizeof text) == 0 || strstr(text, "\nPss:") == NULL)
        return resident_kb(pid, &virtual_kb);
    *shared_memory_kb += number_after(text, "\nPss_Shmem:", 0);
    return number_after(text, "\nPss:", 0) + number_after(text, "\nSwapPss:", 0);
}

static int has_shrunk(const struct pids *found, uint64_t from_kb) {
    uint64_t sum_kb = 0, virtual_kb = 0;

    for (size_t at = 0; at < found->count; at++)
        sum_kb += resident_kb(found->list[at], &virtual_kb);
    return sum_kb * 10 < from_kb * 9;
}

/* Whether a mount is of memory (tmpfs), by its number; the table is read once. */
static int is_in_memory(uint64_t mount) {
    static uint64_t mounts[TMPFS_MAX];
    static int count = -1;

    if (count < 0) {
        FILE *table = fopen("/proc/self/mountinfo", "re");
        char line[4096];

        count = 0;
        while (table != NULL && count < TMPFS_MAX && fgets(line, sizeof line, table) != NULL)
            if (strstr(line, " - tmpfs ") != NULL)
                mounts[count++] = strtoull(line, NULL, 10);
        if (table != NULL)
            fclose(table);
    }
    for (int at = 0; at < count; at++)
        if (mounts[at] == mount)
            return 1;
    return 0;
}

/* Whether a descriptor is of a file in memory. Only such a file is asked for its size: any other disk may hang. */
static int holds_memory(pid_t pid, const char *descriptor) {
    char path[400], text[1024];
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, descriptor);
    length = readlink(path, text, sizeof text - 1);
    if (length <= 0 || text[0] != '/')
        return 0;
    text[length] = 0;
    if (strncmp(text, "/memfd:", 7) == 0)
        return 1;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", pid, descriptor);
    return read_file(path, text, sizeof text) && is_in_memory(number_after(text, "mnt_id:", 0));
}

/* What files in memory (/dev/shm, memfd) hold that the run's processes have open, each once. */
static uint64_t open_files_kb(const struct pids *found) {
    static struct stat files[FILES_MAX];
    size_t count = 0, looked_at = 0;
    uint64_t sum_kb = 0;

    for (size_t at = 0; at < found->count; at++) {
        char path[400];
        struct dirent *descriptor;
        DIR *all;

        snprintf(path, sizeof path, "/proc/%d/fd", found->list[at]);
        all = opendir(path);
        while (all != NULL && (descriptor = readdir(all)) != NULL && count < FILES_MAX && looked_at++ < DESCRIPTORS_MAX) {
            size_t known = 0;

            if (descriptor->d_name[0] == '.' || !holds_memory(found->list[at], descriptor->d_name))
                continue;
            snprintf(path, sizeof path, "/proc/%d/fd/%s", found->list[at], descriptor->d_name);
            if (stat(path, &files[count]) != 0 || !S_ISREG(files[count].st_mode))
                continue;
            while (files[known].st_ino != files[count].st_ino || files[known].st_dev != files[count].st_dev)
                known++;
            if (known == count)
                sum_kb += (uint64_t)files[count++].st_blocks / 2;
        }
        if (all != NULL)
            closedir(all);
    }
    return sum_kb;
}

/* Measure the whole run. The sum of resident sizes counts shared pages often; the proportional sizes do not, but the
 * kernel walks through all pages for them: so only where it can matter, within a budget, and with a rest. Between two
 * walks what came since counts in full; what that makes a new peak, or too much, is walked through at once. */
static void measure(void) {
    static uint64_t walk_due_at, walked_kb, walked_sum_kb, walked_max_kb, walked_shared_kb;
    struct pids found = processes();
    uint64_t sum_kb = 0, largest_kb = 0, virtual_kb = 0;
    uint64_t swapped_kb, most_kb = machine_kb(&swapped_kb), held_kb, files_kb, mapped_kb = 0;
    uint64_t *sizes = calloc(found.count ? found.count : 1, sizeof *sizes);
    int is_walked = 0;

    for (size_t at = 0; sizes != NULL && at < found.count; at++) {
        sizes[at] = resident_kb(found.list[at], &virtual_kb);
        if (swapped_kb)
            sizes[at] += status_kb(found.list[at], "\nVmSwap:");
        sum_kb += sizes[at];
        if (sizes[at] > largest_kb)
            largest_kb = sizes[at];
    }
    held_kb = sum_kb;
    if (sizes != NULL && sum_kb - largest_kb >= SHARING_KB_THAT_MATTERS) {
        uint64_t began = boot_ns();
        uint64_t guess_kb = sum_kb > walked_sum_kb ? walked_kb + sum_kb - walked_sum_kb : walked_kb;

        is_walked = 1;
        if (began >= walk_due_at || guess_kb * 10 > walked_max_kb * 11 ||
            (run->memory_max_kb && guess_kb > run->memory_max_kb)) {
            uint64_t budget_kb = WALK_BUDGET_KB;

            walked_kb = walked_shared_kb = 0;
            for (size_t at = 0; at < found.count; at++) {
                if (sizes[at] <= budget_kb) {
                    budget_kb -= sizes[at];
                    walked_kb += proportional_kb(found.list[at], &walked_shared_kb);
                } else {
                    walked_kb += sizes[at];
                }
            }
            /* What leaves during the walk makes the shares of the others larger, of each that is looked at after it. */
            if (has_shrunk(&found, sum_kb) && walked_kb > run->rss_kb)
                walked_kb = run->rss_kb;
            guess_kb = walked_kb;
            walked_sum_kb = sum_kb;
            if (walked_kb > walked_max_kb)
                walked_max_kb = walked_kb;
            walk_due_at = boot_ns() + WALK_REST_FACTOR * (head->live_runs ? head->live_runs : 1) * (boot_ns() - began);
        }
        held_kb = guess_kb > largest_kb ? guess_kb : largest_kb;
        if (held_kb > sum_kb)
            held_kb = sum_kb;
    }
    files_kb = open_files_kb(&found);
    if (files_kb && is_walked)
        mapped_kb = walked_shared_kb;
    for (size_t at = 0; files_kb && !is_walked && at < found.count; at++)
        mapped_kb += status_kb(found.list[at], "\nRssShmem:");
    if (files_kb > mapped_kb) /* what is mapped has been counted */
        held_kb += files_kb - mapped_kb;
    if (held_kb > most_kb)
        held_kb = most_kb;
    run->rss_kb = held_kb;
    run->virtual_kb = virtual_kb;
    if (held_kb > run->rss_max_kb)
        run->rss_max_kb = held_kb;
    if (virtual_kb > run->virtual_max_kb)
        run->virtual_max_kb = virtual_kb;
    note_members(&found);
    free(sizes);
    free_pids(&found);
}

/* Whether the kernel has ended processes for want of memory since a moment ago. */
static int kernel_was_short(void) {
    char text[32768];
    uint64_t age = boot_ns() - head->oom_kills_at_ns;

    if (head->oom_kills_at_ns == 0 || age > OOM_SAMPLES_MAX * head->sample_ns)
        return 0;
    return read_file("/proc/vmstat", text, sizeof text) && number_after(text, "\noom_kill ", 0) > head->oom_kills;
}

/* ---- the log's foot ------------------------------------------------------------------------------------------------ */

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
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char text[64];

    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", localtime_r(&seconds, &parts));
    add_row(to, size, label, text);
}

static void add_left(char *to, size_t size, const char *label, const char *form, unsigned number) {
    char words[sizeof run->left_names + 64];

    snprintf(words, sizeof words, form, number, (const char *)run->left_names);
    add_row(to, size, label, words);
}

static void write_foot(void) {
    char text[8192] = "\n" RULE "RenderQ Job Complete\n", number[32];
    const char *cause = (const char *)run->end_cause, *words = (const char *)run->end_words;
    uint64_t most_kb = run->rss_max_kb > run->largest_kb ? run->rss_max_kb : run->largest_kb;
    size_t size = sizeof text, written = 0;
    struct stat log;

    if (fstat(STDOUT_FILENO, &log) == 0)
        run->output_ends_at = (uint64_t)log.st_size;
    add_number(text, size, "exitStatus", run->exit_status);
    add_number(text, size, "exitSignal", run->exit_signal);
    add_row(text, size, "cause", cause);
    if (*words)
        add_row(text, size, run->start_errno ? "message" : "killMessage", words);
    if (run->left_behind)
        add_left(text, size, "leftBehind", "%u left behind, ended: %s", run->left_behind);
    if (unkillable_for)
        add_left(text, size, "unkillable", "%u s after SIGKILL: %s", (unsigned)(unkillable_for / SECOND));
    add_time(text, size, "startTime", run->start_ms);
    add_time(text, size, "endTime", run->end_ms);
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
static int log_disk_is_full(void) {
    struct stat file;
    struct statvfs disk;

    if (fstat(STDOUT_FILENO, &file) == 0 && file.st_size > OWN_LOG_BYTES_MAX)
        return 0;
    return fstatvfs(STDOUT_FILENO, &disk) == 0 && disk.f_blocks > 0 && disk.f_bavail == 0;
}

/* ---- the run begins and ends --------------------------------------------------------------------------------------- */

static void begin_to_end(const char *cause, const char *words, uint64_t grace_ns) {
    uint64_t at = boot_ns() + grace_ns;

    if (is_ending) { /* who asks again may be in a greater hurry, but the first cause stays */
        if (at < kill_at)
            kill_at = at;
        return;
    }
    is_ending = 1;
    kill_at = at;
    put_words(run->end_cause, sizeof run->end_cause, cause);
    put_words(run->end_words, sizeof run->end_words, words);
    run->phase = PHASE_ENDING;
    if (run->suspended) { /* it may run elsewhere by now: it gets no chance to do anything, not even to say goodbye */
        kill_at = boot_ns();
        return;
    }
    last_signal = SIGTERM;
    signal_all(SIGTERM);
    signal_all(SIGCONT);
}

static uint64_t ran_ms(void);

static void suspend(void) {
    if (is_ending || run->phase != PHASE_RUNNING)
        return;
    if (!run->suspended) {
        suspended_at = boot_ns();
        run->suspended = 1;
    }
    stop_all();
}

static void resume(void) {
    if (!run->suspended)
        return;
    suspended_ns += boot_ns() - suspended_at;
    run->suspended = 0;
    signal_all(SIGCONT);
}

/* Collect whatever has ended below us. Returns whether nothing is left. */
static int reap(void) {
    for (;;) {
        struct rusage used;
        int status;
        pid_t pid = wait4(-1, &status, WNOHANG, &used);

        if (pid == 0)
            return 0;
        if (pid < 0) {
            if (errno == EINTR)
                continue;
            return errno == ECHILD;
        }
        run->user_us += (uint64_t)used.ru_utime.tv_sec * 1000000 + (uint64_t)used.ru_utime.tv_usec;
        run->system_us += (uint64_t)used.ru_stime.tv_sec * 1000000 + (uint64_t)used.ru_stime.tv_usec;
        if ((uint64_t)used.ru_maxrss > run->largest_kb)
            run->largest_kb = (uint64_t)used.ru_maxrss;
        if (pid == leader) {
            leader_is_gone = 1;
            leader_status = status;
            leader_was_shot =
                WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && last_signal != SIGKILL && kernel_was_short();
        }
    }
}

/* That this supervisor is awake, and how long the run has run by now. */
static void note_time(void) {
    run->alive_ns = boot_ns();
    run->run_ms = ran_ms();
}

static void end_for_its_log(uint64_t bytes) {
    uint64_t grace_ns = (uint64_t)run->kill_grace_ms * MS;
    char words[160];

    snprintf(words, sizeof words, "its log grew to %llu MB, more than the %llu MB that it may (--log-max-mb)",
             (unsigned long long)bytes >> 20, (unsigned long long)run->log_max_bytes >> 20);
    begin_to_end("log_limit", words, grace_ns < LOG_GRACE_MAX ? grace_ns : LOG_GRACE_MAX);
}

/* Look at the log: for readers by the clock of its disk, for the limit of silence by how long the run had run when it
 * grew. One that would be too long before the next sample is looked at more often. */
static void note_log(void) {
    static uint64_t bytes_before, looked_at;
    int64_t before_ms = run->log_written_ms;
    uint64_t now = boot_ns(), bytes, grown;
    struct stat log;

    if (fstat(STDOUT_FILENO, &log) != 0)
        return;
    run->log_written_ms = (int64_t)log.st_mtim.tv_sec * 1000 + log.st_mtim.tv_nsec / 1000000;
    if (run->log_written_ms != before_ms)
        grew_ms = ran_ms();
    bytes = (uint64_t)log.st_size;
    grown = bytes > bytes_before ? bytes - bytes_before : 0;
    if (run->log_max_bytes && bytes > run->log_max_bytes) {
        log_grows_fast = 0;
        if (!is_ending)
            end_for_its_log(bytes);
    } else if (run->log_max_bytes && looked_at) {
        log_grows_fast = (double)grown / (double)(now - looked_at + 1) * (double)head->sample_ns >
                         (double)(run->log_max_bytes - bytes);
    }
    bytes_before = bytes;
    looked_at = now;
}

static uint64_t ran_ms(void) {
    uint64_t now = run->suspended ? suspended_at : boot_ns();

    return (now - run->started_ns - suspended_ns) / MS;
}

/* ---- when everything is stopped ------------------------------------------------------------------------------------- */

static int is_stop(int number) {
    return number == SIGHUP || number == SIGINT || number == SIGTERM;
}

/* What a frame does to its parent is no stop of the machine; nor is what came from somebody who is gone already. */
static int comes_from_the_run(pid_t sender) {
    struct stat_line stat;

    if (sender == 0) /* the kernel, or outside of our container */
        return 0;
    for (pid_t up = sender; up != getpid(); up = stat.parent) {
        if (up == 0)
            return 0;
        if (!read_stat(up, &stat))
            return 1;
    }
    return 1;
}

/* Wait for a signal for a while. One that asks to stop does not end us: it tells whose doing the end of our run is. */
static void await_signal(uint64_t patience_ns) {
    struct timespec timeout = {.tv_sec = (time_t)(patience_ns / SECOND), .tv_nsec = (long)(patience_ns % SECOND)};
    sigset_t awaited;
    siginfo_t signal;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGUSR1);
    sigaddset(&awaited, SIGHUP);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    if (is_stop(sigtimedwait(&awaited, &signal, &timeout)) && !comes_from_the_run(signal.si_pid))
        stopped_at = boot_ns();
}

/* Whether a run that failed was stopped with everything else: then that is nobody's failure. */
static int was_stopped_with_everything(int number) {
    uint64_t now = boot_ns(), told_at = head->told_to_stop_ns;

    if (stopped_at && now - stopped_at < DIES_OF_A_STOP)
        return 1;
    return told_at && now - told_at < DIES_OF_ITS_AGENTS_STOP && (is_stop(number) || number == SIGKILL);
}

/* The same, where the signal to the frame may have come a moment before those to its agent and to us. */
static int is_of_a_stop(void) {
    int number = run->exit_signal ? run->exit_signal : run->exit_status - 128; /* a shell says so of what it ran */
    uint64_t until = boot_ns() + (is_stop(number) ? STOPPED_TOGETHER : 0);

    if (run->exit_status == 0 && run->exit_signal == 0)
        return 0;
    do {
        await_signal(boot_ns() < until ? until - boot_ns() : 0);
        if (was_stopped_with_everything(number))
            return 1;
    } while (boot_ns() < until);
    return 0;
}

/* Nothing is left: everything about the run goes into the book, the log gets its foot, and the last word is the phase. */
static void complete(void) {
    int is_killed = is_ending && strcmp((const char *)run->end_cause, "exited") != 0;

    run->end_ms = wall_ms();
    run->run_ms = ran_ms();
    run->suspended = 0;
    run->unkillable = 0;
    if (WIFSIGNALED(leader_status)) {
        run->exit_status = 1;
        run->exit_signal = WTERMSIG(leader_status);
    } else {
        run->exit_status = WEXITSTATUS(leader_status);
        run->exit_signal = is_killed ? last_signal : 0;
        if (is_killed)
            run->exit_status = 1;
    }
    if (strcmp((const char *)run->end_cause, "log_limit") == 0)
        (void)!ftruncate(STDOUT_FILENO, (off_t)run->log_max_bytes); /* what it wrote until it had ended */
    if (!is_killed && leader_was_shot) {
        put_words(run->end_cause, sizeof run->end_cause, "memory");
        put_words(run->end_words, sizeof run->end_words,
                  "it was killed while the kernel ended processes for want of memory");
    } else if (!is_killed && is_of_a_stop()) {
        put_words(run->end_cause, sizeof run->end_cause, "shutdown");
        put_words(run->end_words, sizeof run->end_words, "everything on its machine was told to stop");
    } else if (!is_killed) {
        put_words(run->end_cause, sizeof run->end_cause, "exited");
        if ((run->exit_status || run->exit_signal) && log_disk_is_full())
            run->log_errno = ENOSPC;
    }
    leave_group();
    write_foot();
    run->phase = PHASE_ENDED;
}

/* Whether it is the frame's own doing that a program cannot be started. */
static int is_no_program(int number) {
    return number == ENOENT || number == ENOTDIR || number == EACCES || number == ENOEXEC || number == ELOOP ||
           number == ENAMETOOLONG;
}

/* There is no process. Too long a command or environment, or a program that is none, is the frame's own doing;
 * anything else is its host's. */
static void not_started(int number, const char *program) {
    int is_own = number == E2BIG || (program != NULL && is_no_program(number));
    char words[sizeof run->end_words];

    run->start_errno = number;
    run->end_ms = wall_ms();
    put_words(run->end_cause, sizeof run->end_cause, is_own ? "launch_failed" : "host_fault");
    if (program != NULL)
        snprintf(words, sizeof words, "%.400s cannot be started: %s", program, strerror(number));
    else
        snprintf(words, sizeof words, "no process could be started for the command: %s", strerror(number));
    put_words(run->end_words, sizeof run->end_words, words);
    run->exit_status = 1;
    write_foot();
    run->phase = PHASE_ENDED;
}

/* What a frame starts with, whatever its agent ignores or blocks. Between vfork and exec: no memory is taken here. */
static void become_frame(void) {
    static const char normal[64]; /* the kernel's own sigaction: no handler, no flags, no mask */
    sigset_t none;
    char number[16];
    int fd;

    for (int signal = 1; signal < NSIG; signal++) /* by system call: the C library keeps some for itself */
        syscall(SYS_rt_sigaction, signal, normal, NULL, 8);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(number, sizeof number, "%d", run->oom_score_adj);
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, number, strlen(number));
        close(fd);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Take a user's rights, by system calls: the C library would signal all threads, of which there is one. */
static int become_user(void) {
    if (run->group_count > GROUPS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (syscall(SYS_setgroups, run->group_count, run->groups) != 0)
        return -1;
    if (syscall(SYS_setresgid, run->gid, run->gid, run->gid) != 0)
        return -1;
    return (int)syscall(SYS_setresuid, run->uid, run->uid, run->uid);
}

/* Become a program, by its path or from the folders of PATH. Returns why that cannot be. */
static int become_program(char **words) {
    extern char **environ;
    const char *folder = getenv("PATH");
    int problem = ENOENT;
    char path[PATH_MAX];

    if (strchr(words[0], '/') != NULL) {
        execve(words[0], words, environ);
        return errno;
    }
    while (folder != NULL) {
        size_t length = strcspn(folder, ":");

        if (snprintf(path, sizeof path, "%.*s/%s", (int)length, folder, words[0]) < (int)sizeof path) {
            execve(path, words, environ);
            if (errno != ENOENT && errno != ENOTDIR && problem == ENOENT)
                problem = errno;
        }
        folder = folder[length] ? folder + length + 1 : NULL;
    }
    return problem;
}

/* Start the command. Returns 0, or why there is no process; `is_program` says whether the program is at fault. */
static int start(char **arguments, int *is_program) {
    extern char **environ;
    volatile int problem = 0, in_program = 0;
    char *shell[] = {"/bin/sh", "-c", arguments[0], NULL};

    leader = vfork();
    if (leader < 0)
        return errno;
    if (leader == 0) {
        become_frame();
        if (run->become_user && become_user() != 0) {
            problem = errno;
            _exit(127);
        }
        if (run->become_user)
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user's rights have taken it back */
        if (arguments[0][0] == 0 && arguments[1] != NULL) {
            in_program = 1;
            problem = become_program(arguments + 1);
            _exit(127);
        }
        if (arguments[1] != NULL)
            execve(arguments[1], arguments + 1, environ);
        /* The shell runs scripts without a first line, and has the words for what is missing. */
        execve(shell[0], shell, environ);
        problem = errno;
        _exit(127);
    }
    if (problem)
        waitpid(leader, NULL, 0);
    *is_program = in_program;
    return problem;
}

/* ---- watching ------------------------------------------------------------------------------------------------------ */

static void take_order(void) {
    uint64_t number = run->order_number;
    char cause[sizeof run->order_cause], words[sizeof run->order_words];

    if (number == run->order_done)
        return;
    memcpy(cause, (const char *)run->order_cause, sizeof cause);
    memcpy(words, (const char *)run->order_words, sizeof words);
    cause[sizeof cause - 1] = words[sizeof words - 1] = 0;
    if (run->order == ORDER_END)
        begin_to_end(cause, words, (uint64_t)run->order_grace_ms * MS);
    else if (run->order == ORDER_SUSPEND)
        suspend();
    else if (run->order == ORDER_RESUME)
        resume();
    run->order_done = number;
}

static void keep_lease(void) {
    uint64_t until = head->lease_until_ns;
    char words[96];

    if (run->suspended && head->standing_ns && boot_ns() - suspended_at > head->standing_ns)
        begin_to_end("lease", "it stood still for too long without a server", 0);
    if (head->policy == POLICY_CONTINUE || until == 0 || boot_ns() < until || is_ending)
        return;
    if (head->policy == POLICY_SUSPEND) {
        suspend();
        return;
    }
    snprintf(words, sizeof words, "no server answered in time (--on-lost-contact kill)");
    begin_to_end("lease", words, (uint64_t)run->kill_grace_ms * MS);
}

/* Time-outs are given in minutes by whoever set them. */
static void put_time(char *to, size_t size, uint64_t ms) {
    int in_minutes = ms % 60000 == 0;

    snprintf(to, size, "%llu %s", (unsigned long long)ms / (in_minutes ? 60000 : 1000), in_minutes ? "min" : "s");
}

static void keep_limits(void) {
    uint64_t grace_ns = (uint64_t)run->kill_grace_ms * MS, memory_max_kb = run->memory_max_kb;
    uint64_t timeout_ms = run->timeout_ms, silence_ms = run->silence_ms;
    char words[160], time[32];

    if (is_ending || run->suspended)
        return;
    if (memory_max_kb && run->rss_kb > memory_max_kb) {
        snprintf(words, sizeof words, "out of memory: it held %llu KiB, more than the %llu KiB that it may",
                 (unsigned long long)run->rss_kb, (unsigned long long)memory_max_kb);
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

/* Go after what is left of a run that must end. Returns when to look again. */
static uint64_t pursue(uint64_t waited) {
    uint64_t now = boot_ns();

    if (now >= kill_at) {
        if (killed_first_at == 0)
            killed_first_at = now;
        if (!leader_is_gone)
            last_signal = SIGKILL;
        signal_all(SIGKILL);
        kill_group();
        if (head->unkillable_ns && now - killed_first_at > head->unkillable_ns) {
            uint32_t left = note_left();

            run->unkillable = left;
            unkillable_for = now - killed_first_at;
        }
    }
    return waited * 2 < LOOK_AGAIN_MAX ? waited * 2 : LOOK_AGAIN_MAX;
}

static uint64_t patience(uint64_t sample_at, uint64_t look_again) {
    uint64_t now = boot_ns(), until = sample_at, lease = head->lease_until_ns;

    if (!is_ending && !run->suspended && head->policy != POLICY_CONTINUE && lease && lease < until)
        until = lease;
    if (is_ending && now + look_again < until)
        until = now + look_again;
    if (log_grows_fast && !is_ending && now + LOG_LOOK_AGAIN < until)
        until = now + LOG_LOOK_AGAIN;
    return until > now ? until - now : MS;
}

static void watch(void) {
    uint64_t sample_at = boot_ns() + head->sample_ns / 10, waited = LOOK_AGAIN_MIN;

    for (;;) {
        await_signal(patience(sample_at, waited));
        note_time();
        if (reap())
            return;
        take_order();
        keep_lease();
        if (leader_is_gone && !is_ending) {
            run->left_behind = note_left();
            begin_to_end("exited", "", (uint64_t)run->kill_grace_ms * MS);
        }
        if (log_grows_fast || boot_ns() >= sample_at)
            note_log();
        if (boot_ns() >= sample_at) {
            if (run->group[0] == 0 && !is_ending)
                join_group();
            measure();
            keep_limits();
            if (run->suspended)
                stop_all(); /* what it was just starting when it was stopped */
            sample_at = boot_ns() + head->sample_ns;
        }
        if (is_ending)
            waited = pursue(waited);
    }
}

/* What the runner had open by mistake is no business of ours, nor of the frame. */
static void close_others(void) {
    if (syscall(SYS_close_range, BOOK_FD + 1, ~0u, 0) == 0)
        return;
    for (int fd = BOOK_FD + 1; fd < 1024; fd++)
        close(fd);
}

int main(int count, char **arguments) {
    sigset_t all;
    size_t page, at, slack;
    char *map;

    if (count < 3) {
        fprintf(stderr, "supervise PAGE COMMAND [PROGRAM [ARGUMENT...]]; rqd starts it\n");
        return 64;
    }
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    page = (size_t)strtoul(arguments[1], NULL, 10);
    map = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, BOOK_FD, 0);
    if (map == MAP_FAILED || memcmp(map, BOOK_MAGIC, 8) != 0)
        return 65;
    head = (struct head *)map;
    at = page * PAGE_BYTES;
    slack = at % (size_t)sysconf(_SC_PAGESIZE); /* what is mapped begins at a page of the machine, which may be larger */
    map = mmap(NULL, PAGE_BYTES + slack, PROT_READ | PROT_WRITE, MAP_SHARED, BOOK_FD, (off_t)(at - slack));
    if (map == MAP_FAILED)
        return 66;
    run = (struct run *)(map + slack);
    fcntl(BOOK_FD, F_SETFD, FD_CLOEXEC);
    close_others();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    setsid();

    run->supervisor_pid = (uint32_t)getpid();
    run->start_ms = wall_ms();
    run->started_ns = run->alive_ns = boot_ns();
    note_log();
    int is_program, problem = start(arguments + 2, &is_program);

    if (problem) {
        not_started(problem, is_program ? arguments[3] : NULL);
        return 0;
    }
    run->leader_pid = (uint32_t)leader;
    run->phase = PHASE_RUNNING;
    (void)!chdir("/"); /* it keeps no disk from being unmounted */
    watch();
    complete();
    return 0;
}
