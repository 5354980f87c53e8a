/* Everything secret: random bytes, password hashes, hashes of bearer secrets, signatures, keys on
 * disk. The only user of sodium.h, and of openssl/evp.h (SHA-1, for the WebSocket handshake). Any
 * thread after secret_start. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Once, before anything else here. ERR_INTERNAL when libsodium cannot start. */
MUST_USE enum err secret_start(void);

void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
uint32_t random_below(uint32_t bound); /* uniform; 0 when bound is 0 */

/* Random bytes fetched in advance, for what needs a few of them often and is no secret (ids,
 * epochs): one system call for many. Start as {0}. One thread at a time. */
struct random_pool {
    uint8_t bytes[512];
    size_t left;
};
uint64_t random_pool_u64(struct random_pool *pool);

/* argon2id, libsodium's encoded form. Parameters: 64 MiB, 3 passes (OWASP's floor is 19 MiB and 2).
 * Takes about 100 ms and 64 MiB: web threads and the command line only, a bounded number at a time.
 */
#define PASSWORD_HASH_BYTES 128
MUST_USE enum err password_hash(struct str password, char out[PASSWORD_HASH_BYTES]);
bool password_verify(const char *hash, struct str password);
/* The same work and time as password_verify, for an account that does not exist. Always false. */
bool password_verify_nobody(struct str password);
/* True when hash was made with other parameters than today's. */
bool password_needs_rehash(const char *hash);

/* BLAKE2b-256, for looking up a bearer secret (session id, setup token) without storing it. */
#define HASH_BYTES 32
struct hash {
    uint8_t b[HASH_BYTES];
};
struct hash secret_hash(struct str s);
/* For tables in memory (base/hash.h), with keys that each process draws in its first secret_start:
 * the same bytes have another hash before it. SipHash-2-4; for 4, 8 to 20 bytes, which are numbers,
 * ids, addresses and topics and come with every message, a sum of products with secret factors: who
 * does not know them, and sees no hash, cannot choose keys that meet more often than by chance. */
uint32_t keyed_hash(const void *p, size_t n);
bool hash_eq(struct hash a, struct hash b); /* constant time */
/* Constant time for equal lengths. */
bool secret_eq(struct str a, struct str b);

/* A new random secret of 32 bytes as base64url, 43 characters and a NUL. */
#define SECRET_TEXT_BYTES 44
void secret_text(char out[SECRET_TEXT_BYTES]);

/* Ed25519. */
struct sign_key {
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t secret_key[64];
};
void sign_key_from_seed(struct sign_key *k, const uint8_t seed[32]);
void sign(const struct sign_key *k, struct str message, uint8_t signature[64]);
bool sign_verify(const uint8_t public_key[32], struct str message, const uint8_t signature[64]);
/* Reads the key from path, or makes one there with mode 0600. ERR_IO, ERR_SYNTAX; ERR_FORBIDDEN
 * when the file's mode lets others read it. */
MUST_USE enum err sign_key_load(struct sign_key *k, const char *path);
void secret_wipe(void *p, size_t n);

void sha1(const void *p, size_t n, uint8_t out[20]);

/* base64 (RFC 4648 section 4, with padding) and base64url (section 5, without). Decoding is strict:
 * no blanks, canonical padding and trailing bits. ERR_SYNTAX. */
enum err base64_append(struct buf *b, const void *p, size_t n);
enum err base64url_append(struct buf *b, const void *p, size_t n);
MUST_USE enum err base64_decode(struct str s, struct buf *out);
MUST_USE enum err base64url_decode(struct str s, struct buf *out);

#endif
