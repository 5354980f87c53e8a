/* Paths and patterns: which route a path means, and which paths we send a browser to. Pure; any
 * thread. */
#ifndef WEB_PATH_H
#define WEB_PATH_H

#include "base/str.h"

#define PATH_ARGS_MAX  2
#define PATH_ARG_BYTES 1025

/* What a pattern's {names} stood for, decoded: valid UTF-8 without NUL. */
struct path_args {
    struct path_arg {
        struct str name; /* points into the pattern */
        char value[PATH_ARG_BYTES];
    } list[PATH_ARGS_MAX];
    size_t count;
};

/* Matches a path as it was sent (percent-encoded, without query) against a pattern: literal
 * segments, {name} for one segment that is not empty, {name...} at the end for all that remains. A
 * segment is split off before it is decoded, so an encoded slash stays inside its segment. False
 * also for bad escapes, bad UTF-8 and parts that are too long. */
bool path_match(const char *pattern, struct str path, struct path_args *args);
/* The value of {name}; "" when there is none. Borrowed from args. */
const char *path_arg(const struct path_args *args, const char *name);

/* True for a place on this site that may follow a log-in: one '/' first, then neither '/' nor '\';
 * printable ASCII only, no blank, no '\' anywhere; at most 2048 bytes. */
bool path_is_local(struct str target);

/* True for the name of a file below static/: segments of [A-Za-z0-9._-] of which none starts with a
 * dot. */
bool path_is_asset(struct str name);

#endif
