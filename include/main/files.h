/* Whole files, on the disk when a call returns OK; what is made has mode 0600. On failure nothing
 * is left of what was made, and why gets a sentence. */
#ifndef MAIN_FILES_H
#define MAIN_FILES_H

#include "base/buf.h"
#include "base/err.h"

/* ERR_IO; ERR_TOO_LARGE above the buf's maximum. */
MUST_USE enum err file_read(const char *path, struct buf *content, struct buf *why);
/* `to` must not be there. ERR_IO, ERR_EXISTS. */
MUST_USE enum err file_copy(const char *from, const char *to, struct buf *why);
MUST_USE enum err file_write(const char *path, struct str content, struct buf *why);
/* Gives the file its name, in one step. ERR_EXISTS when something has it and it may not be
 * replaced.
 */
MUST_USE enum err file_rename(const char *from, const char *to, bool replace, struct buf *why);
/* As root, what is made for another user's folder is that user's. */
MUST_USE enum err file_own_as(const char *path, const char *dir, struct buf *why);

#endif
