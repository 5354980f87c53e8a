#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_PASSES       3
#define PASSWORD_MEMORY_BYTES (64U * 1024 * 1024)

_Static_assert(PASSWORD_HASH_BYTES == crypto_pwhash_STRBYTES, "libsodium's encoded form");
_Static_assert(HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

#define TABLE_WORDS 5 /* of 4 bytes: a topic's name has so many */

/* The one thing here that is neither const nor hangs from anything: uthash hands its function the
 * bytes of a key and nothing else. Set once, before there are threads. */
static struct {
    bool drawn;
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint64_t factors[TABLE_WORDS], plus[TABLE_WORDS + 1];
} tables = {.factors = {0x9e3779b97f4a7c15U, 0xff51afd7ed558ccdU, 0xc4ceb9fe1a85ec53U,
                        0xd6e8feb86659fd93U, 0xa0761d6478bd642fU}};

enum err secret_start(void)
{
    if (sodium_init() < 0)
        return ERR_INTERNAL;
    if (!tables.drawn) {
        random_bytes(tables.key, sizeof tables.key);
        random_bytes(tables.factors, sizeof tables.factors);
        random_bytes(tables.plus, sizeof tables.plus);
        tables.drawn = true;
    }
    return OK;
}

/* The upper half of a sum of products with random factors is strongly universal: any two keys meet
 * with the chance of two dice (Lemire and Kaser, "Strongly universal string hashing is fast"). What
 * follows is reversible, so it stays so, and keys in a row lose their pattern. */
static uint32_t hash_words(const void *p, size_t count)
{
    const char *at = p;
    uint64_t sum = tables.plus[count];
    for (size_t i = 0; i < count; i++, at += 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        sum += tables.factors[i] * word;
    }
    uint32_t hash = (uint32_t)(sum >> 32);
    hash = (hash ^ hash >> 16) * 0x85ebca6bU;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
    return hash ^ hash >> 16;
}

uint32_t keyed_hash(const void *p, size_t n)
{
    uint64_t hash;
    if (n % 4 == 0 && n <= TABLE_WORDS * 4 && n)
        return hash_words(p, n / 4);
    crypto_shorthash((uint8_t *)&hash, p, n, tables.key);
    return (uint32_t)hash;
}

void random_bytes(void *p, size_t n)
{
    randombytes_buf(p, n);
}

uint64_t random_u64(void)
{
    uint64_t value;
    randombytes_buf(&value, sizeof value);
    return value;
}

uint64_t random_pool_u64(struct random_pool *pool)
{
    uint64_t value;
    if (pool->left < sizeof value) {
        randombytes_buf(pool->bytes, sizeof pool->bytes);
        pool->left = sizeof pool->bytes;
    }
    pool->left -= sizeof value;
    memcpy(&value, pool->bytes + pool->left, sizeof value);
    return value;
}

uint32_t random_below(uint32_t bound)
{
    return randombytes_uniform(bound);
}

enum err password_hash(struct str password, char out[PASSWORD_HASH_BYTES])
{
    char hash[PASSWORD_HASH_BYTES];
    if (crypto_pwhash_str_alg(hash, password.n ? password.p : "", password.n, PASSWORD_PASSES,
                              PASSWORD_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return ERR_MEMORY;
    memcpy(out, hash, sizeof hash);
    return OK;
}

bool password_verify(const char *hash, struct str password)
{
    char whole[PASSWORD_HASH_BYTES]; /* libsodium asks for all these bytes */
    return str_copy(whole, sizeof whole, str_of(hash)) &&
           crypto_pwhash_str_verify(whole, password.n ? password.p : "", password.n) == 0;
}

bool password_verify_nobody(struct str password)
{
    /* A real hash of 32 random bytes that were thrown away, with the parameters above. */
    static const char hash[] = "$argon2id$v=19$m=65536,t=3,p=1$ai/pk5CA2Un5Kd4Iqq+hew$"
                               "io2qbJV4KyO8TVtoTeOM4nB4DomzuuitOfeW4jNm8bo";
    (void)password_verify(hash, password);
    return false;
}

bool password_needs_rehash(const char *hash)
{
    char whole[PASSWORD_HASH_BYTES];
    /* libsodium compares the numbers, but would be content with argon2i. */
    return !str_copy(whole, sizeof whole, str_of(hash)) ||
           !str_starts(str_of(hash), str_of(crypto_pwhash_argon2id_STRPREFIX)) ||
           crypto_pwhash_str_needs_rehash(whole, PASSWORD_PASSES, PASSWORD_MEMORY_BYTES) != 0;
}

struct hash secret_hash(struct str s)
{
    struct hash h;
    crypto_generichash(h.b, sizeof h.b, (const unsigned char *)s.p, s.n, NULL, 0);
    return h;
}

bool hash_eq(struct hash a, struct hash b)
{
    return sodium_memcmp(a.b, b.b, sizeof a.b) == 0;
}

bool secret_eq(struct str a, struct str b)
{
    return a.n == b.n && sodium_memcmp(a.p, b.p, a.n) == 0;
}

void secret_text(char out[SECRET_TEXT_BYTES])
{
    uint8_t random[32];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(out, SECRET_TEXT_BYTES, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

void sha1(const void *p, size_t n, uint8_t out[20])
{
    unsigned bytes = 0;
    int done = EVP_Digest(p, n, out, &bytes, EVP_sha1(), NULL);
    assert(done == 1 && bytes == 20);
}

void sign_key_from_seed(struct sign_key *k, const uint8_t seed[32])
{
    memmove(k->seed, seed, sizeof k->seed);
    crypto_sign_seed_keypair(k->public_key, k->secret_key, k->seed);
}

void sign(const struct sign_key *k, struct str message, uint8_t signature[64])
{
    crypto_sign_detached(signature, NULL, (const unsigned char *)message.p, message.n,
                         k->secret_key);
}

bool sign_verify(const uint8_t public_key[32], struct str message, const uint8_t signature[64])
{
    return crypto_sign_verify_detached(signature, (const unsigned char *)message.p, message.n,
                                       public_key) == 0;
}

/* The key file: the seed as 64 hex digits and a line feed. */
#define KEY_FILE_BYTES 65

/* ERR_NOT_FOUND when there is no file; otherwise as sign_key_load. */
static enum err key_file_read(struct sign_key *k, const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    struct stat st;
    char text[KEY_FILE_BYTES + 1]; /* one more, to see that nothing follows */
    uint8_t seed[32];
    ssize_t n = 0;
    enum err e = OK;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        e = ERR_IO;
    else if (st.st_mode & (S_IRWXG | S_IRWXO))
        e = ERR_FORBIDDEN;
    else if ((n = read(fd, text, sizeof text)) < 0)
        e = ERR_IO;
    else if (n != KEY_FILE_BYTES || text[KEY_FILE_BYTES - 1] != '\n')
        e = ERR_SYNTAX;
    else
        e = hex_decode(str_slice(text, KEY_FILE_BYTES - 1), seed, sizeof seed);
    if (!e)
        sign_key_from_seed(k, seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    close(fd);
    return e;
}

/* A new file with a new seed, on disk when this returns. */
static enum err key_file_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    uint8_t seed[32];
    char text[KEY_FILE_BYTES + 1];
    randombytes_buf(seed, sizeof seed);
    hex_encode(seed, sizeof seed, text);
    text[KEY_FILE_BYTES - 1] = '\n';
    bool ok = fchmod(fd, 0600) == 0 && write(fd, text, KEY_FILE_BYTES) == KEY_FILE_BYTES &&
              fsync(fd) == 0;
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    return close(fd) == 0 && ok ? OK : ERR_IO;
}

static enum err folder_sync(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? str_dup(str_slice(path, slash == path ? 1 : (size_t)(slash - path)))
                         : str_dup(STR("."));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return ERR_IO;
    bool ok = fsync(fd) == 0;
    return close(fd) == 0 && ok ? OK : ERR_IO;
}

/* Written whole under another name, then linked: path is never half a key, and never replaces
 * another process's. */
static enum err key_file_make(const char *path)
{
    struct buf name = BUF_INIT(4096);
    buf_printf(&name, "%s.%016" PRIx64, path, random_u64());
    if (name.failed) {
        buf_release(&name);
        return ERR_IO;
    }
    const char *new_path = buf_cstr(&name);
    enum err e = key_file_write(new_path);
    if (!e && link(new_path, path) < 0 && errno != EEXIST)
        e = ERR_IO;
    unlink(new_path);
    if (!e)
        e = folder_sync(path);
    buf_release(&name);
    return e;
}

enum err sign_key_load(struct sign_key *k, const char *path)
{
    enum err e = key_file_read(k, path);
    if (e != ERR_NOT_FOUND)
        return e;
    e = key_file_make(path);
    if (!e)
        e = key_file_read(k, path);
    return e == ERR_NOT_FOUND ? ERR_IO : e;
}

static enum err append_encoded(struct buf *b, const uint8_t *p, size_t n, int variant)
{
    char *room, text[1025];
    enum err e = buf_reserve(b, sodium_base64_encoded_len(n, variant) - 1, &room);
    if (e)
        return e;
    /* In pieces of whole groups: libsodium also writes a NUL, for which there may be no room. */
    for (size_t piece; n > 0; p += piece, n -= piece) {
        piece = n < 768 ? n : 768;
        sodium_bin2base64(text, sizeof text, p, piece, variant);
        buf_puts(b, text);
    }
    sodium_memzero(text, sizeof text);
    return b->failed;
}

enum err base64_append(struct buf *b, const void *p, size_t n)
{
    return append_encoded(b, p, n, sodium_base64_VARIANT_ORIGINAL);
}

enum err base64url_append(struct buf *b, const void *p, size_t n)
{
    return append_encoded(b, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* digits: the length of s without padding. libsodium refuses what else is not canonical. */
static enum err append_decoded(struct buf *out, struct str s, size_t digits, int variant)
{
    if (digits % 4 == 1)
        return ERR_SYNTAX;
    /* libsodium 1.0.18 reads each byte from 0x80 as the digit 63. */
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return ERR_SYNTAX;
    size_t want = digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0), got = 0;
    char *room;
    enum err e = buf_reserve(out, want, &room);
    if (e)
        return e;
    if (sodium_base642bin((unsigned char *)room, want, s.n ? s.p : "", s.n, NULL, &got, NULL,
                          variant) != 0 ||
        got != want)
        return ERR_SYNTAX;
    buf_commit(out, want);
    return OK;
}

enum err base64_decode(struct str s, struct buf *out)
{
    size_t digits = s.n;
    while (digits > 0 && s.n - digits < 2 && s.p[digits - 1] == '=')
        digits--;
    return append_decoded(out, s, digits, sodium_base64_VARIANT_ORIGINAL);
}

enum err base64url_decode(struct str s, struct buf *out)
{
    return append_decoded(out, s, s.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
