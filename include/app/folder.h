/* The data folder: what is in it, and its lock. */
#ifndef APP_FOLDER_H
#define APP_FOLDER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

#define FOLDER_LOCK "lock"     /* flock; held by whoever has opened the folder */
#define FOLDER_KEY  "sign.key" /* signs tokens */
#define FOLDER_PENDING                                                                             \
    "restore.incomplete" /* there while a restore is half done: nobody starts                      \
                          */

/* path gets "dir/name". ERR_TOO_LARGE. */
MUST_USE enum err folder_path(struct buf *path, const char *dir, const char *name);
/* The name of a copy that CMD_BACKUP made: "backup-<id>.db". */
#define FOLDER_COPY_BYTES 64
void folder_copy_name(struct uuid id, char out[FOLDER_COPY_BYTES]);

/* Makes the folder (0700) when it is missing, and takes its lock: until *fd is closed. ERR_LOCKED,
 * ERR_IO; why gets a sentence. */
MUST_USE enum err folder_lock(const char *dir, int *fd, struct buf *why);
/* ERR_IO and a sentence when a restore was interrupted. */
MUST_USE enum err folder_complete(const char *dir, struct buf *why);
/* Removes copies that nobody has fetched. Under the lock. */
void folder_sweep(const char *dir);

#endif
