/* What pages read: every call, its order, filters and pages. */
#include "support.h"

#define ROWS_MAX 512

struct rows {
    struct request_row list[ROWS_MAX];
    size_t count;
};

static void add_row(void *ctx, const struct request_row *row)
{
    struct rows *all = ctx;
    assert_true(all->count < ROWS_MAX);
    all->list[all->count++] = *row;
}

static struct rows *list(struct bench *b, struct request_filter f)
{
    struct rows *all = xcalloc(1, sizeof *all);
    assert_int_equal(reader_requests(bench_reader(b), &f, add_row, all), OK);
    return all;
}

struct names {
    char list[8][SPACE_NAME_BYTES];
    size_t count;
};

static void add_name(struct names *n, const char *name)
{
    assert_true(n->count < 8);
    str_copy(n->list[n->count], sizeof n->list[0], str_of(name));
    n->count++;
}

static void add_user(void *ctx, const struct user_record *u)
{
    add_name(ctx, u->name);
}

static void add_space(void *ctx, const struct space_record *s)
{
    add_name(ctx, s->name);
}

static void add_session(void *ctx, const struct session_record *s)
{
    add_name(ctx, s->agent);
}

static void add_token(void *ctx, const struct token_record *t)
{
    add_name(ctx, t->note);
}

static void add_setting(void *ctx, const struct setting_record *s)
{
    add_name(ctx, s->name);
}

/* ---- people, spaces, tokens, settings ---- */

static void user_is_found_in_any_case(void **state)
{
    struct bench *b = *state;
    struct user_record u = {0};
    struct uuid id = bench_id(b);
    bench_save(b, change_of_user(id, "Ada"));
    assert_int_equal(reader_user(bench_reader(b), STR("aDA"), &u), OK);
    assert_true(uuid_eq(u.id, id));
    assert_string_equal(u.name, "Ada");
    assert_int_equal(u.role, ROLE_USER);
    assert_false(u.disabled);
    assert_int_equal(reader_user(bench_reader(b), STR("ad"), &u), ERR_NOT_FOUND);
    assert_int_equal(reader_user(bench_reader(b), STR("Ada\0"), &u), ERR_NOT_FOUND);
    assert_int_equal(reader_user(bench_reader(b), STR("' OR 1 --"), &u), ERR_NOT_FOUND);
    assert_string_equal(u.name, "Ada"); /* untouched */
}

static void users_come_by_name(void **state)
{
    struct bench *b = *state;
    struct names n = {0};
    bench_save(b, change_of_user(bench_id(b), "carl"));
    bench_save(b, change_of_user(bench_id(b), "Bob"));
    bench_save(b, change_of_user(bench_id(b), "ada"));
    assert_int_equal(reader_users(bench_reader(b), add_user, &n), OK);
    assert_int_equal(n.count, 3);
    assert_string_equal(n.list[0], "ada");
    assert_string_equal(n.list[1], "Bob");
    assert_string_equal(n.list[2], "carl");
}

static void save_session(struct bench *b, int64_t user_key, const char *agent, int64_t seen_ms)
{
    struct change *c = change_new(CHANGE_SESSION_PUT);
    c->session = STRUCT(struct session_record, .id = bench_id(b), .user_key = user_key,
                        .created_ms = T0, .seen_ms = seen_ms);
    str_copy(c->session->agent, sizeof c->session->agent, str_of(agent));
    bench_save(b, c);
}

static void sessions_of_one_person_newest_use_first(void **state)
{
    struct bench *b = *state;
    struct names n = {0};
    save_session(b, 1, "old", T0 + 1);
    save_session(b, 2, "other", T0 + 2);
    save_session(b, 1, "new", T0 + 3);
    assert_int_equal(reader_sessions(bench_reader(b), 1, add_session, &n), OK);
    assert_int_equal(n.count, 2);
    assert_string_equal(n.list[0], "new");
    assert_string_equal(n.list[1], "old");
}

static void space_is_found_by_id_and_name(void **state)
{
    struct bench *b = *state;
    struct space_record s = {0};
    struct uuid id = bench_id(b), other = id;
    other.b[15] ^= 1;
    bench_save(b, change_of_space(id, "Art"));
    assert_int_equal(reader_space(bench_reader(b), id, &s), OK);
    assert_string_equal(s.name, "Art");
    assert_int_equal(reader_space(bench_reader(b), other, &s), ERR_NOT_FOUND);
    assert_int_equal(reader_space(bench_reader(b), bench_id(b), &s), ERR_NOT_FOUND);
    assert_int_equal(reader_space_by_name(bench_reader(b), STR("Art"), &s), OK);
    assert_int_equal(reader_space_by_name(bench_reader(b), STR("art"), &s), ERR_NOT_FOUND);

    struct change *c = change_of_space(id, "Art");
    c->space->removed_ms = T0 + 1;
    bench_save(b, c);
    assert_int_equal(reader_space_by_name(bench_reader(b), STR("Art"), &s), ERR_NOT_FOUND);
    assert_int_equal(reader_space(bench_reader(b), id, &s), OK); /* its requests still name it */
    assert_int_equal(s.removed_ms, T0 + 1);
}

static void spaces_come_by_name_without_the_removed(void **state)
{
    struct bench *b = *state;
    struct names n = {0};
    bench_save(b, change_of_space(bench_id(b), "video"));
    bench_save(b, change_of_space(bench_id(b), "Voice"));
    bench_save(b, change_of_space(bench_id(b), "art"));
    struct change *c = change_of_space(bench_id(b), "gone");
    c->space->removed_ms = T0;
    bench_save(b, c);
    assert_int_equal(reader_spaces(bench_reader(b), add_space, &n), OK);
    assert_int_equal(n.count, 3);
    assert_string_equal(n.list[0], "art");
    assert_string_equal(n.list[1], "video");
    assert_string_equal(n.list[2], "Voice");
}

static void save_token(struct bench *b, int64_t space_key, const char *note)
{
    struct change *c = change_new(CHANGE_TOKEN_PUT);
    c->token = STRUCT(struct token_record, .id = bench_id(b), .space_key = space_key);
    str_copy(c->token->note, sizeof c->token->note, str_of(note));
    bench_save(b, c);
}

static void tokens_of_one_space_or_all_newest_first(void **state)
{
    struct bench *b = *state;
    struct names one = {0}, all = {0};
    save_token(b, 1, "first");
    save_token(b, 2, "second");
    save_token(b, 1, "third");
    assert_int_equal(reader_tokens(bench_reader(b), 1, add_token, &one), OK);
    assert_int_equal(one.count, 2);
    assert_string_equal(one.list[0], "third");
    assert_string_equal(one.list[1], "first");
    assert_int_equal(reader_tokens(bench_reader(b), 0, add_token, &all), OK);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.list[1], "second");
}

static void settings_are_listed(void **state)
{
    struct bench *b = *state;
    struct names n = {0};
    bench_save(b, change_of_setting("b", "2"));
    bench_save(b, change_of_setting("a", "1"));
    assert_int_equal(reader_settings(bench_reader(b), add_setting, &n), OK);
    assert_int_equal(n.count, 2);
    assert_string_equal(n.list[0], "a");
}

/* ---- requests ---- */

static void list_row_has_the_small_parts_and_the_prompt(void **state)
{
    struct bench *b = *state;
    struct uuid space = bench_id(b), id = bench_id(b);
    bench_save(b, change_of_space(space, "Art"));
    bench_save(b,
               change_of_request(id, uuid_key(space), 5, "{\"n\":1,\"prompt\":\"a \\\"cat\\\"\"}"));
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    struct change *c = change_of_final(id, REQUEST_FAILED, T0 + 2);
    str_copy(c->code, sizeof c->code, STR("timeout"));
    bench_save(b, c);
    c = change_of_space(space, "Old art");
    c->space->removed_ms = T0 + 3;
    bench_save(b, c);

    struct rows *rows = list(b, (struct request_filter){.limit = 10});
    assert_int_equal(rows->count, 1);
    const struct request_row *row = &rows->list[0];
    assert_true(uuid_eq(row->id, id));
    assert_int_equal(row->space_key, uuid_key(space));
    assert_int_equal(row->user_key, 5);
    assert_string_equal(row->space_name, "Old art");
    assert_string_equal(row->username, "ada");
    assert_int_equal(row->status, REQUEST_FAILED);
    assert_int_equal(row->attempt, 1);
    assert_string_equal(row->error_code, "timeout");
    assert_string_equal(row->prompt, "a \"cat\"");
    assert_int_equal(row->created_ms, T0);
    assert_int_equal(row->started_ms, T0 + 1);
    assert_int_equal(row->finished_ms, T0 + 2);
    free(rows);
}

static void prompt_is_cut_at_a_code_point(void **state)
{
    struct bench *b = *state;
    struct buf payload = BUF_INIT(10000);
    buf_puts(&payload, "{\"prompt\":\"x");
    for (size_t i = 0; i < 200; i++)
        buf_puts(&payload, "\xe2\x82\xac"); /* 1 + 3 * 99 = 298: the hundredth does not fit */
    buf_puts(&payload, "\"}");
    bench_save(b, change_of_request(bench_id(b), 1, 1, buf_cstr(&payload)));
    struct rows *rows = list(b, (struct request_filter){.limit = 10});
    assert_int_equal(strlen(rows->list[0].prompt), 298);
    assert_memory_equal(rows->list[0].prompt, buf_cstr(&payload) + strlen("{\"prompt\":\""), 298);
    assert_true(utf8_valid(rows->list[0].prompt, 298));
    free(rows);
    buf_release(&payload);
}

static void prompt_is_empty_where_it_cannot_be_had(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *payload, *prompt;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"{}", ""},
        {"[]", ""},
        {"{\"prompt\":5}", ""},
        {"{\"prompt\":null}", ""},
        {"{\"prompt\":{\"a\":\"b\"}}", ""},
        {"{\"prompt\":[\"a\"]}", ""},
        {"{\"deep\":{\"prompt\":\"no\"}}", ""},
        {"{\"prompt\":\"cut", ""},
        {"{\"n\":1,\"prompt\":\"after\"}", "after"},
        {" { \"a\" : [{\"prompt\":\"]}\"},\"x\\\"\",{}] , \"b\":null,\"prompt\" : \"walked\" } ",
         "walked"},
        {"{\"a\":\"\\\\\",\"prompt\":\"behind\"}", "behind"},
        {"{\"a\":1,\"b\":\"prompt\",\"prompt\":5}", ""},
        {"{\"a\":1,", ""},
        {"{\"a\"", ""},
        {"{\"a", ""},
        {"{", ""},
        {"{}", ""},
        {"{\"prompt\": \"spaced\"}", "spaced"},
        {"{\"prompt\":\"a\\\\b\"}", "a\\b"},
        {"no json at all", ""},
        {"{\"prompt\":\"\"}", ""},
        {"{\"prompt\":\""
         "\\u00e4\\ud83c\\udfa8\\n\"}",
         "\xc3\xa4\xf0\x9f\x8e\xa8\n"},
        {"{\"prompt\":\"before\\u0000after\"}", "before"},
        {"{\"prompt\":\"ok \\ud800 no\"}", "ok "},
        {"{\"$.prompt\":\"no\",\"prompt\":\"yes\"}", "yes"},
    };
    const size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++)
        bench_save(b, change_of_request(bench_id(b), 1, 1, cases[i].payload));
    struct rows *rows = list(b, (struct request_filter){.limit = 200});
    assert_int_equal(rows->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(rows->list[count - 1 - i].prompt, cases[i].prompt);
    free(rows);
}

static void huge_payload_is_stored_and_not_parsed_for_its_prompt(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct buf payload = BUF_INIT((size_t)1 << 24);
    buf_puts(&payload, "{\"n\":1,\"image\":\"");
    while (payload.len < (size_t)3 << 20)
        buf_puts(&payload, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    buf_puts(&payload, "\",\"prompt\":\"hi\"}");
    bench_save(b, change_of_request(id, 1, 1, buf_cstr(&payload)));
    struct rows *rows = list(b, (struct request_filter){.limit = 1});
    assert_string_equal(rows->list[0].prompt, "");
    free(rows);
    struct request_record r;
    char name[SPACE_NAME_BYTES];
    assert_int_equal(reader_request(bench_reader(b), id, &r, name), OK);
    assert_int_equal(r.payload->n, payload.len);
    assert_memory_equal(r.payload->p, buf_cstr(&payload), payload.len);
    request_record_release(&r);
    buf_release(&payload);
}

/* Twelve requests: person 1 + i % 2, space 10 + i % 3, status by i % 4. */
static void save_twelve(struct bench *b, struct uuid ids[12])
{
    for (size_t i = 0; i < 12; i++) {
        ids[i] = bench_id(b);
        bench_save(b, change_of_request(ids[i], (int64_t)(10 + i % 3), (int64_t)(1 + i % 2), "{}"));
        if (i % 4 >= 1)
            bench_save(b, change_of_attempt(ids[i], 1, T0));
        if (i % 4 >= 2)
            bench_save(b, change_of_final(
                              ids[i], i % 4 == 2 ? REQUEST_COMPLETED : REQUEST_CANCELLED, T0 + 1));
    }
}

static bool wanted(const struct request_filter *f, size_t i)
{
    static const enum request_status status[] = {REQUEST_QUEUED, REQUEST_PROCESSING,
                                                 REQUEST_COMPLETED, REQUEST_CANCELLED};
    return (!f->user_key || f->user_key == (int64_t)(1 + i % 2)) &&
           (!f->space_key || f->space_key == (int64_t)(10 + i % 3)) &&
           (!f->by_status || f->status == status[i % 4]);
}

static void lists_answer_every_combination_of_filters(void **state)
{
    struct bench *b = *state;
    struct uuid ids[12];
    save_twelve(b, ids);
    static const enum request_status statuses[] = {
        REQUEST_QUEUED, REQUEST_PROCESSING, REQUEST_COMPLETED, REQUEST_FAILED, REQUEST_CANCELLED};
    for (unsigned n = 0; n < 3 * 4 * 6 * 2; n++) {
        struct request_filter f = {.limit = 200};
        f.user_key = n % 3;
        f.space_key = n / 3 % 4 ? 9 + n / 3 % 4 : 0;
        f.by_status = n / 12 % 6 > 0;
        f.status = f.by_status ? statuses[n / 12 % 6 - 1] : REQUEST_ACCEPTING;
        size_t from = n / 72 ? 7 : 12, at = 0;
        f.before_key = n / 72 ? uuid_key(ids[7]) : 0;
        struct rows *rows = list(b, f);
        for (size_t i = from; i-- > 0;)
            if (wanted(&f, i)) {
                assert_true(at < rows->count);
                assert_true(uuid_eq(rows->list[at++].id, ids[i]));
            }
        assert_int_equal(at, rows->count);
        free(rows);
    }
}

static void pages_of_a_list_meet_without_gap_or_overlap(void **state)
{
    struct bench *b = *state;
    struct uuid ids[12];
    save_twelve(b, ids);
    struct request_filter f = {.user_key = 2, .limit = 4};
    struct rows *first = list(b, f);
    assert_int_equal(first->count, 4);
    f.before_key = uuid_key(first->list[3].id);
    struct rows *second = list(b, f);
    assert_int_equal(second->count, 2);
    assert_true(uuid_eq(first->list[3].id, ids[5]));
    assert_true(uuid_eq(second->list[0].id, ids[3]));
    assert_true(uuid_eq(second->list[1].id, ids[1]));
    free(first);
    free(second);
}

static void a_list_has_at_most_200_rows_and_one_that_tells_of_more(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 203; i++)
        store_save_give(b->store, change_of_request(bench_id(b), 1, 1, "{}"));
    bench_reopen(b);
    struct rows *rows = list(b, (struct request_filter){.limit = UINT32_MAX});
    assert_int_equal(rows->count, 201);
    free(rows);
    rows = list(b, (struct request_filter){.limit = 0});
    assert_int_equal(rows->count, 0);
    free(rows);
}

static void one_request_comes_with_the_name_of_its_space(void **state)
{
    struct bench *b = *state;
    struct uuid space = bench_id(b), id = bench_id(b), other = id;
    struct request_record r = {.lost = 99};
    char name[SPACE_NAME_BYTES] = "untouched";
    other.b[15] ^= 1;
    bench_save(b, change_of_space(space, "Art"));
    bench_save(b, change_of_request(id, uuid_key(space), 1, "{\"prompt\":\"p\"}"));
    assert_int_equal(reader_request(bench_reader(b), other, &r, name), ERR_NOT_FOUND);
    assert_int_equal(r.lost, 99);
    assert_string_equal(name, "untouched");
    assert_int_equal(reader_request(bench_reader(b), id, &r, name), OK);
    assert_string_equal(name, "Art");
    assert_bytes_equal(r.payload, "{\"prompt\":\"p\"}");
    request_record_release(&r);
}

/* ---- audit ---- */

struct audit_page {
    int64_t keys[16];
    int64_t at_ms[16];
    size_t count;
};

static void add_audit(void *ctx, int64_t key, const struct audit_record *a)
{
    struct audit_page *p = ctx;
    assert_true(p->count < 16);
    p->keys[p->count] = key;
    p->at_ms[p->count++] = a->at_ms;
}

static void audit_is_paged_newest_first(void **state)
{
    struct bench *b = *state;
    for (int64_t i = 0; i < 5; i++) {
        struct change *c = change_new(CHANGE_AUDIT);
        c->audit = STRUCT(struct audit_record, .at_ms = T0 + i, .action = "x");
        bench_save(b, c);
    }
    struct audit_page first = {0}, second = {0};
    struct audit_filter f = {.limit = 3};
    assert_int_equal(reader_audit(bench_reader(b), &f, add_audit, &first), OK);
    assert_int_equal(first.count, 3);
    assert_int_equal(first.at_ms[0], T0 + 4);
    assert_int_equal(first.at_ms[2], T0 + 2);
    f.before_key = first.keys[2];
    assert_int_equal(reader_audit(bench_reader(b), &f, add_audit, &second), OK);
    assert_int_equal(second.count, 2);
    assert_int_equal(second.at_ms[0], T0 + 1);
    assert_int_equal(second.at_ms[1], T0);
}

/* ---- readers beside the writer ---- */

static void visit_reads_more(void *ctx, const struct request_row *row)
{
    struct bench *b = ctx;
    struct request_record r;
    char name[SPACE_NAME_BYTES];
    assert_int_equal(reader_request(b->reader, row->id, &r, name), OK);
    request_record_release(&r);
}

static void a_visitor_may_use_the_reader_for_other_calls(void **state)
{
    struct bench *b = *state;
    bench_save(b, change_of_request(bench_id(b), 1, 1, "{}"));
    bench_save(b, change_of_request(bench_id(b), 1, 1, "{}"));
    const struct request_filter all = {.limit = 10};
    assert_int_equal(reader_requests(bench_reader(b), &all, visit_reads_more, b), OK);
}

static void each_call_sees_what_was_committed_before_it(void **state)
{
    struct bench *b = *state;
    struct user_record u;
    assert_int_equal(reader_user(bench_reader(b), STR("ada"), &u), ERR_NOT_FOUND);
    bench_save(b, change_of_user(bench_id(b), "ada"));
    assert_int_equal(reader_user(bench_reader(b), STR("ada"), &u), OK);
    reader_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(user_is_found_in_any_case),
        BENCH_TEST(users_come_by_name),
        BENCH_TEST(sessions_of_one_person_newest_use_first),
        BENCH_TEST(space_is_found_by_id_and_name),
        BENCH_TEST(spaces_come_by_name_without_the_removed),
        BENCH_TEST(tokens_of_one_space_or_all_newest_first),
        BENCH_TEST(settings_are_listed),
        BENCH_TEST(list_row_has_the_small_parts_and_the_prompt),
        BENCH_TEST(prompt_is_cut_at_a_code_point),
        BENCH_TEST(prompt_is_empty_where_it_cannot_be_had),
        BENCH_TEST(huge_payload_is_stored_and_not_parsed_for_its_prompt),
        BENCH_TEST(lists_answer_every_combination_of_filters),
        BENCH_TEST(pages_of_a_list_meet_without_gap_or_overlap),
        BENCH_TEST(a_list_has_at_most_200_rows_and_one_that_tells_of_more),
        BENCH_TEST(one_request_comes_with_the_name_of_its_space),
        BENCH_TEST(audit_is_paged_newest_first),
        BENCH_TEST(a_visitor_may_use_the_reader_for_other_calls),
        BENCH_TEST(each_call_sees_what_was_committed_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
