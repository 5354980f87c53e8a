/* uthash, with the house's answer when memory is out (its own, exit(-1), would run the program's
 * exit handlers while other threads work), and with a keyed hash function in place of its own:
 * many keys come from strangers (names, addresses, idempotency keys), who could otherwise choose
 * ones that all fall into one bucket. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/alloc.h"
#include "base/secret.h"

#define uthash_fatal(message)       out_of_memory()
#define HASH_FUNCTION(key, n, hash) ((hash) = keyed_hash((key), (n)))
#include <uthash.h>

#endif
