/* Asks the model server whether it is there, takes the key and has the model (GET /models); of a
 * plain HTTP service only whether anything answers. Loop thread only. */
#ifndef BRIDGE_PROBE_H
#define BRIDGE_PROBE_H

#include "bridge/http.h"

struct probe;

struct probe_options {
    struct http *http;
    const char *upstream; /* the server's base URL without a slash at its end */
    const char *key;      /* NULL = none */
    const char *model;    /* NULL: name what there is */
    bool plain;           /* any HTTP service */
    /* The verdict, a sentence for the operator (with the address); words are borrowed. From the
     * loop; the probe is freed after it. */
    void (*told)(void *owner, bool good, const char *words);
    void *owner;
};

/* Borrows the strings until the verdict. NULL when libcurl cannot. */
struct probe *probe_new(const struct probe_options *options);
void probe_free(struct probe *p); /* without a verdict; NULL is fine */

#endif
