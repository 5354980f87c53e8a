#include "app/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES  8192
#define COPY_PREFIX "backup-"
#define COPY_SUFFIX ".db"

enum err folder_path(struct buf *path, const char *dir, const char *name)
{
    *path = BUF_INIT(PATH_BYTES);
    return buf_printf(path, "%s/%s", dir, name);
}

void folder_copy_name(struct uuid id, char out[FOLDER_COPY_BYTES])
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    (void)snprintf(out, FOLDER_COPY_BYTES, COPY_PREFIX "%s" COPY_SUFFIX, text);
}

static enum err fail(struct buf *why, const char *what, const char *path)
{
    buf_printf(why, "%s %s: %s", what, path, strerror(errno));
    return ERR_IO;
}

/* One that root makes in the folder of another user is that user's, whose server has to open it.
 * Only what was made here is given away: the folder's owner could have put anything else in its
 * place. */
static int open_lock(const char *path, const char *dir)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (geteuid() == 0 && (stat(dir, &st) || fchown(fd, st.st_uid, st.st_gid))) {
        close(fd);
        return -1;
    }
    return fd;
}

enum err folder_lock(const char *dir, int *fd, struct buf *why)
{
    struct buf path;
    int lock = -1;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return fail(why, "cannot make the data folder", dir);
    enum err e = folder_path(&path, dir, FOLDER_LOCK);
    if (!e) {
        lock = open_lock(buf_cstr(&path), dir);
        if (lock < 0)
            e = fail(why, "cannot write in the data folder", dir);
    }
    if (!e && flock(lock, LOCK_EX | LOCK_NB)) {
        buf_printf(why, "another spacerelay is using the data folder %s", dir);
        e = ERR_LOCKED;
    }
    buf_release(&path);
    if (!e)
        *fd = lock;
    else if (lock >= 0)
        close(lock);
    return e;
}

enum err folder_complete(const char *dir, struct buf *why)
{
    struct buf path;
    enum err e = folder_path(&path, dir, FOLDER_PENDING);
    if (!e && access(buf_cstr(&path), F_OK) == 0) {
        buf_printf(why, "a restore into %s was interrupted; run `spacerelay restore` again", dir);
        e = ERR_IO;
    }
    buf_release(&path);
    return e;
}

static bool is_copy(const char *name)
{
    struct str s = str_of(name), suffix = STR(COPY_SUFFIX);
    size_t bytes = strlen(COPY_PREFIX) + UUID_TEXT_BYTES - 1 + suffix.n;
    return str_starts(s, STR(COPY_PREFIX)) && s.n >= bytes;
}

void folder_sweep(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (is_copy(entry->d_name))
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}
