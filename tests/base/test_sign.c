#include "base/secret.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void from_hex(const char *hex, void *out, size_t n)
{
    assert_int_equal(hex_decode(str_of(hex), out, n), OK);
}

static const struct {
    const char *seed, *public_key, *message, *signature;
} rfc8032[] = {
    /* section 7.1, tests 1, 2 and 3 */
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void ed25519_gives_the_signatures_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rfc8032); i++) {
        uint8_t seed[32], public_key[32], want[64], signature[64], message[2];
        size_t n = strlen(rfc8032[i].message) / 2;
        from_hex(rfc8032[i].seed, seed, 32);
        from_hex(rfc8032[i].public_key, public_key, 32);
        from_hex(rfc8032[i].signature, want, 64);
        from_hex(rfc8032[i].message, message, n);
        struct sign_key k;
        sign_key_from_seed(&k, seed);
        assert_memory_equal(k.seed, seed, 32);
        assert_memory_equal(k.public_key, public_key, 32);
        struct str text = str_slice((const char *)message, n);
        sign(&k, text, signature);
        assert_memory_equal(signature, want, 64);
        assert_true(sign_verify(public_key, text, signature));
    }
}

/* PASETO's pre-authentication encoding (Common.md), for the test vector only. */
static void append_pae(struct buf *b, const struct str *pieces, uint8_t count)
{
    buf_putc(b, (char)count);
    buf_append(b, "\0\0\0\0\0\0\0", 7);
    for (uint8_t i = 0; i < count; i++) {
        for (int shift = 0; shift < 64; shift += 8)
            buf_putc(b, (char)(uint8_t)((uint64_t)pieces[i].n >> shift));
        buf_str_append(b, pieces[i]);
    }
}

static void paseto_v4_public_vector_verifies(void **state)
{
    (void)state;
    /* 4-S-1 of the published test vectors */
    static const char token[] =
        "eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wM"
        "VQwMDowMDowMCswMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQ"
        "V-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA";
    uint8_t seed[32], signature[64];
    from_hex("b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774", seed, 32);
    struct sign_key k;
    sign_key_from_seed(&k, seed);
    struct buf body = BUF_INIT(1000), signed_bytes = BUF_INIT(1000);
    assert_int_equal(base64url_decode(str_of(token), &body), OK);
    struct str payload = str_slice(buf_str(&body).p, body.len - 64);
    assert_true(str_eq(payload, STR("{\"data\":\"this is a signed message\","
                                    "\"exp\":\"2022-01-01T00:00:00+00:00\"}")));
    append_pae(&signed_bytes, (struct str[]){STR("v4.public."), payload, STR(""), STR("")}, 4);
    sign(&k, buf_str(&signed_bytes), signature);
    assert_memory_equal(signature, payload.p + payload.n, 64);
    assert_true(sign_verify(k.public_key, buf_str(&signed_bytes), signature));
    buf_release(&body);
    buf_release(&signed_bytes);
}

static void any_changed_bit_breaks_the_signature(void **state)
{
    (void)state;
    uint8_t seed[32] = {7}, signature[64];
    char message[] = "hello";
    struct str text = str_slice(message, 5);
    struct sign_key k, other;
    sign_key_from_seed(&k, seed);
    seed[0] = 8;
    sign_key_from_seed(&other, seed);
    sign(&k, text, signature);
    assert_true(sign_verify(k.public_key, text, signature));
    assert_false(sign_verify(other.public_key, text, signature));
    assert_false(sign_verify(k.public_key, str_slice(message, 4), signature));
    assert_false(sign_verify(k.public_key, str_slice(NULL, 0), signature));
    for (size_t bit = 0; bit < 512; bit++) {
        signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(sign_verify(k.public_key, text, signature));
        signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < 40; bit++) {
        message[bit / 8] = (char)(message[bit / 8] ^ 1 << bit % 8);
        assert_false(sign_verify(k.public_key, text, signature));
        message[bit / 8] = (char)(message[bit / 8] ^ 1 << bit % 8);
    }
}

/* A folder for each test; the key's path in it. */
struct place {
    char folder[64], path[80];
};

static int place_make(void **state)
{
    static struct place p;
    snprintf(p.folder, sizeof p.folder, "/tmp/test_sign.XXXXXX");
    if (!mkdtemp(p.folder))
        return -1;
    snprintf(p.path, sizeof p.path, "%s/key", p.folder);
    *state = &p;
    return 0;
}

static int place_remove(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    rmdir(p->path);
    return rmdir(p->folder); /* fails when something was left behind */
}

static void write_key_file(const struct place *p, const char *content, size_t n, mode_t mode)
{
    unlink(p->path);
    FILE *f = fopen(p->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(p->path, mode), 0);
}

static int files_in(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

#define SEED_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void a_missing_key_is_made_once_and_kept(void **state)
{
    struct place *p = *state;
    static const mode_t masks[] = {0, 022, 0777};
    for (size_t i = 0; i < COUNT(masks); i++) {
        struct sign_key first, second;
        struct stat st;
        unlink(p->path);
        mode_t before = umask(masks[i]);
        enum err e = sign_key_load(&first, p->path);
        umask(before);
        assert_int_equal(e, OK);
        assert_int_equal(sign_key_load(&second, p->path), OK);
        assert_memory_equal(&first, &second, sizeof first);
        assert_int_equal(stat(p->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(files_in(p->folder), 1);
    }
}

static void every_new_key_is_another(void **state)
{
    struct place *p = *state;
    struct sign_key first, second;
    assert_int_equal(sign_key_load(&first, p->path), OK);
    unlink(p->path);
    assert_int_equal(sign_key_load(&second, p->path), OK);
    assert_memory_not_equal(first.seed, second.seed, 32);
}

static void a_relative_path_is_fine(void **state)
{
    struct place *p = *state;
    struct sign_key first, second;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(p->folder), 0);
    enum err e = sign_key_load(&first, "key");
    assert_int_equal(chdir(before), 0);
    assert_int_equal(e, OK);
    assert_int_equal(sign_key_load(&second, p->path), OK);
    assert_memory_equal(&first, &second, sizeof first);
}

static void the_file_holds_the_seed_in_hex(void **state)
{
    struct place *p = *state;
    struct sign_key k, want;
    uint8_t seed[32];
    from_hex(SEED_HEX, seed, 32);
    sign_key_from_seed(&want, seed);
    write_key_file(p, SEED_HEX "\n", 65, 0600);
    assert_int_equal(sign_key_load(&k, p->path), OK);
    assert_memory_equal(&k, &want, sizeof k);
    write_key_file(p, SEED_HEX "\n", 65, 0400);
    assert_int_equal(sign_key_load(&k, p->path), OK);
}

static void assert_refused(const struct place *p, enum err want)
{
    struct sign_key k, before;
    memset(&k, 0x5a, sizeof k);
    before = k;
    assert_int_equal(sign_key_load(&k, p->path), want);
    assert_memory_equal(&k, &before, sizeof k);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    struct place *p = *state;
    static const mode_t modes[] = {0640, 0604, 0644, 0620, 0602, 0610, 0666};
    for (size_t i = 0; i < COUNT(modes); i++) {
        write_key_file(p, SEED_HEX "\n", 65, modes[i]);
        assert_refused(p, ERR_FORBIDDEN);
    }
}

static void a_damaged_key_is_refused_and_not_replaced(void **state)
{
    struct place *p = *state;
    static const struct str contents[] = {
        {"", 0},
        {SEED_HEX, 64},
        {SEED_HEX "\n\n", 66},
        {SEED_HEX "\n", 64 - 1},
        {SEED_HEX "\r\n", 66},
        {SEED_HEX " ", 65},
        {"g" SEED_HEX "\n", 65},
        {"0x" SEED_HEX "\n", 67},
    };
    for (size_t i = 0; i < COUNT(contents); i++) {
        struct stat st;
        write_key_file(p, contents[i].p, contents[i].n, 0600);
        assert_refused(p, ERR_SYNTAX);
        assert_int_equal(stat(p->path, &st), 0);
        assert_int_equal(st.st_size, contents[i].n);
    }
}

static void what_cannot_be_a_file_is_an_error(void **state)
{
    struct place *p = *state;
    struct sign_key k;
    assert_int_equal(mkdir(p->path, 0700), 0);
    assert_refused(p, ERR_IO);
    assert_int_equal(rmdir(p->path), 0);
    assert_int_equal(mkfifo(p->path, 0600), 0); /* and it does not wait for a writer */
    assert_refused(p, ERR_IO);
    assert_int_equal(sign_key_load(&k, "/nonexistent/folder/key"), ERR_IO);
    assert_int_equal(sign_key_load(&k, ""), ERR_IO);
    char long_path[5000];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(sign_key_load(&k, long_path), ERR_IO);
}

static void a_full_disk_leaves_no_half_key(void **state)
{
    struct place *p = *state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes <= 64; bytes += 32) {
        struct sign_key k;
        limit = before;
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum err e = sign_key_load(&k, p->path);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(e, ERR_IO);
        assert_int_equal(files_in(p->folder), 0);
    }
    signal(SIGXFSZ, SIG_DFL);
}

struct loader {
    const char *path;
    struct sign_key key;
    enum err e;
};

static void *load(void *arg)
{
    struct loader *l = arg;
    l->e = sign_key_load(&l->key, l->path);
    return NULL;
}

static void two_that_make_it_at_once_get_the_same_key(void **state)
{
    struct place *p = *state;
    enum { THREADS = 8 };
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        struct loader loaders[THREADS];
        for (int i = 0; i < THREADS; i++) {
            loaders[i] = (struct loader){.path = p->path};
            assert_int_equal(pthread_create(&threads[i], NULL, load, &loaders[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(loaders[i].e, OK);
            assert_memory_equal(loaders[i].key.seed, loaders[0].key.seed, 32);
        }
        assert_int_equal(files_in(p->folder), 1);
        unlink(p->path);
    }
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ed25519_gives_the_signatures_of_rfc_8032),
        cmocka_unit_test(paseto_v4_public_vector_verifies),
        cmocka_unit_test(any_changed_bit_breaks_the_signature),
        IN_A_FOLDER(a_missing_key_is_made_once_and_kept),
        IN_A_FOLDER(every_new_key_is_another),
        IN_A_FOLDER(a_relative_path_is_fine),
        IN_A_FOLDER(the_file_holds_the_seed_in_hex),
        IN_A_FOLDER(a_key_that_others_may_read_is_refused),
        IN_A_FOLDER(a_damaged_key_is_refused_and_not_replaced),
        IN_A_FOLDER(what_cannot_be_a_file_is_an_error),
        IN_A_FOLDER(a_full_disk_leaves_no_half_key),
        IN_A_FOLDER(two_that_make_it_at_once_get_the_same_key),
    };
    if (secret_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
