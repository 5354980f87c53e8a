/* App tokens: PASETO v4.public (Ed25519) with the claims sub (space id), jti, iat and, when it
 * expires, exp; times as RFC 3339 strings, as PASETO's registered claims are. Any thread. */
#ifndef CODEC_TOKEN_H
#define CODEC_TOKEN_H

#include "base/secret.h"
#include "base/uuid.h"

#define TOKEN_MAX_BYTES 2048

/* The general form: "v4.public." payload signature ["." footer]. For the published test vectors. */
enum err paseto_sign(const struct sign_key *key, struct str message, struct str footer,
                     struct str implicit, struct buf *out);
/* message and footer get the decoded parts. ERR_SYNTAX: not a v4.public token; ERR_UNAUTHORIZED:
 * wrong signature. */
MUST_USE enum err paseto_verify(const uint8_t public_key[32], struct str token, struct str implicit,
                                struct buf *message, struct buf *footer);

struct token_parts {
    struct uuid space_id, id;
    int64_t issued_ms, expires_ms; /* expires_ms 0 = never */
};
enum err token_sign(const struct sign_key *key, const struct token_parts *parts, struct buf *out);
/* Checks form, signature and claims, not the time. ERR_UNAUTHORIZED for anything wrong. A footer is
 * refused. */
MUST_USE enum err token_verify(const uint8_t public_key[32], struct str token,
                               struct token_parts *out);

#endif
