/* `spacerelay backup`: the server, or we in its place, writes a copy of the database into the data
 * folder; here it gets the signing key and its place. (The server may be kept from writing anywhere
 * else, and another user's folder is none of its business.) */
#include "main/commands.h"

#include "app/folder.h"
#include "base/clock.h"
#include "main/files.h"
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHY_BYTES  4096
#define PATH_BYTES 8192
#define KEY_BYTES  65536

struct backup {
    const struct options *options;
    struct buf copy;    /* in the data folder */
    struct buf partial; /* beside the target */
    struct buf key;     /* the signing key's file */
    struct buf why;
};

static enum err name_files(struct backup *b, struct uuid id)
{
    char name[FOLDER_COPY_BYTES];
    folder_copy_name(id, name);
    enum err e = folder_path(&b->copy, b->options->data, name);
    return e ? e : buf_printf(&b->partial, "%s.%s.part", b->options->arg, name);
}

static enum err read_key(struct backup *b)
{
    struct buf path;
    enum err e = folder_path(&path, b->options->data, FOLDER_KEY);
    if (!e)
        e = file_read(buf_cstr(&path), &b->key, &b->why);
    buf_release(&path);
    return e;
}

static enum err put_in_place(struct backup *b)
{
    const char *copy = buf_cstr(&b->copy), *partial = buf_cstr(&b->partial);
    enum err e = read_key(b);
    if (!e)
        e = backup_seal(copy, buf_str(&b->key), clock_now().wall_ms, &b->why);
    if (!e)
        e = file_copy(copy, partial, &b->why);
    if (!e && (e = file_rename(partial, b->options->arg, b->options->force, &b->why)))
        unlink(partial);
    return e;
}

static int make(struct backup *b, struct client *c)
{
    struct command cmd = {.kind = CMD_BACKUP};
    struct reply reply = {0};
    int status = ask(c, &cmd, &reply);
    if (!status && (name_files(b, reply.id) || put_in_place(b))) {
        complain("%s", b->why.len ? buf_cstr(&b->why) : "the name is too long");
        status = STATUS_FAILED;
    }
    if (b->copy.len)
        unlink(buf_cstr(&b->copy));
    reply_release(&reply);
    return status;
}

/* Asked first: the copy of a large database takes a while. */
static bool can_write_at(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? str_dup(str_slice(path, (size_t)(slash - path) + 1)) : str_dup(STR("."));
    bool can = access(dir, W_OK | X_OK) == 0;
    if (!can)
        complain("cannot write in %s: %s", dir, strerror(errno));
    free(dir);
    return can;
}

int backup(const struct options *o)
{
    struct backup b = {.options = o,
                       .copy = BUF_INIT(PATH_BYTES),
                       .partial = BUF_INIT(PATH_BYTES),
                       .key = BUF_INIT(KEY_BYTES),
                       .why = BUF_INIT(WHY_BYTES)};
    if (!o->force && access(o->arg, F_OK) == 0) {
        complain("%s is there already; --force replaces it", o->arg);
        return STATUS_FAILED;
    }
    if (!can_write_at(o->arg))
        return STATUS_FAILED;
    struct client *c = open_data(o, false);
    int status = c ? make(&b, c) : STATUS_FAILED;
    client_close(c);
    if (!status)
        say("wrote %s; who can read it can act as this relay", o->arg);
    if (b.key.data)
        secret_wipe(b.key.data, b.key.cap);
    buf_release(&b.key);
    buf_release(&b.copy);
    buf_release(&b.partial);
    buf_release(&b.why);
    return status;
}
