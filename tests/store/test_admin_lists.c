/* What admins look for: requests by how they ended and when, and who did what. */
#include "support.h"

/* ---- requests ---- */

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

static struct ids list(struct bench *b, struct request_filter f)
{
    struct ids all = {0};
    if (!f.limit)
        f.limit = 64;
    assert_int_equal(reader_requests(bench_reader(b), &f, add_id, &all), OK);
    return all;
}

static struct uuid save_ended(struct bench *b, int64_t user_key, enum request_status status,
                              const char *code)
{
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 10, user_key, "{}"));
    bench_save(b, change_of_attempt(id, 1, T0));
    struct change *c = change_of_final(id, status, T0 + 1);
    str_copy(c->code, sizeof c->code, str_of(code));
    bench_save(b, c);
    return id;
}

static void requests_are_found_by_their_error_code(void **state)
{
    struct bench *b = *state;
    struct uuid first = save_ended(b, 1, REQUEST_FAILED, "poisoned");
    save_ended(b, 1, REQUEST_FAILED, "timeout");
    save_ended(b, 1, REQUEST_COMPLETED, "");
    save_ended(b, 1, REQUEST_CANCELLED, "");
    struct uuid second = save_ended(b, 2, REQUEST_FAILED, "poisoned");

    struct ids all = list(b, (struct request_filter){.error_code = STR("poisoned")});
    assert_int_equal(all.count, 2);
    assert_true(uuid_eq(all.list[0], second));
    assert_true(uuid_eq(all.list[1], first));
    all = list(b, (struct request_filter){.error_code = STR("poisoned"), .user_key = 1});
    assert_int_equal(all.count, 1);
    assert_true(uuid_eq(all.list[0], first));
    all = list(b, (struct request_filter){
                      .error_code = STR("poisoned"), .by_status = true, .status = REQUEST_FAILED});
    assert_int_equal(all.count, 2);
    all =
        list(b, (struct request_filter){
                    .error_code = STR("poisoned"), .by_status = true, .status = REQUEST_COMPLETED});
    assert_int_equal(all.count, 0);
    all = list(b, (struct request_filter){.error_code = STR("' OR 1 --")});
    assert_int_equal(all.count, 0);
}

static void every_way_into_the_list_keeps_to_its_keys(void **state)
{
    static const struct request_filter ways[] = {
        {.limit = 0},
        {.user_key = 1},
        {.space_key = 10},
        {.by_status = true, .status = REQUEST_FAILED},
        {.error_code = {"timeout", 7}},
    };
    struct bench *b = *state;
    struct uuid ids[6];
    for (size_t i = 0; i < 6; i++)
        ids[i] = save_ended(b, 1, REQUEST_FAILED, "timeout");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct request_filter f = ways[i];
        f.from_key = uuid_key(ids[1]);
        f.before_key = uuid_key(ids[4]);
        struct ids all = list(b, f);
        assert_int_equal(all.count, 3);
        for (size_t n = 0; n < 3; n++)
            assert_true(uuid_eq(all.list[n], ids[3 - n]));
    }
}

static int64_t reach(struct bench *b, struct request_filter f, uint32_t rows)
{
    int64_t key = -1;
    assert_int_equal(reader_requests_reach(bench_reader(b), &f, rows, &key), OK);
    return key;
}

static void only_a_list_without_an_index_has_an_end_of_its_reach(void **state)
{
    struct bench *b = *state;
    struct uuid ids[6];
    for (size_t i = 0; i < 6; i++)
        ids[i] = save_ended(b, 1, REQUEST_COMPLETED, "");
    const struct request_filter space = {.space_key = 10};
    const struct request_filter completed = {.by_status = true, .status = REQUEST_COMPLETED};
    assert_int_equal(reach(b, space, 3), uuid_key(ids[2]));
    assert_int_equal(reach(b, completed, 5), uuid_key(ids[0]));
    assert_int_equal(reach(b, space, 6), 0);
    assert_int_equal(
        reach(b, (struct request_filter){.space_key = 10, .before_key = uuid_key(ids[3])}, 1),
        uuid_key(ids[1]));
    assert_int_equal(
        reach(b, (struct request_filter){.space_key = 10, .from_key = uuid_key(ids[4])}, 2), 0);
    assert_int_equal(reach(b, (struct request_filter){.limit = 1}, 1), 0);
    assert_int_equal(reach(b, (struct request_filter){.space_key = 10, .user_key = 1}, 1), 0);
    assert_int_equal(
        reach(b, (struct request_filter){.by_status = true, .status = REQUEST_FAILED}, 1), 0);
}

/* ---- audit ---- */

struct rows {
    int64_t at_ms[64];
    size_t count;
};

static void add_row(void *ctx, int64_t key, const struct audit_record *a)
{
    struct rows *all = ctx;
    assert_true(key > 0 && all->count < 64);
    all->at_ms[all->count++] = a->at_ms;
}

static void add_name(void *ctx, struct str name)
{
    buf_printf(ctx, "%.*s;", STR_ARG(name));
}

static struct rows audit(struct bench *b, struct audit_filter f)
{
    struct rows all = {0};
    f.limit = 64;
    assert_int_equal(reader_audit(bench_reader(b), &f, add_row, &all), OK);
    return all;
}

static const char *const actors[] = {"ada", "Bob", "(cli)"};
static const char *const actions[] = {"login", "space.add"};
static const char *const subjects[] = {"x", "Y", "z", "ada"};

/* Row i has actor i % 3, action i % 2, subject i % 4, at T0 + i. */
static void save_rows(struct bench *b)
{
    for (size_t i = 0; i < 24; i++) {
        struct change *c = change_new(CHANGE_AUDIT);
        c->audit = STRUCT(struct audit_record, .at_ms = T0 + (int64_t)i);
        str_copy(c->audit->actor, sizeof c->audit->actor, str_of(actors[i % 3]));
        str_copy(c->audit->action, sizeof c->audit->action, str_of(actions[i % 2]));
        str_copy(c->audit->subject, sizeof c->audit->subject, str_of(subjects[i % 4]));
        bench_save(b, c);
    }
}

static void audit_answers_every_combination_of_filters(void **state)
{
    struct bench *b = *state;
    save_rows(b);
    for (size_t n = 0; n < (size_t)4 * 3 * 5 * 2 * 2; n++) {
        size_t actor = n % 4, action = n / 4 % 3, subject = n / 12 % 5;
        bool from = n / 60 % 2, before = n / 120;
        struct audit_filter f = {.from_ms = from ? T0 + 5 : 0, .before_ms = before ? T0 + 20 : 0};
        f.actor = actor ? str_of(actors[actor - 1]) : f.actor;
        f.action = action ? str_of(actions[action - 1]) : f.action;
        f.subject = subject ? str_of(subjects[subject - 1]) : f.subject;
        struct rows all = audit(b, f);
        size_t at = 0;
        for (size_t i = before ? 20 : 24; i-- > (from ? 5 : 0);) {
            if ((actor && i % 3 != actor - 1) || (action && i % 2 != action - 1) ||
                (subject && i % 4 != subject - 1))
                continue;
            assert_true(at < all.count);
            assert_int_equal(all.at_ms[at++], T0 + (int64_t)i);
        }
        assert_int_equal(at, all.count);
    }
}

static void audit_names_match_in_any_case_but_whole(void **state)
{
    struct bench *b = *state;
    save_rows(b);
    assert_int_equal(audit(b, (struct audit_filter){.actor = STR("BOB")}).count, 8);
    assert_int_equal(audit(b, (struct audit_filter){.subject = STR("y")}).count, 6);
    assert_int_equal(audit(b, (struct audit_filter){.actor = STR("bo")}).count, 0);
    assert_int_equal(audit(b, (struct audit_filter){.subject = STR("%")}).count, 0);
    assert_int_equal(audit(b, (struct audit_filter){.action = STR("LOGIN")}).count, 0);
}

static void actions_are_listed_once_each(void **state)
{
    struct bench *b = *state;
    struct buf none = BUF_INIT(1000), some = BUF_INIT(1000);
    assert_int_equal(reader_audit_actions(bench_reader(b), add_name, &none), OK);
    assert_string_equal(buf_cstr(&none), "");
    save_rows(b);
    assert_int_equal(reader_audit_actions(bench_reader(b), add_name, &some), OK);
    assert_string_equal(buf_cstr(&some), "login;space.add;");
    buf_release(&none);
    buf_release(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(requests_are_found_by_their_error_code),
        BENCH_TEST(every_way_into_the_list_keeps_to_its_keys),
        BENCH_TEST(only_a_list_without_an_index_has_an_end_of_its_reach),
        BENCH_TEST(audit_answers_every_combination_of_filters),
        BENCH_TEST(audit_names_match_in_any_case_but_whole),
        BENCH_TEST(actions_are_listed_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
