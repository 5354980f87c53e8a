/* uthash, with the house's answer when memory is out. Its own, exit(-1), would run the program's
 * exit handlers while other threads work. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/alloc.h"

#define uthash_fatal(message) out_of_memory()
#include <uthash.h>

#endif
