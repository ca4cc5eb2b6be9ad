/* Clocks, words and small files. */
#include "supervise.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t boot_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void put_words(volatile char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);

    memcpy((char *)to, from, length);
    memset((char *)to + length, 0, size - length);
}

/* Read a small file of /proc; returns its length, 0 where it is gone. */
size_t read_file(const char *path, char *to, size_t size) {
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

int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return is_written;
}
