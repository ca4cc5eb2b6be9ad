/* The processes of a run: everything below its supervisor. */
#include "supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAMED_MAX 4
#define FIND_FOR SECOND
#define FIND_AGAIN (10 * MS)
#define STOP_AGAIN (10 * MS)

static void add_pid(struct pids *to, pid_t pid) {
    if (to->count == to->room) {
        size_t room = to->room ? 2 * to->room : 64;
        pid_t *list = realloc(to->list, room * sizeof *list);

        if (list == NULL) {
            to->is_cut = 1;
            return;
        }
        to->list = list;
        to->room = room;
    }
    to->list[to->count++] = pid;
}

/* What cannot be opened is gone, unless we, or the machine, have no room for it. */
static void note_unopened(struct pids *to) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        to->is_cut = 1;
}

/* Add the children that one thread has. A list that is longer than the buffer is read on: numbers are never cut. */
static void add_children_of_thread(struct pids *to, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t got;
    long number = 0;
    int in_number = 0;

    if (fd < 0) {
        note_unopened(to);
        return;
    }
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
}

static void add_children(struct pids *to, pid_t pid) {
    char path[64];
    DIR *threads;
    struct dirent *thread;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    if (threads == NULL) {
        note_unopened(to);
        return;
    }
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

    if (answer < 0) {
        char path[64];

        snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid()); /* we are one thread, the first */
        answer = access(path, R_OK) == 0;
    }
    return answer;
}

/* What /proc/PID/stat says; 0 where there is no such process. A command's name may hold blanks and brackets. */
int read_stat(pid_t pid, struct stat_line *to) {
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

int is_dead(const struct stat_line *stat) {
    return stat->state == 'Z' || stat->state == 'X';
}

/* Where the kernel does not tell a process's children: climb from every process to see whether it comes from us. */
static void add_by_parents(struct pids *to) {
    DIR *all = opendir("/proc");
    struct dirent *entry;
    pid_t own = getpid();

    if (all == NULL) {
        note_unopened(to);
        return;
    }
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
struct pids processes(void) {
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

void free_pids(struct pids *pids) {
    free(pids->list);
}

/* The same for whoever must reach all of them. What cannot be found, for want of descriptors above all (a frame can take
 * them from us), would go on, whatever the book says then: so after a while this ends us, and our command with us, and
 * the runner ends the rest as that of a run that lost its supervisor. */
static struct pids all_processes(void) {
    uint64_t until = boot_ns() + FIND_FOR;
    struct timespec pause = {.tv_nsec = FIND_AGAIN};

    for (;;) {
        struct pids found = processes();

        if (!found.is_cut)
            return found;
        free_pids(&found);
        if (boot_ns() >= until)
            kill(getpid(), SIGKILL);
        nanosleep(&pause, NULL);
    }
}

/* Signal everything of the run. What is below us is only collected by what is below us, so for the moment between the look
 * and the signal its number is nobody else's. */
void signal_all(int number) {
    struct pids found = all_processes();

    for (size_t at = 0; at < found.count; at++) {
        struct stat_line stat;

        if (read_stat(found.list[at], &stat) && !is_dead(&stat))
            kill(found.list[at], number);
    }
    free_pids(&found);
}

/* Stop everything where it stands. What is stopped starts nothing, so we look until there is nothing new: at first at once,
 * for what starts others, then with rests, for what has to wait for a processor before it can stop. */
void stop_all(void) {
    struct timespec pause = {.tv_nsec = STOP_AGAIN};

    for (int look = 0; look < LOOKS_MAX; look++) {
        struct pids found = all_processes();
        int is_new = 0;

        for (size_t at = 0; at < found.count; at++) {
            struct stat_line stat;

            if (read_stat(found.list[at], &stat) && strchr("TtZX", stat.state) == NULL && kill(found.list[at], SIGSTOP) == 0)
                is_new = 1;
        }
        free_pids(&found);
        if (!is_new)
            return;
        if (look < LOOKS_MAX / 2)
            sched_yield();
        else
            nanosleep(&pause, NULL);
    }
}

/* Note who is left, a few by name, for whoever reads the log or wonders why the run does not end; returns how many. */
uint32_t note_left(void) {
    struct pids found = processes();
    char names[sizeof run->left_names] = "";
    uint32_t count = 0;

    for (size_t at = 0; at < found.count; at++) {
        char path[64], name[64];
        size_t length = strlen(names);
        struct stat_line stat;

        if (!read_stat(found.list[at], &stat) || is_dead(&stat))
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
void note_members(const struct pids *found) {
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
