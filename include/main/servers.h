/* The relays that this person is logged in to, with their API keys:
 * $XDG_CONFIG_HOME/spacerelay/config.json, mode 0600, in a folder of mode 0700. The latest login
 * comes first. */
#ifndef MAIN_SERVERS_H
#define MAIN_SERVERS_H

#include "base/buf.h"
#include "base/err.h"

struct server {
    char *url, *key, *name; /* heap; the person's name there */
};

struct servers {
    struct server *list;
    size_t count;
};

/* Empty when there is no file. ERR_IO, ERR_SYNTAX, ERR_NOT_FOUND (no home folder); why gets a
 * sentence. Release it in every case. */
MUST_USE enum err servers_load(struct servers *s, struct buf *why);
/* In one step: another process sees the old file or the new one. The same errors. */
MUST_USE enum err servers_save(const struct servers *s, struct buf *why);
void servers_release(struct servers *s);

/* Borrowed until the next change; NULL when there is none. */
const struct server *servers_find(const struct servers *s, const char *url);
/* Becomes the first, in place of one of the same URL. All copied. */
void servers_put(struct servers *s, const char *url, const char *key, struct str name);
void servers_remove(struct servers *s, const char *url);

#endif
