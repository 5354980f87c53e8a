#include "main/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static enum err fail(struct buf *why, const char *what, const char *path)
{
    int error = errno;
    buf_printf(why, "cannot %s %s: %s", what, path, strerror(error));
    return error == EEXIST ? ERR_EXISTS : ERR_IO;
}

static enum err sync_folder_of(const char *path, struct buf *why)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? str_dup(str_slice(path, (size_t)(slash - path) + 1)) : str_dup(STR("."));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err e = fd < 0 || fsync(fd) ? fail(why, "write in", dir) : OK;
    if (fd >= 0)
        close(fd);
    free(dir);
    return e;
}

enum err file_read(const char *path, struct buf *content, struct buf *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err e = fd < 0 ? fail(why, "read", path) : OK;
    for (ssize_t n = 1; !e && n > 0;) {
        char *space;
        e = buf_reserve(content, 4096, &space);
        n = e ? 0 : read(fd, space, 4096);
        if (n < 0)
            e = fail(why, "read", path);
        else if (n > 0)
            buf_commit(content, (size_t)n);
    }
    if (e == ERR_TOO_LARGE)
        buf_printf(why, "%s is too large", path);
    if (fd >= 0)
        close(fd);
    return e;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* Closes what was made: on the disk with its name, or gone. */
static enum err finish(int fd, const char *path, enum err e, struct buf *why)
{
    if (!e && fsync(fd))
        e = fail(why, "write", path);
    if (close(fd) && !e)
        e = fail(why, "write", path);
    if (!e)
        e = sync_folder_of(path, why);
    if (e)
        unlink(path);
    return e;
}

static int make(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum err file_write(const char *path, struct str content, struct buf *why)
{
    int fd = make(path);
    if (fd < 0)
        return fail(why, "make", path);
    enum err e = write_all(fd, content.p, content.n) ? OK : fail(why, "write", path);
    return finish(fd, path, e, why);
}

static enum err copy_all(int in, int out, const char *from, const char *to, struct buf *why)
{
    char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t n = read(in, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(why, "read", from);
        if (n == 0)
            return OK;
        if (!write_all(out, chunk, (size_t)n))
            return fail(why, "write", to);
    }
}

enum err file_copy(const char *from, const char *to, struct buf *why)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return fail(why, "read", from);
    int out = make(to);
    enum err e =
        out < 0 ? fail(why, "make", to) : finish(out, to, copy_all(in, out, from, to, why), why);
    close(in);
    return e;
}

enum err file_rename(const char *from, const char *to, bool replace, struct buf *why)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, replace ? 0 : RENAME_NOREPLACE))
        return fail(why, "make", to);
    return sync_folder_of(to, why);
}

enum err file_own_as(const char *path, const char *dir, struct buf *why)
{
    struct stat st;
    if (geteuid() != 0)
        return OK;
    if (stat(dir, &st) || lchown(path, st.st_uid, st.st_gid))
        return fail(why, "give away", path);
    return OK;
}
