/* What changes of requests leave behind, seen by a reader and after a restart. */
#include "loaded.h"

#include "store/db.h"
#include "store/listing.h"
#include "store/state.h"

struct attempts {
    struct attempt_record list[8];
    size_t count;
};

static void add_attempt(void *ctx, const struct attempt_record *a)
{
    struct attempts *all = ctx;
    assert_true(all->count < 8);
    all->list[all->count++] = *a;
}

/* The request as a reader sees it; the caller releases it. */
static struct request_record read_request(struct bench *b, struct uuid id)
{
    struct request_record r = {0};
    char space_name[SPACE_NAME_BYTES];
    assert_int_equal(reader_request(bench_reader(b), id, &r, space_name), OK);
    return r;
}

static struct attempts read_attempts(struct bench *b, struct uuid id)
{
    struct attempts all = {0};
    assert_int_equal(reader_attempts(bench_reader(b), id, add_attempt, &all), OK);
    return all;
}

static void new_request_is_stored_whole(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct change *c = change_of_request(id, 11, 22, "{\"prompt\":\"hi\",\"n\":1e400}");
    c->request->turn = UINT64_MAX - 1;
    c->request->lost = 1;
    c->request->waived = 2;
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 1);
    const struct request_record *r = &l->requests[0];
    assert_true(uuid_eq(r->id, id));
    assert_int_equal(r->space_key, 11);
    assert_int_equal(r->user_key, 22);
    assert_string_equal(r->username, "ada");
    assert_int_equal(r->status, REQUEST_QUEUED);
    assert_int_equal(r->attempt, 0);
    assert_int_equal(r->lost, 1);
    assert_int_equal(r->waived, 2);
    assert_true(r->turn == UINT64_MAX - 1);
    assert_bytes_equal(r->payload, "{\"prompt\":\"hi\",\"n\":1e400}");
    assert_null(r->text);
    assert_null(r->result);
    assert_null(r->usage);
    assert_null(r->error_message);
    assert_string_equal(r->error_code, "");
    assert_int_equal(r->created_ms, T0);
    assert_int_equal(r->started_ms, 0);
    assert_int_equal(r->finished_ms, 0);
    loaded_free(l);
}

static void accepting_request_is_stored_as_queued(void **state)
{
    struct bench *b = *state;
    struct change *c = change_of_request(bench_id(b), 1, 1, "{}");
    c->request->status = REQUEST_ACCEPTING;
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 1);
    assert_int_equal(l->requests[0].status, REQUEST_QUEUED);
    loaded_free(l);
}

static struct change *change_of_return(struct uuid id, uint32_t attempt, int64_t at_ms)
{
    struct change *c = change_new(CHANGE_REQUEST_QUEUED);
    c->id = id;
    c->attempt = attempt;
    c->at_ms = at_ms;
    str_copy(c->code, sizeof c->code, STR("app_lost"));
    return c;
}

static void attempt_makes_it_processing_and_keeps_the_first_start(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    struct change *c = change_of_attempt(id, 1, T0 + 100);
    c->message = text("mock-app 1.0, 127.0.0.1");
    bench_save(b, c);
    bench_save(b, change_of_text(id, 0, "half of"));
    bench_save(b, change_of_return(id, 1, T0 + 150));
    bench_save(b, change_of_attempt(id, 2, T0 + 200));

    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_PROCESSING);
    assert_int_equal(r.attempt, 2);
    assert_int_equal(r.started_ms, T0 + 100);
    assert_null(r.text);
    request_record_release(&r);
    struct attempts all = read_attempts(b, id);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.list[0].attempt, 1);
    assert_string_equal(all.list[0].app, "mock-app 1.0, 127.0.0.1");
    assert_int_equal(all.list[0].started_ms, T0 + 100);
    assert_int_equal(all.list[0].ended_ms, T0 + 150);
    assert_string_equal(all.list[0].outcome, "app_lost");
    assert_int_equal(all.list[1].attempt, 2);
    assert_string_equal(all.list[1].app, "");
    assert_int_equal(all.list[1].started_ms, T0 + 200);
    assert_int_equal(all.list[1].ended_ms, 0);
    assert_string_equal(all.list[1].outcome, "");
}

static void new_request_may_come_with_its_first_attempt(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct change *c = change_of_request(id, 1, 1, "{}");
    c->request->status = REQUEST_PROCESSING;
    c->request->attempt = c->attempt = 1;
    c->request->started_ms = c->at_ms = T0 + 100;
    c->id = id;
    c->message = text("mock-app 1.0, 127.0.0.1");
    bench_save(b, c);
    struct attempts all = read_attempts(b, id);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.list[0].attempt, 1);
    assert_string_equal(all.list[0].app, "mock-app 1.0, 127.0.0.1");
    assert_int_equal(all.list[0].started_ms, T0 + 100);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 1);
    assert_int_equal(l->requests[0].status, REQUEST_PROCESSING);
    assert_int_equal(l->requests[0].attempt, 1);
    assert_int_equal(l->requests[0].started_ms, T0 + 100);
    loaded_free(l);
}

/* A text of n bytes in quotes. */
static struct bytes *quoted(size_t n)
{
    struct buf b = BUF_INIT((size_t)1 << 20);
    while (b.len < n)
        buf_putc(&b, 'q');
    b.data[0] = b.data[n - 1] = '"';
    struct bytes *made = bytes_new(buf_str(&b));
    buf_release(&b);
    return made;
}

/* 900 bytes is what stands in a row; sizes on both sides of it, and one part large beside small
 * ones. */
static void parts_of_every_size_come_back(void **state)
{
    struct bench *b = *state;
    static const size_t sizes[][4] = {
        {2, 2, 2, 2},    {900, 900, 900, 900}, {901, 901, 901, 901}, {2, 2, 2, 5000},
        {5000, 2, 2, 2}, {2, 5000, 2, 2},      {2, 2, 5000, 2},      {899, 40000, 40000, 899}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct uuid id = bench_id(b);
        struct change *c = change_of_request(id, 1, 1, "{}");
        bytes_unref(c->request->payload);
        c->request->payload = quoted(sizes[i][0]);
        bench_save(b, c);
        bench_save(b, change_of_attempt(id, 1, T0));
        c = change_of_final(id, REQUEST_COMPLETED, T0);
        bytes_unref(c->result);
        bytes_unref(c->usage);
        bytes_unref(c->message);
        c->usage = quoted(sizes[i][1]);
        c->message = quoted(sizes[i][2]);
        c->result = quoted(sizes[i][3]);
        bench_save(b, c);
        struct request_record r = read_request(b, id);
        assert_int_equal(r.payload->n, sizes[i][0]);
        assert_int_equal(r.usage->n, sizes[i][1]);
        assert_int_equal(r.error_message->n, sizes[i][2]);
        assert_int_equal(r.result->n, sizes[i][3]);
        assert_int_equal(r.result->p[sizes[i][3] - 1], '"');
        request_record_release(&r);
    }
}

static void usage_that_comes_later_takes_the_place_of_what_was_there(void **state)
{
    struct bench *b = *state;
    static const size_t sizes[][2] = {{2, 3}, {2, 5000}, {5000, 3}, {5000, 5001}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct uuid id = bench_id(b);
        bench_save(b, change_of_request(id, 1, 1, "{}"));
        for (size_t k = 0; k < 2; k++) {
            struct change *c = change_new(CHANGE_REQUEST_USAGE);
            c->id = id;
            c->usage = quoted(sizes[i][k]);
            bench_save(b, c);
        }
        struct request_record r = read_request(b, id);
        assert_int_equal(r.usage->n, sizes[i][1]);
        request_record_release(&r);
    }
}

static void long_app_description_is_cut_at_a_code_point(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct buf name = BUF_INIT(1000);
    buf_putc(&name, 'x');
    for (size_t i = 0; i < 100; i++)
        buf_puts(&name, "\xc3\xa4");
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    struct change *c = change_of_attempt(id, 1, T0);
    c->message = bytes_new(buf_str(&name));
    bench_save(b, c);
    struct attempts all = read_attempts(b, id);
    assert_int_equal(strlen(all.list[0].app), 127);
    assert_memory_equal(all.list[0].app, buf_cstr(&name), 127);
    buf_release(&name);
}

static void requeued_request_loses_its_text_and_ends_the_attempt(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    bench_save(b, change_of_text(id, 0, "half"));
    struct change *c = change_of_return(id, 1, T0 + 2);
    c->lost = 1;
    c->waived = 3;
    bench_save(b, c);

    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_QUEUED);
    assert_int_equal(r.attempt, 1);
    assert_int_equal(r.lost, 1);
    assert_int_equal(r.waived, 3);
    assert_null(r.text);
    request_record_release(&r);
    struct attempts all = read_attempts(b, id);
    assert_int_equal(all.count, 1);
    assert_string_equal(all.list[0].outcome, "app_lost");
    assert_int_equal(all.list[0].ended_ms, T0 + 2);

    /* Cancelled while it waits: the attempt's end is not told anew. */
    bench_save(b, change_of_final(id, REQUEST_CANCELLED, T0 + 3));
    all = read_attempts(b, id);
    assert_string_equal(all.list[0].outcome, "app_lost");
    assert_int_equal(all.list[0].ended_ms, T0 + 2);
}

static void text_is_appended_and_survives_a_restart(void **state)
{
    struct bench *b = *state;
    struct uuid other = bench_id(b), id = bench_id(b);
    bench_save(b, change_of_request(other, 1, 1, "{}"));
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_attempt(id, 1, T0));
    bench_save(b, change_of_text(id, 0, "Gr\xc3"));
    bench_save(b, change_of_text(id, 3, "\xbc\xc3\x9f"));
    bench_save(b, change_of_text(id, 6, "e"));
    bench_save(b, change_of_text(id, 7, ""));
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 2);
    assert_true(uuid_eq(l->requests[0].id, other));
    assert_null(l->requests[0].text);
    assert_int_equal(l->requests[1].status, REQUEST_PROCESSING);
    assert_bytes_equal(l->requests[1].text, "Gr\xc3\xbc\xc3\x9f"
                                            "e");
    loaded_free(l);
}

static void text_at_an_offset_replaces_what_comes_after_it(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_text(id, 0, "abcdef"));
    bench_save(b, change_of_text(id, 6, "ghi"));
    bench_save(b, change_of_text(id, 9, "jkl"));
    bench_save(b, change_of_text(id, 4, "EF"));
    struct request_record r = read_request(b, id);
    assert_bytes_equal(r.text, "abcdEF");
    request_record_release(&r);
    bench_save(b, change_of_text(id, 2, "C"));
    r = read_request(b, id);
    assert_bytes_equal(r.text, "abC");
    request_record_release(&r);
    bench_save(b, change_of_text(id, 0, "z"));
    r = read_request(b, id);
    assert_bytes_equal(r.text, "z");
    request_record_release(&r);
}

static void text_after_a_gap_does_not_count(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_text(id, 5, "later"));
    struct request_record r = read_request(b, id);
    assert_null(r.text);
    request_record_release(&r);
    bench_save(b, change_of_text(id, 0, "abc"));
    bench_save(b, change_of_text(id, 4, "gap"));
    r = read_request(b, id);
    assert_bytes_equal(r.text, "abc");
    request_record_release(&r);
}

static void text_may_hold_nul_bytes(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    struct change *c = change_of_text(id, 0, "");
    bytes_unref(c->text);
    c->text = bytes_new(str_slice("a\0b", 3));
    bench_save(b, c);
    bench_save(b, change_of_text(id, 3, "c"));
    struct request_record r = read_request(b, id);
    assert_int_equal(r.text->n, 4);
    assert_memory_equal(r.text->p, "a\0bc", 5);
    request_record_release(&r);
}

static void final_change_completes_everything(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{\"prompt\":\"p\"}"));
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    bench_save(b, change_of_text(id, 0, "Hello, "));
    struct change *c = change_of_final(id, REQUEST_COMPLETED, T0 + 9);
    c->offset = 7;
    c->text = text("world");
    c->result = text("{\"answer\":1.00}");
    c->usage = text("{\"total_tokens\":3}");
    bench_save(b, c);

    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_COMPLETED);
    assert_int_equal(r.attempt, 1);
    assert_bytes_equal(r.payload, "{\"prompt\":\"p\"}");
    assert_bytes_equal(r.text, "Hello, world");
    assert_bytes_equal(r.result, "{\"answer\":1.00}");
    assert_bytes_equal(r.usage, "{\"total_tokens\":3}");
    assert_null(r.error_message);
    assert_string_equal(r.error_code, "");
    assert_int_equal(r.started_ms, T0 + 1);
    assert_int_equal(r.finished_ms, T0 + 9);
    request_record_release(&r);
    struct attempts all = read_attempts(b, id);
    assert_string_equal(all.list[0].outcome, "completed");
    assert_int_equal(all.list[0].ended_ms, T0 + 9);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 0);
    loaded_free(l);
}

static void failure_keeps_its_code_sentence_and_partial_text(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    bench_save(b, change_of_text(id, 0, "part"));
    struct change *c = change_of_final(id, REQUEST_FAILED, T0 + 9);
    str_copy(c->code, sizeof c->code, STR("app_error"));
    c->message = text("out of VRAM");
    bench_save(b, c);
    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_FAILED);
    assert_string_equal(r.error_code, "app_error");
    assert_bytes_equal(r.error_message, "out of VRAM");
    assert_bytes_equal(r.text, "part");
    assert_null(r.result);
    request_record_release(&r);
    assert_string_equal(read_attempts(b, id).list[0].outcome, "app_error");
}

static void cancelling_is_stored_as_cancelled_and_takes_late_usage(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    struct change *c = change_of_final(id, REQUEST_CANCELLING, T0 + 9);
    c->message = text("by the person");
    bench_save(b, c);
    c = change_new(CHANGE_REQUEST_USAGE);
    c->id = id;
    c->usage = text("{\"total_tokens\":8}");
    bench_save(b, c);
    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_CANCELLED);
    assert_bytes_equal(r.usage, "{\"total_tokens\":8}");
    assert_bytes_equal(r.error_message, "by the person");
    request_record_release(&r);
    assert_string_equal(read_attempts(b, id).list[0].outcome, "cancelled");
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 0);
    loaded_free(l);
}

static void changes_of_unknown_requests_fail(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b), other = id;
    other.b[15] ^= 1;
    bench_save(b, change_of_request(id, 1, 1, "{}"));
    struct change *queued = change_new(CHANGE_REQUEST_QUEUED);
    queued->id = other;
    struct change *const changes[] = {change_of_attempt(other, 1, T0), queued,
                                      change_of_text(other, 0, "x"),
                                      change_of_final(other, REQUEST_FAILED, T0)};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        assert_int_equal(store_save_now(b->store, changes[i]), ERR_STORE_UNAVAILABLE);
    /* Usage may come after the request was removed. */
    struct change *usage = change_new(CHANGE_REQUEST_USAGE);
    usage->id = other;
    usage->usage = text("{}");
    bench_save(b, usage);
    struct request_record r = read_request(b, id);
    assert_int_equal(r.status, REQUEST_QUEUED);
    assert_null(r.text);
    assert_null(r.usage);
    request_record_release(&r);
}

static void unfinished_requests_load_in_the_order_of_their_keys(void **state)
{
    struct bench *b = *state;
    struct uuid ids[4];
    for (size_t i = 0; i < 4; i++)
        ids[i] = bench_id(b);
    static const size_t order[] = {2, 0, 3, 1};
    for (size_t i = 0; i < 4; i++)
        bench_save(b, change_of_request(ids[order[i]], 1, 1, "{}"));
    bench_save(b, change_of_attempt(ids[1], 1, T0));
    bench_save(b, change_of_final(ids[2], REQUEST_CANCELLED, T0));
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->request_count, 3);
    assert_true(uuid_eq(l->requests[0].id, ids[0]));
    assert_true(uuid_eq(l->requests[1].id, ids[1]));
    assert_true(uuid_eq(l->requests[2].id, ids[3]));
    loaded_free(l);
}

/* ---- retention ---- */

static void count_request(void *ctx, const struct request_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
}

static size_t count_requests(struct bench *b)
{
    size_t count = 0;
    const struct request_filter all = {.limit = 200};
    assert_int_equal(reader_requests(bench_reader(b), &all, count_request, &count), OK);
    return count;
}

static void retain(struct bench *b, int64_t before_ms)
{
    struct change *c = change_new(CHANGE_RETENTION);
    c->at_ms = before_ms;
    bench_save(b, c);
}

static void retention_removes_what_finished_before(void **state)
{
    struct bench *b = *state;
    struct uuid old = bench_id(b), young = bench_id(b), open = bench_id(b);
    const struct uuid ids[] = {old, young, open};
    for (size_t i = 0; i < 3; i++) {
        bench_save(b, change_of_request(ids[i], 1, 1, "{}"));
        bench_save(b, change_of_attempt(ids[i], 1, T0 + 1));
        bench_save(b, change_of_text(ids[i], 0, "text"));
    }
    struct change *c = change_of_final(old, REQUEST_COMPLETED, T0 + 1000);
    c->result = text("{}");
    bench_save(b, c);
    bench_save(b, change_of_final(young, REQUEST_FAILED, T0 + 2000));
    retain(b, T0 + 1000); /* not before it */
    assert_int_equal(count_requests(b), 3);
    retain(b, 0);
    retain(b, -1);
    assert_int_equal(count_requests(b), 3);
    retain(b, T0 + 1001);
    assert_int_equal(count_requests(b), 2);

    struct request_record r;
    char name[SPACE_NAME_BYTES];
    assert_int_equal(reader_request(bench_reader(b), old, &r, name), ERR_NOT_FOUND);
    assert_int_equal(read_attempts(b, old).count, 0);
    r = read_request(b, young);
    assert_bytes_equal(r.text, "text");
    request_record_release(&r);
    /* Nothing of it is left: a request of the same id starts empty. */
    bench_save(b, change_of_request(old, 1, 1, "{}"));
    r = read_request(b, old);
    assert_null(r.text);
    assert_null(r.result);
    request_record_release(&r);
    retain(b, T0 + 1000000);
    assert_int_equal(count_requests(b), 2);
}

/* A row of another table whose request is gone. */
static int64_t orphans(struct bench *b)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM chunk WHERE request_key NOT IN (SELECT key FROM request))"
        " + (SELECT count(*) FROM attempt WHERE request_key NOT IN (SELECT key FROM request))"
        " + (SELECT count(*) FROM payload WHERE key NOT IN (SELECT key FROM request))"
        " + (SELECT count(*) FROM result WHERE key NOT IN (SELECT key FROM request))"
        " + (SELECT count(*) FROM idempotency WHERE request_key NOT IN (SELECT key FROM request))"
        " + (SELECT count(*) FROM person_request WHERE request_key NOT IN"
        " (SELECT key FROM request))"
        " + (SELECT count(*) FROM listed_request WHERE request_key NOT IN"
        " (SELECT key FROM request))"
        " + (SELECT count(*) FROM bad_end WHERE request_key NOT IN (SELECT key FROM request))";
    struct db *db = NULL;
    struct buf why = BUF_INIT(1000);
    char path[200];
    snprintf(path, sizeof path, "%s/%s", b->dir, STORE_FILE);
    assert_int_equal(db_open(&db, path, DB_READER, &why), OK);
    struct query *q = db_query(db, sql);
    int64_t count = query_row(q) ? column_i64(q) : -1;
    assert_int_equal(query_end(q), OK);
    db_close(db);
    buf_release(&why);
    return count;
}

static void remove_request(struct bench *b, struct uuid id)
{
    struct change *c = change_new(CHANGE_REQUEST_REMOVE);
    c->id = id;
    bench_save(b, c);
}

static void a_finished_request_is_removed_and_no_other(void **state)
{
    struct bench *b = *state;
    struct uuid done = bench_id(b), other = bench_id(b), open = bench_id(b);
    const struct uuid ids[] = {done, other, open};
    for (size_t i = 0; i < 3; i++) {
        bench_save(b, change_of_request(ids[i], 1, 1, "{}"));
        bench_save(b, change_of_attempt(ids[i], 1, T0 + 1));
        bench_save(b, change_of_text(ids[i], 0, "text"));
    }
    bench_save(b, change_of_final(done, REQUEST_COMPLETED, T0 + 1000));
    bench_save(b, change_of_final(other, REQUEST_FAILED, T0 + 1000));
    remove_request(b, open); /* is left alone, and */
    remove_request(b, bench_id(b));
    assert_int_equal(count_requests(b), 3);
    remove_request(b, done);
    remove_request(b, done);
    assert_int_equal(count_requests(b), 2);

    struct request_record r;
    char name[SPACE_NAME_BYTES];
    assert_int_equal(reader_request(bench_reader(b), done, &r, name), ERR_NOT_FOUND);
    assert_int_equal(read_attempts(b, done).count, 0);
    assert_int_equal(orphans(b), 0);
    r = read_request(b, other);
    assert_bytes_equal(r.text, "text");
    request_record_release(&r);
}

static struct change *change_of_finished_request(struct bench *b, size_t result_bytes)
{
    struct buf json = BUF_INIT(result_bytes + 16);
    struct change *c = change_of_request(bench_id(b), 1, 1, "{}");
    buf_putc(&json, '"');
    for (size_t i = 0; i < result_bytes; i += 10)
        buf_puts(&json, "0123456789");
    buf_putc(&json, '"');
    c->request->status = REQUEST_COMPLETED;
    c->request->finished_ms = T0 + 1;
    c->request->result = bytes_new(buf_str(&json));
    buf_release(&json);
    return c;
}

static void retention_goes_in_small_steps(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 51; i++)
        bench_save(b, change_of_finished_request(b, 10));
    retain(b, T0 + 100000);
    assert_int_equal(count_requests(b), 1);
    retain(b, T0 + 100000);
    assert_int_equal(count_requests(b), 0);
}

/* 1 MiB or a single larger one: what is overwritten goes through the WAL. */
static void retention_takes_few_large_requests_in_a_step(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < 4; i++)
        bench_save(b, change_of_finished_request(b, 3000000));
    for (size_t i = 0; i < 8; i++)
        bench_save(b, change_of_finished_request(b, 300000));
    for (size_t left = 12; left > 8; left--) {
        assert_int_equal(count_requests(b), left);
        retain(b, T0 + 100000);
    }
    retain(b, T0 + 100000);
    assert_in_range(count_requests(b), 3, 5);
}

static void retention_says_when_there_is_more_to_remove(void **state)
{
    struct bench *b = *state;
    struct answers *a = answers_new();
    struct change *c;
    for (size_t i = 0; i < 101; i++)
        store_save_give(b->store, change_of_finished_request(b, 10));
    bench_reopen(b);
    start_store(b, a);
    for (size_t i = 0; i < 4; i++) {
        store_save_give(b->store, numbered(change_of_setting("a", "1"), 1));
        c = change_new(CHANGE_RETENTION);
        c->at_ms = T0 + 100000;
        store_save_give(b->store, c);
        answers_wait(a, 2 * i + 2);
        assert_false(a->list[2 * i].more);
        assert_int_equal(a->list[2 * i + 1].more, i < 2);
    }
    bench_close(b);
    answers_free(a);
}

/* With rows in all tables: parts that do not fit the request's own row, and two attempts. */
static void save_with_everything(struct bench *b, struct uuid id)
{
    char large[2000];
    snprintf(large, sizeof large, "{\"prompt\":\"%01800d\"}", 7);
    struct change *c = change_of_request(id, 1, 1, large);
    c->idempotency = STRUCT(struct idempotency_record, .request_id = id, .user_key = 1);
    bench_save(b, c);
    bench_save(b, change_of_attempt(id, 1, T0 + 1));
    c = change_new(CHANGE_REQUEST_QUEUED);
    c->id = id;
    bench_save(b, c);
    bench_save(b, change_of_attempt(id, 2, T0 + 1));
    bench_save(b, change_of_text(id, 0, "some"));
    bench_save(b, change_of_text(id, 4, "text"));
    c = change_of_final(id, REQUEST_COMPLETED, T0 + 1000);
    c->result = text(large);
    bench_save(b, c);
}

static void retention_leaves_no_row_behind(void **state)
{
    struct bench *b = *state;
    struct uuid keeps = bench_id(b);
    save_with_everything(b, keeps);
    struct change *c = change_of_final(keeps, REQUEST_COMPLETED, T0 + 1000000);
    c->attempt = 2;
    bench_save(b, c);
    for (int i = 0; i < 10; i++)
        save_with_everything(b, bench_id(b));
    assert_int_equal(listing_catch_up(&b->store->listing, b->store->db), OK);
    assert_int_equal(orphans(b), 0);
    retain(b, T0 + 100000);
    assert_int_equal(count_requests(b), 1);
    assert_int_equal(orphans(b), 0);
    assert_int_equal(read_attempts(b, keeps).count, 2);
    bench_close(b);
}

static void retention_goes_by_the_end_of_a_request_and_not_by_its_key(void **state)
{
    struct bench *b = *state;
    struct uuid ahead = uuid_next(&b->gen, T0 + 1000000000, 1), after = bench_id(b);
    bench_save(b, change_of_request(ahead, 1, 1, "{}"));
    bench_save(b, change_of_request(after, 1, 1, "{}"));
    bench_save(b, change_of_final(after, REQUEST_COMPLETED, T0 + 1000));
    retain(b, T0 + 2000);
    assert_int_equal(count_requests(b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(new_request_is_stored_whole),
        BENCH_TEST(accepting_request_is_stored_as_queued),
        BENCH_TEST(parts_of_every_size_come_back),
        BENCH_TEST(usage_that_comes_later_takes_the_place_of_what_was_there),
        BENCH_TEST(new_request_may_come_with_its_first_attempt),
        BENCH_TEST(attempt_makes_it_processing_and_keeps_the_first_start),
        BENCH_TEST(long_app_description_is_cut_at_a_code_point),
        BENCH_TEST(requeued_request_loses_its_text_and_ends_the_attempt),
        BENCH_TEST(text_is_appended_and_survives_a_restart),
        BENCH_TEST(text_at_an_offset_replaces_what_comes_after_it),
        BENCH_TEST(text_after_a_gap_does_not_count),
        BENCH_TEST(text_may_hold_nul_bytes),
        BENCH_TEST(final_change_completes_everything),
        BENCH_TEST(failure_keeps_its_code_sentence_and_partial_text),
        BENCH_TEST(cancelling_is_stored_as_cancelled_and_takes_late_usage),
        BENCH_TEST(changes_of_unknown_requests_fail),
        BENCH_TEST(unfinished_requests_load_in_the_order_of_their_keys),
        BENCH_TEST(a_finished_request_is_removed_and_no_other),
        BENCH_TEST(retention_removes_what_finished_before),
        BENCH_TEST(retention_goes_in_small_steps),
        BENCH_TEST(retention_takes_few_large_requests_in_a_step),
        BENCH_TEST(retention_says_when_there_is_more_to_remove),
        BENCH_TEST(retention_leaves_no_row_behind),
        BENCH_TEST(retention_goes_by_the_end_of_a_request_and_not_by_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
