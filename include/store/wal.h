/* The WAL's file, below SQLite's statements (private to the store). */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include <stdbool.h>

struct sqlite3;

/* Cuts off what stands in the WAL behind the last committed frame, and syncs it. Only while conn
 * has the write lock, and has written nothing. False when that fails. */
bool wal_cut_tail(struct sqlite3 *conn);

#endif
