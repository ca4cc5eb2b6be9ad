/* What the parts of a supervisor share. */
#ifndef CUEFARM_SUPERVISE_H
#define CUEFARM_SUPERVISE_H

#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "book.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define LOOKS_MAX 20

/* The book's first page, and the page of our run. */
extern volatile struct head *head;
extern volatile struct run *run;

/* --- supervise.c ---------------------------------------------------------------------------------------------------- */

extern int is_ending;
extern uint64_t kill_at;      /* when what was told to end is killed */
extern uint64_t suspended_at; /* of a run that stands still */
extern uint64_t grew_ms;      /* how long it had run when its log last grew */

int reap(void);
void begin_to_end(const char *cause, const char *words, uint64_t grace_ns);
void suspend(void);
uint64_t ran_ms(void);

/* --- kill_rules.c --------------------------------------------------------------------------------------------------- */

void keep_lease(void);
void keep_limits(void);

/* --- basics.c ------------------------------------------------------------------------------------------------------- */

uint64_t boot_ns(void);
int64_t wall_ms(void);
void put_words(volatile char *to, size_t size, const char *from);
size_t read_file(const char *path, char *to, size_t size);
int write_file(const char *path, const char *text);

/* --- tree.c --------------------------------------------------------------------------------------------------------- */

struct pids {
    pid_t *list;
    size_t count, room;
    int is_cut; /* something could not be read, and is not known to be gone */
};

struct stat_line {
    char state;
    pid_t parent;
    uint64_t start_ticks;
};

int read_stat(pid_t pid, struct stat_line *to);
int is_dead(const struct stat_line *stat);
struct pids processes(void);
void free_pids(struct pids *pids);
void signal_all(int number);
void stop_all(void);
uint32_t note_left(void);
void note_members(const struct pids *found);

/* --- group.c -------------------------------------------------------------------------------------------------------- */

void join_group(void);
void kill_group(void);
void leave_group(void);

/* --- run_memory.c --------------------------------------------------------------------------------------------------- */

void measure(void);
int kernel_was_short(void);

/* --- foot.c --------------------------------------------------------------------------------------------------------- */

void write_foot(uint64_t unkillable_for_ns);
int log_disk_is_full(void);

/* --- start.c -------------------------------------------------------------------------------------------------------- */

pid_t start(char **arguments, int *why, int *is_program);

#endif
