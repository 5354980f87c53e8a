#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sanitizers.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct str none = {NULL, 0};

static void random_values_differ_and_keep_their_bound(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(random_u64() != random_u64());
    assert_int_equal(random_below(0), 0);
    assert_int_equal(random_below(1), 0);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) { /* misses one of six with a chance of 1e-78 */
        uint32_t n = random_below(6);
        assert_true(n < 6);
        seen |= 1U << n;
    }
    assert_int_equal(seen, 0x3f);
}

static void a_password_verifies_and_another_does_not(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(password_hash(STR("correct horse"), hash), OK);
    assert_true(str_starts(str_of(hash), STR("$argon2id$v=19$m=65536,t=3,p=1$")));
    assert_true(password_verify(hash, STR("correct horse")));
    assert_false(password_verify(hash, STR("correct horsf")));
    assert_false(password_verify(hash, STR("correct hors")));
    assert_false(password_verify(hash, STR("correct horse\0")));
    assert_false(password_verify(hash, none));
    assert_false(password_needs_rehash(hash));
    char again[PASSWORD_HASH_BYTES];
    assert_int_equal(password_hash(STR("correct horse"), again), OK);
    assert_string_not_equal(hash, again); /* salted */
}

static void the_empty_password_is_a_password(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(password_hash(none, hash), OK);
    assert_true(password_verify(hash, STR("")));
    assert_false(password_verify(hash, STR("x")));
}

static void a_malformed_hash_verifies_nothing(void **state)
{
    (void)state;
    char long_hash[300];
    memset(long_hash, 'a', sizeof long_hash - 1);
    long_hash[sizeof long_hash - 1] = '\0';
    memcpy(long_hash, "$argon2id$v=19$m=65536,t=3,p=1$", 31);
    const char *const hashes[] = {NULL,
                                  "",
                                  "x",
                                  "$argon2id$",
                                  "$argon2id$v=19$m=65536,t=3,p=1$$",
                                  "$2b$12$abcdefghijklmnopqrstuv",
                                  long_hash};
    for (size_t i = 0; i < COUNT(hashes); i++) {
        assert_false(password_verify(hashes[i], STR("x")));
        assert_false(password_verify(hashes[i], none));
        assert_true(password_needs_rehash(hashes[i]));
    }
}

static void hashes_with_other_parameters_are_to_be_renewed(void **state)
{
    (void)state;
#define TAIL "ai/pk5CA2Un5Kd4Iqq+hew$io2qbJV4KyO8TVtoTeOM4nB4DomzuuitOfeW4jNm8bo"
    assert_false(password_needs_rehash("$argon2id$v=19$m=65536,t=3,p=1$" TAIL));
    assert_true(password_needs_rehash("$argon2id$v=19$m=65536,t=2,p=1$" TAIL));
    assert_true(password_needs_rehash("$argon2id$v=19$m=19456,t=3,p=1$" TAIL));
    assert_true(password_needs_rehash("$argon2id$v=19$m=131072,t=3,p=1$" TAIL));
    assert_true(password_needs_rehash("$argon2i$v=19$m=65536,t=3,p=1$" TAIL));
#undef TAIL
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The least of three: other work on the machine only ever adds. */
static double cost(const char *hash)
{
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        double start = cpu_seconds();
        bool ok = hash ? password_verify(hash, STR("guess")) : password_verify_nobody(STR("guess"));
        double took = cpu_seconds() - start;
        assert_false(ok);
        least = took < least ? took : least;
    }
    return least;
}

static void nobodys_password_costs_the_same_and_is_never_right(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_BYTES];
    assert_int_equal(password_hash(STR("somebody's"), hash), OK);
    double somebody = cost(hash), nobody = cost(NULL);
    assert_true(somebody > 0.005);
    assert_true(nobody > somebody / 2 && nobody < somebody * 2);
    assert_false(password_verify_nobody(none));
}

static void hashing_without_memory_is_an_error(void **state)
{
    (void)state;
    if (!ADDRESS_SPACE_CAN_BE_LIMITED)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = 48 << 20, .rlim_max = 48 << 20};
        char hash[PASSWORD_HASH_BYTES] = "untouched";
        setrlimit(RLIMIT_AS, &limit);
        bool right = password_hash(STR("x"), hash) == ERR_MEMORY && !strcmp(hash, "untouched");
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void assert_hex(const void *p, size_t n, const char *want)
{
    char text[257];
    assert_true(n <= 128);
    hex_encode(p, n, text);
    assert_string_equal(text, want);
}

static void secrets_are_hashed_with_blake2b_256(void **state)
{
    (void)state;
    struct hash abc = secret_hash(STR("abc")), empty = secret_hash(none);
    assert_hex(abc.b, 32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_hex(empty.b, 32, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    assert_true(hash_eq(abc, secret_hash(STR("abc"))));
    for (size_t i = 0; i < HASH_BYTES; i++) {
        struct hash other = abc;
        other.b[i] ^= 0x80;
        assert_false(hash_eq(abc, other));
    }
}

static void secrets_are_compared_whole(void **state)
{
    (void)state;
    assert_true(secret_eq(STR("a\0b"), STR("a\0b")));
    assert_false(secret_eq(STR("a\0b"), STR("a\0c")));
    assert_false(secret_eq(STR("a"), STR("ab")));
    assert_false(secret_eq(none, STR("a")));
    assert_true(secret_eq(none, STR("")));
}

static void a_pool_never_gives_the_same_bytes_twice(void **state)
{
    (void)state;
    struct random_pool pool = {0};
    uint64_t seen[200], ored = 0;
    for (size_t i = 0; i < 200; i++) {
        seen[i] = random_pool_u64(&pool);
        ored |= seen[i];
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
    assert_true(ored == UINT64_MAX);
}

static void a_new_secret_is_32_random_bytes_as_base64url(void **state)
{
    (void)state;
    char a[SECRET_TEXT_BYTES], b[SECRET_TEXT_BYTES];
    secret_text(a);
    secret_text(b);
    assert_string_not_equal(a, b);
    struct buf bytes = BUF_INIT(32);
    assert_int_equal(strlen(a), 43);
    assert_int_equal(base64url_decode(str_of(a), &bytes), OK);
    assert_int_equal(bytes.len, 32);
    buf_release(&bytes);
}

static void wiping_leaves_zeros(void **state)
{
    (void)state;
    char text[] = "secret";
    secret_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(text[i], 0);
    secret_wipe(NULL, 0);
}

static void sha1_gives_the_published_digests(void **state)
{
    (void)state;
    uint8_t digest[20];
    sha1("abc", 3, digest);
    assert_hex(digest, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1(NULL, 0, digest);
    assert_hex(digest, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    /* RFC 6455 section 1.3 */
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct buf accept = BUF_INIT(28);
    sha1(key, sizeof key - 1, digest);
    assert_int_equal(base64_append(&accept, digest, sizeof digest), OK);
    assert_string_equal(buf_cstr(&accept), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    buf_release(&accept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_values_differ_and_keep_their_bound),
        cmocka_unit_test(a_pool_never_gives_the_same_bytes_twice),
        cmocka_unit_test(a_password_verifies_and_another_does_not),
        cmocka_unit_test(the_empty_password_is_a_password),
        cmocka_unit_test(a_malformed_hash_verifies_nothing),
        cmocka_unit_test(hashes_with_other_parameters_are_to_be_renewed),
        cmocka_unit_test(nobodys_password_costs_the_same_and_is_never_right),
        cmocka_unit_test(hashing_without_memory_is_an_error),
        cmocka_unit_test(secrets_are_hashed_with_blake2b_256),
        cmocka_unit_test(secrets_are_compared_whole),
        cmocka_unit_test(a_new_secret_is_32_random_bytes_as_base64url),
        cmocka_unit_test(wiping_leaves_zeros),
        cmocka_unit_test(sha1_gives_the_published_digests),
    };
    if (secret_start() || secret_start()) /* a second time is fine */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
