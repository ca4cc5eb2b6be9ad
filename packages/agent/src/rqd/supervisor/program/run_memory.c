/* What a run holds in memory. `stand_in.py` does the same; how much the machine has: `platform/host_memory.py`. */
#include "supervise.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SHARING_KB_THAT_MATTERS (64ull << 10)
#define WALK_BUDGET_KB (24ull << 20)
#define WALK_REST_FACTOR 100 /* times the runs of this agent: walks of all of them take a hundredth of a core */
#define TMPFS_MAX 64
#define FILES_MAX 256
#define DESCRIPTORS_MAX 4096
#define KCMP_VM 1 /* of linux/kcmp.h, which not every C library has */
#define OOM_SAMPLES_MAX 4 /* an older count of the runner's tells nothing of now */

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
    *virtual_kb = pages_virtual * page_kb;
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

/* Between vfork and exec a process has its parent's memory, and so it has that parent's sizes. */
static int has_its_parents_memory(const struct pids *found, const uint64_t *sizes, size_t child) {
    struct stat_line stat = {0};

    for (size_t at = 0; at < found->count; at++) {
        if (at == child || sizes[at] != sizes[child])
            continue;
        if (stat.parent == 0 && !read_stat(found->list[child], &stat))
            return 0;
        if (found->list[at] == stat.parent)
            return syscall(SYS_kcmp, stat.parent, found->list[child], KCMP_VM, 0, 0) == 0;
    }
    return 0;
}

/* Whether it matters how much of a run's memory its processes share: always where the run may seem to hold too much. */
static int may_be_shared(uint64_t most_shared_kb, uint64_t sum_kb) {
    return most_shared_kb >= SHARING_KB_THAT_MATTERS || (most_shared_kb && run->memory_max_kb && sum_kb > run->memory_max_kb);
}

/* Measure the whole run. The sum of resident sizes counts shared pages often; the proportional sizes do not, but the
 * kernel walks through all pages for them: so only where it can matter, within a budget, and with a rest. Between two
 * walks what came since counts in full; what that makes a new peak, or too much, is walked through at once. */
void measure(void) {
    static uint64_t walk_due_at, walked_kb, walked_sum_kb, walked_max_kb, walked_shared_kb;
    struct pids found = processes();
    uint64_t sum_kb = 0, largest_kb = 0, virtual_kb = 0;
    uint64_t swapped_kb, most_kb = machine_kb(&swapped_kb), held_kb, files_kb, mapped_kb = 0;
    uint64_t *sizes = calloc(2 * found.count + 1, sizeof *sizes), *virtual_sizes = sizes + found.count;
    int is_walked = 0;

    for (size_t at = 0; sizes != NULL && at < found.count; at++) {
        sizes[at] = resident_kb(found.list[at], &virtual_sizes[at]);
        if (swapped_kb)
            sizes[at] += status_kb(found.list[at], "\nVmSwap:");
    }
    for (size_t at = found.count; sizes != NULL && at-- > 0;) /* a child stands behind its parent */
        if (sizes[at] && has_its_parents_memory(&found, sizes, at))
            sizes[at] = virtual_sizes[at] = 0;
    for (size_t at = 0; sizes != NULL && at < found.count; at++) {
        sum_kb += sizes[at];
        virtual_kb += virtual_sizes[at];
        if (sizes[at] > largest_kb)
            largest_kb = sizes[at];
    }
    held_kb = sum_kb;
    if (sizes != NULL && may_be_shared(sum_kb - largest_kb, sum_kb)) {
        uint64_t began = boot_ns();
        uint64_t guess_kb = sum_kb > walked_sum_kb ? walked_kb + sum_kb - walked_sum_kb : walked_kb;

        is_walked = 1;
        if (began >= walk_due_at || guess_kb * 10 > walked_max_kb * 11 ||
            (run->memory_max_kb && guess_kb > run->memory_max_kb)) {
            uint64_t budget_kb = WALK_BUDGET_KB;

            walked_kb = walked_shared_kb = 0;
            for (size_t at = 0; at < found.count; at++) {
                if (sizes[at] == 0)
                    continue;
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
    for (size_t at = 0; files_kb && !is_walked && sizes != NULL && at < found.count; at++)
        mapped_kb += sizes[at] ? status_kb(found.list[at], "\nRssShmem:") : 0;
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
int kernel_was_short(void) {
    char text[32768];
    uint64_t age = boot_ns() - head->oom_kills_at_ns;

    if (head->oom_kills_at_ns == 0 || age > OOM_SAMPLES_MAX * head->sample_ns)
        return 0;
    return read_file("/proc/vmstat", text, sizeof text) && number_after(text, "\noom_kill ", 0) > head->oom_kills;
}
