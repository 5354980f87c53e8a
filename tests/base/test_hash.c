/* Tables are as quick for keys that were chosen to make them slow as for others. */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEYS    4096
#define BUCKETS 4096
#define LONGEST 16 /* 4,096 balls in as many boxes: more than this once in some million runs */

static unsigned before[2]; /* hashes from before secret_start */

static unsigned longest_chain(const unsigned hashes[KEYS])
{
    static unsigned chains[BUCKETS];
    unsigned longest = 0;
    memset(chains, 0, sizeof chains);
    for (size_t i = 0; i < KEYS; i++) {
        unsigned *chain = &chains[hashes[i] % BUCKETS];
        longest = ++*chain > longest ? *chain : longest;
    }
    return longest;
}

static void each_process_has_its_own_hashes(void **state)
{
    (void)state;
    const uint64_t number = 7;
    assert_true(keyed_hash("a name", 6) != before[0] || keyed_hash(&number, 8) != before[1]);
    assert_int_equal(keyed_hash("a name", 6), keyed_hash("a name", 6));
    assert_int_equal(keyed_hash(&number, 8), keyed_hash(&number, 8));
}

/* x with x * factor = 1 modulo 2^64; each step doubles the bits that are right. */
static uint64_t inverse(uint64_t factor)
{
    uint64_t x = factor;
    for (int i = 0; i < 6; i++)
        x *= 2 - factor * x;
    return x;
}

/* The ith of keys that a function of fixed multiplications and folds gives one and the same hash:
 * it is taken backwards from the hash. */
static uint64_t made_to_collide(uint64_t i)
{
    uint64_t hash = (i << 32 | (i ^ 12345)) * inverse(UINT64_C(0xc4ceb9fe1a85ec53));
    hash ^= hash >> 32;
    hash *= inverse(UINT64_C(0xff51afd7ed558ccd));
    return hash ^ 8 * UINT64_C(0x9e3779b97f4a7c15);
}

static void numbers_that_were_chosen_to_collide_spread(void **state)
{
    (void)state;
    static unsigned hashes[KEYS];
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t key = made_to_collide(i + 1);
        hashes[i] = keyed_hash(&key, sizeof key);
    }
    assert_true(longest_chain(hashes) < LONGEST);
}

static void numbers_that_follow_each_other_spread(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 4096, UINT64_C(1) << 32, UINT64_C(1) << 52};
    static unsigned hashes[2][KEYS];
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        for (uint64_t i = 0; i < KEYS; i++) {
            uint64_t key[2] = {7, i * steps[s]}; /* an address and its networks */
            hashes[0][i] = keyed_hash(&key[1], sizeof key[1]);
            hashes[1][i] = keyed_hash(key, sizeof key);
        }
        assert_true(longest_chain(hashes[0]) < LONGEST);
        assert_true(longest_chain(hashes[1]) < LONGEST);
    }
}

static void names_spread(void **state)
{
    (void)state;
    static unsigned hashes[KEYS];
    for (unsigned i = 0; i < KEYS; i++) {
        char name[16];
        size_t n = (size_t)snprintf(name, sizeof name, "name %u", i);
        hashes[i] = keyed_hash(name, n);
    }
    assert_true(longest_chain(hashes) < LONGEST);
}

static void a_length_is_part_of_a_key(void **state)
{
    (void)state;
    static const char zeros[32];
    for (size_t i = 0; i < sizeof zeros; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(keyed_hash(zeros, i), keyed_hash(zeros, k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_has_its_own_hashes),
        cmocka_unit_test(numbers_that_were_chosen_to_collide_spread),
        cmocka_unit_test(numbers_that_follow_each_other_spread),
        cmocka_unit_test(names_spread),
        cmocka_unit_test(a_length_is_part_of_a_key),
    };
    const uint64_t number = 7;
    before[0] = keyed_hash("a name", 6);
    before[1] = keyed_hash(&number, 8);
    if (secret_start())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
