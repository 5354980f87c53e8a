#include "codec/token.h"

#include "base/clock.h"
#include "codec/json.h"

#include <string.h>

/* PASETO v4.public: https://github.com/paseto-standard/paseto-spec, Version4 and Common. */

#define SIGNATURE_BYTES 64
static const struct str header = {"v4.public.", 10};

/* Bytes with their length before them, as a 64-bit little-endian number without its top bit. */
static void put_piece(struct buf *b, struct str piece)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)piece.n >> (8 * i));
    buf_append(b, length, sizeof length);
    buf_str_append(b, piece);
}

/* Pre-authentication encoding of header, message, footer and implicit assertion: what is signed. */
static enum err encode_pieces(struct str message, struct str footer, struct str implicit,
                              struct buf *out)
{
    static const uint8_t count[8] = {4};
    buf_append(out, count, sizeof count);
    put_piece(out, header);
    put_piece(out, message);
    put_piece(out, footer);
    put_piece(out, implicit);
    return out->failed;
}

enum err paseto_sign(const struct sign_key *key, struct str message, struct str footer,
                     struct str implicit, struct buf *out)
{
    struct buf pieces = BUF_INIT(SIZE_MAX), body = BUF_INIT(SIZE_MAX);
    uint8_t signature[SIGNATURE_BYTES];
    enum err e = encode_pieces(message, footer, implicit, &pieces);
    if (e)
        goto out;
    sign(key, buf_str(&pieces), signature);
    buf_str_append(&body, message);
    e = buf_append(&body, signature, sizeof signature);
    if (e)
        goto out;
    buf_str_append(out, header);
    base64url_append(out, buf_str(&body).p, body.len);
    if (footer.n) {
        buf_putc(out, '.');
        base64url_append(out, footer.p, footer.n);
    }
    e = out->failed;
out:
    buf_release(&pieces);
    buf_release(&body);
    return e;
}

/* Splits a token into message and signature (body) and footer, decoded. */
static enum err take_apart(struct str token, struct buf *body, struct buf *footer)
{
    if (!str_starts(token, header))
        return ERR_SYNTAX;
    struct str first, second;
    token = str_slice(token.p + header.n, token.n - header.n);
    bool has_footer = str_split(token, '.', &first, &second);
    if (has_footer && second.n == 0) /* an empty footer has no dot */
        return ERR_SYNTAX;
    enum err e = base64url_decode(first, body);
    if (!e)
        e = base64url_decode(second, footer);
    if (!e && body->len < SIGNATURE_BYTES)
        e = ERR_SYNTAX;
    return e;
}

enum err paseto_verify(const uint8_t public_key[32], struct str token, struct str implicit,
                       struct buf *message, struct buf *footer)
{
    struct buf pieces = BUF_INIT(SIZE_MAX), body = BUF_INIT(SIZE_MAX), foot = BUF_INIT(SIZE_MAX);
    enum err e = take_apart(token, &body, &foot);
    if (e)
        goto out;
    struct str signed_part = str_slice(buf_str(&body).p, body.len - SIGNATURE_BYTES);
    const char *signature = signed_part.p + signed_part.n;
    e = encode_pieces(signed_part, buf_str(&foot), implicit, &pieces);
    if (e)
        goto out;
    if (!sign_verify(public_key, buf_str(&pieces), (const uint8_t *)signature)) {
        e = ERR_UNAUTHORIZED;
        goto out;
    }
    size_t before = message->len;
    e = buf_str_append(message, signed_part);
    if (!e)
        e = buf_str_append(footer, buf_str(&foot));
    if (e)
        message->len = before;
out:
    buf_release(&pieces);
    buf_release(&body);
    buf_release(&foot);
    return e;
}

static void put_claim(struct buf *b, const char *before, const char *value)
{
    buf_puts(b, before);
    buf_json_string(b, str_of(value));
}

enum err token_sign(const struct sign_key *key, const struct token_parts *parts, struct buf *out)
{
    struct buf claims = BUF_INIT(TOKEN_MAX_BYTES);
    char id[UUID_TEXT_BYTES], at[RFC3339_BYTES];
    uuid_format(parts->space_id, id);
    put_claim(&claims, "{\"sub\":", id);
    uuid_format(parts->id, id);
    put_claim(&claims, ",\"jti\":", id);
    rfc3339_format(parts->issued_ms, at);
    put_claim(&claims, ",\"iat\":", at);
    if (parts->expires_ms) {
        rfc3339_format(parts->expires_ms, at);
        put_claim(&claims, ",\"exp\":", at);
    }
    buf_putc(&claims, '}');
    enum err e = claims.failed;
    if (!e)
        e = paseto_sign(key, buf_str(&claims), STR(""), STR(""), out);
    buf_release(&claims);
    return e;
}

static bool claim_id(const struct json_t *claims, const char *name, struct uuid *out)
{
    struct str text;
    return json_to_str(json_at(claims, name), &text) && !uuid_parse(text, out);
}

static bool claim_time(const struct json_t *claims, const char *name, int64_t *out)
{
    struct str text;
    return json_to_str(json_at(claims, name), &text) && !rfc3339_parse(text, out);
}

static bool read_claims(const struct json_t *claims, struct token_parts *out)
{
    struct token_parts parts = {0};
    if (!claim_id(claims, "sub", &parts.space_id) || !claim_id(claims, "jti", &parts.id) ||
        !claim_time(claims, "iat", &parts.issued_ms))
        return false;
    /* 0 would read as "never", so nothing may expire then. */
    if (json_at(claims, "exp") &&
        (!claim_time(claims, "exp", &parts.expires_ms) || parts.expires_ms <= 0))
        return false;
    *out = parts;
    return true;
}

enum err token_verify(const uint8_t public_key[32], struct str token, struct token_parts *out)
{
    struct buf message = BUF_INIT(TOKEN_MAX_BYTES), footer = BUF_INIT(TOKEN_MAX_BYTES);
    struct json_t *claims = NULL;
    enum err e = ERR_UNAUTHORIZED;
    if (token.n <= TOKEN_MAX_BYTES &&
        !paseto_verify(public_key, token, STR(""), &message, &footer) && footer.len == 0 &&
        !json_parse(buf_str(&message), &claims, NULL) && read_claims(claims, out))
        e = OK;
    json_free(claims);
    buf_release(&message);
    buf_release(&footer);
    return e;
}
