#include "hub/tls.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* struct tls is an SSL_CTX and struct tls_session an SSL: there is nothing to add to them. */

static SSL_CTX *ctx_of(struct tls *t)
{
    return (SSL_CTX *)(void *)t;
}

static SSL *ssl_of(struct tls_session *s)
{
    return (SSL *)(void *)s;
}

static enum err refuse(struct buf *why, const char *what, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    buf_printf(why, "%s %s: %s", what, file, reason ? reason : "it cannot be used");
    ERR_clear_error();
    return ERR_SYNTAX;
}

/* Only HTTP/1.1 is spoken here; a client that offers nothing we know goes on without ALPN. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char http11[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_len, http11, sizeof http11 - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void configure(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
}

enum err tls_new(struct tls **out, const char *cert_file, const char *key_file, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        buf_puts(why, "OpenSSL cannot start");
        return ERR_SYNTAX;
    }
    configure(ctx);
    enum err e = OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        e = refuse(why, "the certificate", cert_file);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        e = refuse(why, "the key", key_file);
    else if (SSL_CTX_check_private_key(ctx) != 1)
        e = refuse(why, "the key does not belong to the certificate", cert_file);
    if (e) {
        SSL_CTX_free(ctx);
        return e;
    }
    signal(SIGPIPE, SIG_IGN);
    *out = (struct tls *)(void *)ctx;
    return OK;
}

void tls_free(struct tls *t)
{
    SSL_CTX_free(ctx_of(t));
}

struct tls_session *tls_accept(struct tls *t, int fd)
{
    SSL *ssl = SSL_new(ctx_of(t));
    if (!ssl)
        return NULL;
    if (SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return (struct tls_session *)(void *)ssl;
}

void tls_session_free(struct tls_session *s)
{
    SSL_free(ssl_of(s));
}

static enum tls_result result_of(SSL *ssl, int returned)
{
    int error = SSL_get_error(ssl, returned);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ)
        return TLS_WANT_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return TLS_WANT_WRITE;
    return error == SSL_ERROR_ZERO_RETURN ? TLS_END : TLS_BROKEN;
}

enum tls_result tls_handshake(struct tls_session *s)
{
    ERR_clear_error();
    int r = SSL_do_handshake(ssl_of(s));
    return r == 1 ? TLS_DONE : result_of(ssl_of(s), r);
}

enum tls_result tls_read(struct tls_session *s, void *p, size_t n, size_t *got)
{
    ERR_clear_error();
    int r = SSL_read_ex(ssl_of(s), p, n, got);
    return r == 1 ? TLS_DONE : result_of(ssl_of(s), r);
}

enum tls_result tls_write(struct tls_session *s, const void *p, size_t n, size_t *put)
{
    ERR_clear_error();
    int r = SSL_write_ex(ssl_of(s), p, n, put);
    return r == 1 ? TLS_DONE : result_of(ssl_of(s), r);
}

bool tls_pending(const struct tls_session *s)
{
    return SSL_has_pending((const SSL *)(const void *)s) == 1;
}

void tls_shutdown(struct tls_session *s)
{
    ERR_clear_error();
    SSL_shutdown(ssl_of(s));
    ERR_clear_error();
}
