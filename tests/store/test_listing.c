/* The lists of requests beside their table: whatever is listed already, and whatever is not. */
#include "loaded.h"

#include "store/check.h"
#include "store/listing.h"
#include "store/parts.h"
#include "store/state.h"

static void list_all(struct bench *b)
{
    assert_int_equal(listing_catch_up(&b->store->listing, b->store->db), OK);
}

static struct uuid save_request(struct bench *b)
{
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    return id;
}

static void finish(struct bench *b, struct uuid id, enum request_status status)
{
    struct change *c = change_of_final(id, status, T0 + 1000);
    str_copy(c->code, sizeof c->code, status == REQUEST_FAILED ? STR("timeout") : STR(""));
    bench_save(b, c);
}

static void retain(struct bench *b, int64_t before_ms)
{
    struct change *c = change_new(CHANGE_RETENTION);
    c->at_ms = before_ms;
    bench_save(b, c);
}

struct ids {
    struct uuid list[64];
    size_t count;
};

static void add_id(void *ctx, const struct request_row *row)
{
    struct ids *all = ctx;
    assert_true(all->count < 64);
    all->list[all->count++] = row->id;
}

static struct ids list_by_status(struct bench *b, enum request_status status)
{
    struct ids all = {0};
    const struct request_filter f = {.by_status = true, .status = status, .limit = 64};
    assert_int_equal(reader_requests(bench_reader(b), &f, add_id, &all), OK);
    return all;
}

/* Of seven: the first and fourth ended before they were listed, the second and fifth after, the
 * sixth and seventh are not listed, of which the sixth has ended. */
static void save_seven(struct bench *b, struct uuid ids[7], enum request_status end)
{
    for (size_t i = 0; i < 5; i++)
        ids[i] = save_request(b);
    finish(b, ids[0], end);
    finish(b, ids[3], end);
    list_all(b);
    finish(b, ids[1], end);
    finish(b, ids[4], end);
    ids[5] = save_request(b);
    ids[6] = save_request(b);
    finish(b, ids[5], end);
}

static void a_start_finds_the_unfinished_in_their_order(void **state)
{
    struct bench *b = *state;
    struct uuid ids[7];
    save_seven(b, ids, REQUEST_COMPLETED);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 2);
    assert_true(uuid_eq(l->requests[0].id, ids[2]));
    assert_true(uuid_eq(l->requests[1].id, ids[6]));
    loaded_free(l);
    finish(b, ids[2], REQUEST_COMPLETED); /* by what the new process knows of the lists */
    list_all(b);
    l = restart_and_load(b);
    assert_int_equal(l->request_count, 1);
    assert_true(uuid_eq(l->requests[0].id, ids[6]));
    loaded_free(l);
}

/* What came after it with a lower key would be in no list, and not after them. */
static void a_start_goes_on_from_what_was_listed_last(void **state)
{
    struct bench *b = *state;
    struct uuid id = save_request(b);
    finish(b, id, REQUEST_COMPLETED);
    list_all(b);
    struct change *c = change_new(CHANGE_REQUEST_REMOVE);
    c->id = id;
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->last_key, uuid_key(id));
    loaded_free(l);
}

static void unfinished_requests_are_found(void **state)
{
    struct bench *b = *state;
    struct uuid ids[7];
    save_seven(b, ids, REQUEST_COMPLETED);
    struct ids queued = list_by_status(b, REQUEST_QUEUED);
    assert_int_equal(queued.count, 2);
    assert_true(uuid_eq(queued.list[0], ids[6]));
    assert_true(uuid_eq(queued.list[1], ids[2]));
    assert_int_equal(list_by_status(b, REQUEST_PROCESSING).count, 0);
    bench_save(b, change_of_attempt(ids[2], 1, T0));
    bench_save(b, change_of_attempt(ids[6], 1, T0));
    assert_int_equal(list_by_status(b, REQUEST_PROCESSING).count, 2);
    assert_int_equal(list_by_status(b, REQUEST_QUEUED).count, 0);
}

static void bad_ends_are_found(void **state)
{
    static const enum request_status ends[] = {REQUEST_FAILED, REQUEST_CANCELLED};
    struct bench *b = *state;
    struct uuid ids[7];
    for (size_t i = 0; i < 2; i++) {
        save_seven(b, ids, ends[i]);
        struct ids bad = list_by_status(b, ends[i]);
        assert_int_equal(bad.count, 5);
        assert_true(uuid_eq(bad.list[0], ids[5]));
        assert_true(uuid_eq(bad.list[1], ids[4]));
        assert_true(uuid_eq(bad.list[2], ids[3]));
        assert_true(uuid_eq(bad.list[3], ids[1]));
        assert_true(uuid_eq(bad.list[4], ids[0]));
    }
}

static int64_t rows_in(struct bench *b, const char *count)
{
    struct query *q = db_query(b->store->db, count);
    int64_t rows = query_row(q) ? column_i64(q) : -1;
    assert_int_equal(query_end(q), OK);
    return rows;
}

static void retention_finds_what_ended_before_and_after_it_was_listed(void **state)
{
    struct bench *b = *state;
    struct uuid ids[7];
    save_seven(b, ids, REQUEST_FAILED);
    retain(b, T0 + 1000);
    assert_int_equal(rows_in(b, "SELECT count(*) FROM request"), 7);
    retain(b, T0 + 1001);
    assert_int_equal(rows_in(b, "SELECT count(*) FROM request"), 2);
    assert_int_equal(list_by_status(b, REQUEST_QUEUED).count, 2);
    assert_int_equal(rows_in(b, "SELECT count(*) FROM listed_request"), 2);
    assert_int_equal(rows_in(b, "SELECT count(*) FROM bad_end"), 0);
}

/* Rows that a hand or damage has left: one of nothing, one that says of an unfinished request that
 * it has ended. */
static void retention_goes_by_the_table_where_a_list_is_wrong(void **state)
{
    struct bench *b = *state;
    struct uuid ids[7];
    save_seven(b, ids, REQUEST_COMPLETED);
    assert_int_equal(db_exec(b->store->db, "INSERT INTO listed_request VALUES (1, 7);"
                                           "UPDATE listed_request SET finished_ms = 2"
                                           " WHERE finished_ms = 0"),
                     OK);
    retain(b, T0 + 1001);
    assert_int_equal(rows_in(b, "SELECT count(*) FROM request"), 2);
}

/* ---- whatever happens, whenever it is listed ---- */

static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

static void no_finding_about_rows(struct bench *b)
{
    struct findings f = {0};
    atomic_bool never = false;
    store_check(store_path(b->store), T0 + 10000, &never, &f);
    assert_true(f.count > 0);
    for (size_t i = 0; i < f.count; i++)
        if (f.list[i].level != FINDING_OK)
            fail_msg("%s", f.list[i].message);
    findings_release(&f);
}

static void take_a_step(struct bench *b, uint64_t *seed, int64_t space, int64_t user)
{
    static const enum request_status ends[] = {REQUEST_COMPLETED, REQUEST_FAILED,
                                               REQUEST_CANCELLED};
    struct ids open = list_by_status(b, REQUEST_QUEUED);
    struct uuid *one = open.count ? &open.list[chance(seed, (uint32_t)open.count)] : NULL;
    switch (chance(seed, 8)) {
    case 0:
        list_all(b);
        break;
    case 1:
        bench_reopen(b);
        break;
    case 2:
        retain(b, T0 + chance(seed, 2000));
        break;
    case 3:
    case 4:
    case 5:
        if (one) {
            bench_save(b, change_of_final(*one, ends[chance(seed, 3)], T0 + chance(seed, 2000)));
            break;
        } /* fallthrough */
    default:
        bench_save(b, change_of_request(bench_id(b), space, user, "{}"));
    }
}

static void lists_agree_with_the_table_whatever_happens(void **state)
{
    struct bench *b = *state;
    struct uuid space = bench_id(b), user = bench_id(b);
    uint64_t seed = 1;
    bench_save(b, change_of_space(space, "demo"));
    bench_save(b, change_of_user(user, "ada"));
    for (size_t i = 0; i < 400; i++) {
        take_a_step(b, &seed, uuid_key(space), uuid_key(user));
        if (i % 10 == 0)
            no_finding_about_rows(b);
    }
    size_t unfinished = (size_t)rows_in(b, "SELECT count(*) FROM request WHERE status = 'queued'");
    assert_int_equal(list_by_status(b, REQUEST_QUEUED).count, unfinished);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_start_finds_the_unfinished_in_their_order),
        BENCH_TEST(a_start_goes_on_from_what_was_listed_last),
        BENCH_TEST(unfinished_requests_are_found),
        BENCH_TEST(bad_ends_are_found),
        BENCH_TEST(retention_finds_what_ended_before_and_after_it_was_listed),
        BENCH_TEST(retention_goes_by_the_table_where_a_list_is_wrong),
        BENCH_TEST(lists_agree_with_the_table_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
