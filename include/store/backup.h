/* Copies of a database: one file with all that is needed to go on elsewhere.
 *
 * The file is an SQLite database like the relay's own, and a table `backup` besides, which holds
 * the other file that the data folder cannot do without: the signing key. One file, because two are
 * copied apart some day; SQLite's format, because then its own check tells whether the copy is
 * whole. It lets its reader act as the relay: mode 0600.
 *
 * Any thread. All answer OK or an error, and then why has a sentence. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct store;

/* Writes what is committed now into a new file, mode 0600, synced; the table `backup` is missing
 * yet. Commits go on meanwhile; the WAL grows until it is done. VACUUM INTO and not SQLite's backup
 * calls: those begin anew whenever somebody writes, and copy what was deleted. ERR_IO, ERR_EXISTS;
 * ERR_SHUTTING_DOWN once *stop is true. The file is gone then. */
MUST_USE enum err store_backup(struct store *s, const char *path, const atomic_bool *stop,
                               struct buf *why);
/* Adds the table with the signing key to such a file, and syncs it. ERR_IO. */
MUST_USE enum err backup_seal(const char *path, struct str key, int64_t now_ms, struct buf *why);
/* Makes a relay's database of a copy of such a file, and takes the key out: *key gets a reference.
 * The file is checked through and through before it is changed. ERR_SYNTAX (no sound backup),
 * ERR_NEWER, ERR_IO. */
MUST_USE enum err backup_unpack(const char *path, struct bytes **key, struct buf *why);

#endif
