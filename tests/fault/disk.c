/* Lets calls that reach the disk fail, in a program that knows nothing of it: LD_PRELOAD=disk.so.
 *
 *   FAULT_FOLDER  only files in here fail (an absolute path without links)
 *   FAULT_FILE    the switches: this struct, mapped by both sides, changed while the program runs
 *
 * Calls go to the kernel, not to libc: so nothing depends on the order of preloaded libraries. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAULT_WRITE = 1, FAULT_SYNC = 2, FAULT_TRUNCATE = 4, FAULT_OPEN = 8 /* for writing */ };

/* As tests/program/faults.py packs it. */
struct switches {
    _Atomic uint32_t calls;  /* FAULT_ bits; 0 = nothing fails */
    _Atomic uint32_t error;  /* errno */
    _Atomic uint32_t from;   /* the first call that fails, counted from 1 */
    _Atomic uint32_t count;  /* how many fail; 0 = all from there on */
    _Atomic uint32_t seen;   /* calls of these kinds since `calls` was set */
    _Atomic uint32_t failed; /* of them */
};

static struct switches *switches;
static const char *folder;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAULT_FILE");
    folder = getenv("FAULT_FOLDER");
    int fd = path && folder ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *switches, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED)
        switches = p;
}

static bool counts(void)
{
    uint32_t n = atomic_fetch_add(&switches->seen, 1) + 1;
    uint32_t from = atomic_load(&switches->from), count = atomic_load(&switches->count);
    if (n < from || (count && n - from >= count))
        return false;
    atomic_fetch_add(&switches->failed, 1);
    errno = (int)atomic_load(&switches->error);
    return true;
}

static bool watched(uint32_t call)
{
    return switches && (atomic_load(&switches->calls) & call);
}

static bool path_fails(uint32_t call, const char *path)
{
    size_t n = watched(call) ? strlen(folder) : 0;
    return n && strncmp(path, folder, n) == 0 && counts();
}

static bool fails(uint32_t call, int fd)
{
    char link[64], path[4096];
    if (!watched(call))
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return false;
    path[n] = '\0';
    return path_fails(call, path);
}

/* ---- what programs call ---- */

ssize_t write(int fd, const void *p, size_t n)
{
    return fails(FAULT_WRITE, fd) ? -1 : syscall(SYS_write, fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return fails(FAULT_WRITE, fd) ? -1 : syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    return pwrite(fd, p, n, at);
}

int fsync(int fd)
{
    return fails(FAULT_SYNC, fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(FAULT_SYNC, fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t bytes)
{
    return fails(FAULT_TRUNCATE, fd) ? -1 : (int)syscall(SYS_ftruncate, fd, bytes);
}

int ftruncate64(int fd, off64_t bytes)
{
    return ftruncate(fd, bytes);
}

static int open_at(const char *path, int flags, va_list args)
{
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    if (writes && path_fails(FAULT_OPEN, path))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_at(path, flags, args);
    va_end(args);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_at(path, flags, args);
    va_end(args);
    return fd;
}
