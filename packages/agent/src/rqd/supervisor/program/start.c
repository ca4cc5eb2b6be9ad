/* From a supervisor to its command. */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a frame starts with, whatever its agent ignores or blocks. Between vfork and exec: no memory is taken here. */
static void become_frame(void) {
    static const char normal[64]; /* the kernel's own sigaction: no handler, no flags, no mask */
    sigset_t none;
    char number[16];
    int fd;

    for (int signal = 1; signal < NSIG; signal++) /* by system call: the C library keeps some for itself */
        syscall(SYS_rt_sigaction, signal, normal, NULL, 8);
    setsid();
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

/* Have the kernel end us with our supervisor. One that died before we asked is told by whose child we are. */
static void die_with_supervisor(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)run->supervisor_pid)
        _exit(127);
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

/* Start the command. Returns its pid, and why there is no process, 0 where there is one; `is_program` says whether the
 * program is at fault then. */
pid_t start(char **arguments, int *why, int *is_program) {
    extern char **environ;
    volatile int problem = 0, in_program = 0;
    char *shell[] = {"/bin/sh", "-c", arguments[0], NULL};
    pid_t leader = vfork();

    if (leader == 0) {
        become_frame();
        if (run->become_user && become_user() != 0) {
            problem = errno;
            _exit(127);
        }
        die_with_supervisor(); /* after another user's rights, which take that back */
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
    if (leader > 0 && problem)
        waitpid(leader, NULL, 0);
    *why = leader < 0 ? errno : problem;
    *is_program = in_program;
    return leader;
}
