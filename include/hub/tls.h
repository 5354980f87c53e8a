/* TLS for streams: one server context, one session a connection, non-blocking over a file
 * descriptor. The only user of openssl/ssl.h. TLS 1.2 and newer; no compression, no renegotiation.
 * Hub thread only. */
#ifndef HUB_TLS_H
#define HUB_TLS_H

#include "base/buf.h"
#include "base/err.h"

struct tls;
struct tls_session;

enum tls_result {
    TLS_DONE,
    TLS_WANT_READ,  /* again when the descriptor is readable */
    TLS_WANT_WRITE, /* again when it is writable, with the same bytes */
    TLS_END,        /* the peer sends no more */
    TLS_BROKEN
};

/* Reads certificate chain and key (PEM). SIGPIPE is ignored from here on: OpenSSL writes without
 * MSG_NOSIGNAL. ERR_SYNTAX: why gets a sentence. */
MUST_USE enum err tls_new(struct tls **out, const char *cert_file, const char *key_file,
                          struct buf *why);
void tls_free(struct tls *t);

/* The server's end of one connection; fd stays the caller's. NULL when memory is out. */
struct tls_session *tls_accept(struct tls *t, int fd);
void tls_session_free(struct tls_session *s);
enum tls_result tls_handshake(struct tls_session *s);
/* TLS_DONE: *got > 0 bytes were read. */
enum tls_result tls_read(struct tls_session *s, void *p, size_t n, size_t *got);
/* TLS_DONE: *put > 0 bytes were taken. After TLS_WANT_WRITE the same bytes must come again (at any
 * place, more may follow them). */
enum tls_result tls_write(struct tls_session *s, const void *p, size_t n, size_t *put);
/* True when a read would find bytes although the descriptor has none. */
bool tls_pending(const struct tls_session *s);
/* Says that no more will be written. */
void tls_shutdown(struct tls_session *s);

#endif
