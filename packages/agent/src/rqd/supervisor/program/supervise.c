/* One run's supervisor: starts its command, watches everything that comes from it, and has its end in the book.
 *
 *     supervise PAGE COMMAND [PROGRAM [ARGUMENT...]]
 *
 * The book is open as descriptor 3, the log as 1 and 2; the environment is the frame's. PROGRAM is tried first where it
 * is given, and COMMAND by /bin/sh otherwise; an empty COMMAND wants no shell.
 *
 * It depends on nobody: not on the runner, which may die, hang or be replaced, nor on a server. What it may still do it
 * reads off the lease in the book, by a clock of its own.
 *
 * It is the reaper of everything below it (PR_SET_CHILD_SUBREAPER), whatever a process does about its session or its
 * parent. So when it has no child left, nothing of the run is left, and that costs one system call.
 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOK_FD 3
#define LOOK_AGAIN_MIN (5 * MS)
#define LOOK_AGAIN_MAX (500 * MS)
#define STOPPED_TOGETHER SECOND         /* signals to a frame, to its agent and to us that come within this are one stop */
#define DIES_OF_ITS_AGENTS_STOP (10 * SECOND)
#define DIES_OF_A_STOP (100 * SECOND)   /* service managers give 90 s before they kill what is left */
#define LOG_LOOK_AGAIN (100 * MS)
#define LOG_GRACE_MAX SECOND

volatile struct head *head;
volatile struct run *run;

static pid_t leader;
static int leader_status;
static int leader_is_gone;
static int leader_was_shot; /* by the kernel, which was short of memory */

/* Why the run is being ended, if it is. */
int is_ending;
uint64_t kill_at;
static uint64_t killed_first_at;
static int last_signal;
static uint64_t unkillable_for; /* nanoseconds */

static int log_is_watched = 1; /* at first nobody knows how fast it grows */

uint64_t suspended_at;
static uint64_t suspended_ns;

static uint64_t stopped_at; /* when somebody told us to stop, as whoever stops a machine or a service tells everything */

/* How long it had run when its log last grew. */
uint64_t grew_ms;

/* ---- the run begins and ends --------------------------------------------------------------------------------------- */

void begin_to_end(const char *cause, const char *words, uint64_t grace_ns) {
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

void suspend(void) {
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
int reap(void) {
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
        if (pid == leader && !leader_is_gone) { /* its number may be another's by now */
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

    snprintf(words, sizeof words, "its log grew to %llu MB, more than the %llu MB that it may (rqd's --log-max-mb on this host)",
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

    if (fstat(STDOUT_FILENO, &log) != 0) {
        log_is_watched = 0;
        return;
    }
    run->log_written_ms = (int64_t)log.st_mtim.tv_sec * 1000 + log.st_mtim.tv_nsec / 1000000;
    if (run->log_written_ms != before_ms)
        grew_ms = ran_ms();
    bytes = (uint64_t)log.st_size;
    grown = bytes > bytes_before ? bytes - bytes_before : 0;
    if (run->log_max_bytes && bytes > run->log_max_bytes) {
        log_is_watched = 0;
        if (!is_ending)
            end_for_its_log(bytes);
    } else if (looked_at) {
        log_is_watched =
            run->log_max_bytes && (double)grown / (double)(now - looked_at + 1) * (double)head->sample_ns >
                                      (double)(run->log_max_bytes - bytes);
    }
    bytes_before = bytes;
    looked_at = now;
}

uint64_t ran_ms(void) {
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

/* Whether the kernel says who sent a signal: whoever queues one may write any sender into it. */
static int is_true(const siginfo_t *signal) {
    return signal->si_code == SI_USER || signal->si_code == SI_KERNEL;
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
    if (is_stop(sigtimedwait(&awaited, &signal, &timeout)) && is_true(&signal) && !comes_from_the_run(signal.si_pid))
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
    write_foot(unkillable_for);
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
    write_foot(unkillable_for);
    run->phase = PHASE_ENDED;
}

/* ---- watching ------------------------------------------------------------------------------------------------------ */

/* One that is being written is none yet: a signal follows it. */
static void take_order(void) {
    uint64_t number = run->order_number, grace_ns;
    uint32_t order = run->order;
    char cause[sizeof run->order_cause], words[sizeof run->order_words];

    if (number == run->order_done || order == 0)
        return;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    memcpy(cause, (const char *)run->order_cause, sizeof cause);
    memcpy(words, (const char *)run->order_words, sizeof words);
    cause[sizeof cause - 1] = words[sizeof words - 1] = 0;
    grace_ns = (uint64_t)run->order_grace_ms * MS;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (run->order != order || run->order_number != number)
        return;
    if (order == ORDER_END)
        begin_to_end(cause, words, grace_ns);
    else if (order == ORDER_SUSPEND)
        suspend();
    else if (order == ORDER_RESUME)
        resume();
    run->order_done = number;
}

/* Go after what is left of a run that must end. Returns when to look again. */
static uint64_t escalate_kill(uint64_t waited) {
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
    if (log_is_watched && !is_ending && now + LOG_LOOK_AGAIN < until)
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
        if (leader_is_gone && !is_ending) { /* before anything that came at the same time: that did not end it */
            run->left_behind = note_left();
            begin_to_end("exited", "", (uint64_t)run->kill_grace_ms * MS);
        }
        take_order();
        keep_lease();
        if (log_is_watched || boot_ns() >= sample_at)
            note_log();
        if (boot_ns() >= sample_at) {
            if (!is_ending)
                join_group();
            measure();
            keep_limits();
            if (run->suspended)
                stop_all(); /* what it was just starting when it was stopped */
            sample_at = boot_ns() + head->sample_ns;
        }
        if (is_ending)
            waited = escalate_kill(waited);
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
    const char *own_id;
    int problem, is_program;

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
    own_id = getenv("CUEFARM_RUN_ID");
    if (run->phase != PHASE_PREPARED || own_id == NULL || strcmp(own_id, (const char *)run->run_id) != 0)
        return 67; /* it was started so long ago that our run was given up, and the page may be another's */
    fcntl(BOOK_FD, F_SETFD, FD_CLOEXEC);
    close_others();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    setsid();

    run->supervisor_pid = (uint32_t)getpid();
    run->start_ms = wall_ms();
    run->started_ns = run->alive_ns = boot_ns();
    note_log();
    leader = start(arguments + 2, &problem, &is_program);
    clearenv(); /* it is the frame's: its TZ may name a file on which even a look at the time waits for ever */
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
