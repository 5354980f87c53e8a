/* A connected socket, plain or with TLS on it: bytes out, bytes in, without blocking. The client
 * library's only user of openssl/. Loop thread only. */
#ifndef CLIENT_CHANNEL_H
#define CLIENT_CHANNEL_H

#include "base/buf.h"
#include "base/err.h"

struct channel_security; /* what to trust; one for all connections of a client */

/* ca_file: PEM, NULL = the system's store. insecure: nothing is verified. ERR_IO (the file),
 * ERR_INTERNAL; why gets a sentence. */
MUST_USE enum err channel_security_new(const char *ca_file, bool insecure,
                                       struct channel_security **out, struct buf *why);
void channel_security_free(struct channel_security *s);

struct channel {
    int fd;        /* not owned */
    void *ssl;     /* NULL = plain */
    char why[200]; /* after CHANNEL_BROKEN: a sentence */
};

enum channel_result {
    CHANNEL_DONE,
    CHANNEL_WANT_READ,  /* again when the socket is readable */
    CHANNEL_WANT_WRITE, /* again when it is writable */
    CHANNEL_END,        /* the peer has closed its side */
    CHANNEL_BROKEN
};

/* s NULL = plain; else host is a name or an address, which the certificate has to be for.
 * ERR_INTERNAL. */
MUST_USE enum err channel_init(struct channel *c, int fd, struct channel_security *s,
                               const char *host);
/* Says good-bye (TLS close_notify) when it can be said at once. */
void channel_release(struct channel *c);

enum channel_result channel_handshake(struct channel *c); /* plain: DONE */
enum channel_result channel_read(struct channel *c, void *p, size_t n, size_t *got);
enum channel_result channel_write(struct channel *c, const void *p, size_t n, size_t *put);

#endif
