#include "client/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* struct channel_security is an SSL_CTX: there is nothing to add to it. */

static SSL_CTX *ctx_of(struct channel_security *s)
{
    return (SSL_CTX *)(void *)s;
}

static const char *tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "it cannot be used";
}

static void configure(SSL_CTX *ctx, bool insecure)
{
    static const unsigned char http11[] = "\x08http/1.1";
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_protos(ctx, http11, sizeof http11 - 1);
    SSL_CTX_set_verify(ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}

enum err channel_security_new(const char *ca_file, bool insecure, struct channel_security **out,
                              struct buf *why)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        buf_printf(why, "OpenSSL cannot start: %s", tls_reason());
        return ERR_INTERNAL;
    }
    configure(ctx, insecure);
    if (ca_file && SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        buf_printf(why, "the file of authorities %s: %s", ca_file, tls_reason());
        SSL_CTX_free(ctx);
        return ERR_IO;
    }
    if (!ca_file)
        SSL_CTX_set_default_verify_paths(ctx); /* none there: every certificate is refused later */
    *out = (struct channel_security *)(void *)ctx;
    return OK;
}

void channel_security_free(struct channel_security *s)
{
    SSL_CTX_free(ctx_of(s));
}

/* A name goes into the handshake (SNI); an address must not (RFC 6066 section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

enum err channel_init(struct channel *c, int fd, struct channel_security *s, const char *host)
{
    *c = (struct channel){.fd = fd};
    if (!s)
        return OK;
    SSL *ssl = SSL_new(ctx_of(s));
    if (!ssl)
        return ERR_INTERNAL;
    if (SSL_set_fd(ssl, fd) != 1 || !expect_host(ssl, host)) {
        SSL_free(ssl);
        return ERR_INTERNAL;
    }
    SSL_set_connect_state(ssl);
    c->ssl = ssl;
    return OK;
}

void channel_release(struct channel *c)
{
    if (!c->ssl)
        return;
    ERR_clear_error();
    if (SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    ERR_clear_error();
    SSL_free(c->ssl);
    c->ssl = NULL;
}

/* ---- plain ---- */

static enum channel_result system_result(struct channel *c, enum channel_result when_blocked)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return when_blocked;
    snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    return CHANNEL_BROKEN;
}

static enum channel_result plain_read(struct channel *c, void *p, size_t n, size_t *got)
{
    ssize_t r = recv(c->fd, p, n, 0);
    if (r < 0)
        return system_result(c, CHANNEL_WANT_READ);
    *got = (size_t)r;
    return r == 0 ? CHANNEL_END : CHANNEL_DONE;
}

static enum channel_result plain_write(struct channel *c, const void *p, size_t n, size_t *put)
{
    ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
    if (r < 0)
        return system_result(c, CHANNEL_WANT_WRITE);
    *put = (size_t)r;
    return CHANNEL_DONE;
}

/* ---- TLS ---- */

static enum channel_result tls_broken(struct channel *c)
{
    long verified = SSL_get_verify_result(c->ssl);
    if (verified != X509_V_OK && SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE)
        snprintf(c->why, sizeof c->why, "the relay's certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    else if (ERR_peek_last_error())
        snprintf(c->why, sizeof c->why, "TLS: %s", tls_reason());
    else
        snprintf(c->why, sizeof c->why, "%s", errno ? strerror(errno) : "the relay hung up");
    ERR_clear_error();
    return CHANNEL_BROKEN;
}

static enum channel_result tls_result(struct channel *c, int returned)
{
    int error = SSL_get_error(c->ssl, returned);
    if (error == SSL_ERROR_WANT_READ)
        return CHANNEL_WANT_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return CHANNEL_WANT_WRITE;
    return error == SSL_ERROR_ZERO_RETURN ? CHANNEL_END : tls_broken(c);
}

static void forget_errors(void)
{
    ERR_clear_error(); /* SSL_get_error looks at the thread's queue */
    errno = 0;
}

enum channel_result channel_handshake(struct channel *c)
{
    if (!c->ssl)
        return CHANNEL_DONE;
    forget_errors();
    int r = SSL_do_handshake(c->ssl);
    return r == 1 ? CHANNEL_DONE : tls_result(c, r);
}

enum channel_result channel_read(struct channel *c, void *p, size_t n, size_t *got)
{
    if (!c->ssl)
        return plain_read(c, p, n, got);
    forget_errors();
    int r = SSL_read_ex(c->ssl, p, n, got);
    return r == 1 ? CHANNEL_DONE : tls_result(c, r);
}

enum channel_result channel_write(struct channel *c, const void *p, size_t n, size_t *put)
{
    if (!c->ssl)
        return plain_write(c, p, n, put);
    forget_errors();
    int r = SSL_write_ex(c->ssl, p, n, put);
    return r == 1 ? CHANNEL_DONE : tls_result(c, r);
}
