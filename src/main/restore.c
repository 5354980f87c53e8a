/* `spacerelay restore`: everything is made ready beside what is there; then the old files go into a
 * folder of their own and the new ones take their names. While that goes on, a file says so, and no
 * server starts: after a crash there is all of the old, all of the new, or a clear sentence. */
#include "main/commands.h"

#include "app/folder.h"
#include "base/clock.h"
#include "main/files.h"
#include "store/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_BYTES 4096
#define NEW_DB    "restore.db"
#define NEW_KEY   "restore.key"

struct restore {
    const struct options *options;
    int lock;
    bool replaces; /* there is data in the folder */
    char aside[40];
    struct buf why;
};

static char *path_of(const struct restore *r, const char *name)
{
    struct buf path;
    enum err e = folder_path(&path, r->options->data, name);
    char *text = e ? NULL : str_dup(buf_str(&path));
    buf_release(&path);
    return text;
}

static bool is_there(const struct restore *r, const char *name)
{
    char *path = path_of(r, name);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static void forget(const struct restore *r, const char *name)
{
    char *path = path_of(r, name);
    if (path)
        unlink(path);
    free(path);
}

static enum err rename_in(struct restore *r, const char *from, const char *to)
{
    char *a = path_of(r, from), *b = path_of(r, to);
    enum err e = a && b ? file_rename(a, b, false, &r->why) : ERR_TOO_LARGE;
    free(a);
    free(b);
    return e;
}

/* ---- before anything is touched ---- */

static enum err lock_folder(struct restore *r)
{
    int fd = control_dial(r->options->data);
    if (fd >= 0) {
        close(fd);
        buf_printf(&r->why, "a server is running on the data folder %s; stop it first",
                   r->options->data);
        return ERR_LOCKED;
    }
    return folder_lock(r->options->data, &r->lock, &r->why);
}

/* Who began to restore wanted what was there replaced. */
static enum err check_free(struct restore *r)
{
    r->replaces = is_there(r, STORE_FILE) || is_there(r, FOLDER_KEY);
    if (!r->replaces || r->options->force || is_there(r, FOLDER_PENDING))
        return OK;
    buf_printf(&r->why, "there is data in %s already; --force moves it aside", r->options->data);
    return ERR_EXISTS;
}

static enum err write_key(struct restore *r, const struct bytes *content)
{
    struct sign_key key;
    char *path = path_of(r, NEW_KEY);
    enum err e = path ? file_write(path, bytes_str(content), &r->why) : ERR_TOO_LARGE;
    if (!e)
        e = file_own_as(path, r->options->data, &r->why);
    if (!e && (e = sign_key_load(&key, path)))
        buf_printf(&r->why, "%s: the signing key in it is damaged", r->options->arg);
    secret_wipe(&key, sizeof key);
    free(path);
    return e;
}

static enum err prepare_db(struct restore *r, struct bytes **key)
{
    char *path = path_of(r, NEW_DB);
    struct buf why = BUF_INIT(WHY_BYTES);
    enum err e = path ? file_copy(r->options->arg, path, &r->why) : ERR_TOO_LARGE;
    if (!e && (e = backup_unpack(path, key, &why)))
        buf_printf(&r->why, "%s cannot be restored: %s", r->options->arg, buf_cstr(&why));
    if (!e)
        e = file_own_as(path, r->options->data, &r->why);
    buf_release(&why);
    free(path);
    return e;
}

static enum err prepare(struct restore *r)
{
    struct bytes *key = NULL;
    forget(r, NEW_DB); /* of one that was interrupted */
    forget(r, NEW_DB "-journal");
    forget(r, NEW_KEY);
    enum err e = prepare_db(r, &key);
    if (!e)
        e = write_key(r, key);
    bytes_unref(key);
    return e;
}

/* ---- the change ---- */

static enum err mark(struct restore *r)
{
    char *path = path_of(r, FOLDER_PENDING);
    enum err e =
        path ? file_write(path, STR("see `spacerelay restore --help`\n"), &r->why) : ERR_TOO_LARGE;
    if (e == ERR_EXISTS) { /* an interrupted one's serves as well */
        buf_clear(&r->why);
        e = OK;
    }
    free(path);
    return e;
}

static enum err make_aside(struct restore *r)
{
    char now[RFC3339_BYTES];
    rfc3339_format(clock_now().wall_ms, now);
    (void)snprintf(r->aside, sizeof r->aside, "before-restore-%s", now);
    char *path = path_of(r, r->aside);
    enum err e = path && !mkdir(path, 0700) ? OK : ERR_IO;
    if (e)
        buf_printf(&r->why, "cannot make a folder for the old data in %s", r->options->data);
    else
        e = file_own_as(path, r->options->data, &r->why);
    free(path);
    return e;
}

static enum err move_aside(struct restore *r)
{
    static const char *const names[] = {STORE_FILE, STORE_FILE "-wal", FOLDER_KEY};
    enum err e = make_aside(r);
    for (size_t i = 0; !e && i < sizeof names / sizeof *names; i++) {
        char to[80];
        (void)snprintf(to, sizeof to, "%s/%s", r->aside, names[i]);
        if (is_there(r, names[i]))
            e = rename_in(r, names[i], to);
    }
    forget(r, STORE_FILE "-shm");
    return e;
}

static enum err change(struct restore *r)
{
    enum err e = mark(r);
    if (!e && r->replaces)
        e = move_aside(r);
    if (!e)
        e = rename_in(r, NEW_KEY, FOLDER_KEY);
    if (!e)
        e = rename_in(r, NEW_DB, STORE_FILE);
    if (!e)
        forget(r, FOLDER_PENDING);
    return e;
}

static enum err run(struct restore *r)
{
    if (access(r->options->arg, R_OK)) {
        buf_printf(&r->why, "cannot read %s", r->options->arg);
        return ERR_IO;
    }
    enum err e = lock_folder(r);
    if (!e)
        e = check_free(r);
    if (!e && (e = prepare(r))) {
        forget(r, NEW_DB);
        forget(r, NEW_KEY);
    }
    return e ? e : change(r);
}

int restore(const struct options *o)
{
    struct restore r = {.options = o, .lock = -1, .why = BUF_INIT(WHY_BYTES)};
    enum err e = run(&r);
    if (e)
        complain("%s", r.why.len ? buf_cstr(&r.why) : err_message(e));
    else
        say("restored %s into %s", o->arg, o->data);
    if (!e && r.aside[0])
        say("what was there before is in %s/%s", o->data, r.aside);
    if (r.lock >= 0)
        close(r.lock);
    buf_release(&r.why);
    return e ? STATUS_FAILED : STATUS_DONE;
}
