#include "hub/topic.h"

#include "codec/native.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEN_MAX 1024

/* A watcher that writes down what it is sent. */
struct reader {
    struct watcher watcher;
    struct bytes *frames[SEEN_MAX];
    size_t count;
    unsigned lost;
};

static struct reader *reader_of(struct watcher *w)
{
    return CONTAINER_OF(w, struct reader, watcher);
}

static void on_send(struct watcher *w, struct bytes *frame, bool crowd)
{
    (void)crowd;
    struct reader *r = reader_of(w);
    assert_true(r->count < SEEN_MAX);
    r->frames[r->count++] = bytes_ref(frame);
}

static void on_lost(struct watcher *w)
{
    reader_of(w)->lost++;
}

static const struct topic_output OUTPUT = {.send = on_send, .lost = on_lost};

struct fixture {
    struct limits limits;
    struct topics *topics;
    struct reader a, b;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    limits_default(&f->limits);
    f->topics = topics_new(&f->limits);
    watcher_init(&f->a.watcher, &OUTPUT);
    watcher_init(&f->b.watcher, &OUTPUT);
    *state = f;
    return 0;
}

static void reader_clear(struct reader *r)
{
    while (r->count)
        bytes_unref(r->frames[--r->count]);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct topic_id id;
    while (topics_leave(f->topics, &f->a.watcher, 0, &id) ||
           topics_leave(f->topics, &f->b.watcher, 0, &id))
        continue;
    topics_free(f->topics);
    reader_clear(&f->a);
    reader_clear(&f->b);
    free(f);
    return 0;
}

static struct topic_id request_topic(uint8_t n)
{
    struct topic_id id = {.kind = TOPIC_REQUEST};
    id.id.b[15] = n;
    return id;
}

static void publish(struct fixture *f, struct topic_id id, const char *text)
{
    struct request_view view = {.fields = VIEW_TEXT, .text = str_of(text)};
    struct topic_event e = {.kind = PUBLISH_DELTA, .request = &view};
    topics_publish(f->topics, id, &e);
}

static void publish_many(struct fixture *f, struct topic_id id, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        publish(f, id, "x");
}

static struct topic_place watch(struct fixture *f, struct reader *r, struct topic_id id)
{
    return topics_watch(f->topics, id, &r->watcher, &(struct topic_since){0});
}

/* Comes back having seen everything up to seq. */
static struct topic_place come_back(struct fixture *f, struct reader *r, struct topic_id id,
                                    const char *epoch, uint64_t seq)
{
    struct topic_since since = {.given = true, .seq = seq};
    assert_true(str_copy(since.epoch, sizeof since.epoch, str_of(epoch)));
    return topics_watch(f->topics, id, &r->watcher, &since);
}

/* The text of a server's frame: after a header of 2, 4 or 10 bytes. */
static const char *text_of(const struct bytes *frame)
{
    unsigned char len = (unsigned char)frame->p[1];
    assert_int_equal((unsigned char)frame->p[0], 0x81);
    return frame->p + (len < 126 ? 2 : len == 126 ? 4 : 10);
}

static uint64_t seq_of(const struct bytes *frame)
{
    const char *at = strstr(text_of(frame), "\"seq\":");
    uint64_t seq = 0;
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"seq\":%" SCNu64, &seq), 1);
    return seq;
}

static void assert_seqs(const struct reader *r, uint64_t first, size_t count)
{
    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seq_of(r->frames[i]), first + i);
}

static void publishing_to_a_topic_nobody_has_does_nothing(void **state)
{
    struct fixture *f = *state;
    publish(f, request_topic(1), "x");
    assert_int_equal(topics_count(f->topics), 0);
    assert_int_equal(watch(f, &f->a, request_topic(1)).seq, 0);
}

static void watchers_share_one_frame_of_each_event(void **state)
{
    struct fixture *f = *state;
    watch(f, &f->a, request_topic(1));
    watch(f, &f->b, request_topic(1));
    publish(f, request_topic(1), "hello");
    assert_seqs(&f->a, 1, 1);
    assert_seqs(&f->b, 1, 1);
    assert_ptr_equal(f->a.frames[0], f->b.frames[0]);
    assert_non_null(strstr(text_of(f->a.frames[0]), "\"hello\""));
}

static void topics_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct topic_id space = {.kind = TOPIC_SPACE, .id = request_topic(1).id};
    watch(f, &f->a, request_topic(1));
    watch(f, &f->b, space);
    publish(f, request_topic(1), "x");
    publish(f, request_topic(2), "x");
    assert_int_equal(f->a.count, 1);
    assert_int_equal(f->b.count, 0);
    assert_string_not_equal(watch(f, &f->a, request_topic(1)).epoch, watch(f, &f->b, space).epoch);
}

static void the_list_topic_has_no_id(void **state)
{
    struct fixture *f = *state;
    struct topic_id odd = {.kind = TOPIC_SPACES, .id = request_topic(9).id};
    assert_true(watch(f, &f->a, (struct topic_id){.kind = TOPIC_SPACES}).added);
    assert_false(watch(f, &f->a, odd).added);
    assert_true(watcher_watches(&f->a.watcher, odd));
}

static void watching_twice_counts_once(void **state)
{
    struct fixture *f = *state;
    assert_true(watch(f, &f->a, request_topic(1)).added);
    assert_false(watch(f, &f->a, request_topic(1)).added);
    assert_int_equal(f->a.watcher.count, 1);
    publish(f, request_topic(1), "x");
    assert_int_equal(f->a.count, 1);
    assert_true(topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 0));
    assert_false(topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 0));
    publish(f, request_topic(1), "x");
    assert_int_equal(f->a.count, 1);
}

static void a_first_visit_is_not_recovered_and_knows_the_newest_seq(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    assert_false(first.recovered);
    assert_int_equal(first.seq, 0);
    assert_int_equal(strlen(first.epoch), EPOCH_BYTES - 1);
    publish_many(f, request_topic(1), 5);
    struct topic_place second = watch(f, &f->b, request_topic(1));
    assert_false(second.recovered);
    assert_int_equal(second.seq, 5);
    assert_string_equal(second.epoch, first.epoch);
}

static void who_comes_back_gets_what_was_missed(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish_many(f, request_topic(1), 3);
    assert_true(topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 0));
    publish_many(f, request_topic(1), 4);
    reader_clear(&f->a);
    struct topic_place again = come_back(f, &f->a, request_topic(1), first.epoch, 3);
    assert_true(again.added);
    assert_true(again.recovered);
    assert_int_equal(again.seq, 3);
    topics_replay(f->topics, request_topic(1), &f->a.watcher, again.seq);
    assert_seqs(&f->a, 4, 4);
    publish(f, request_topic(1), "x");
    assert_seqs(&f->a, 4, 5);
}

static void who_missed_nothing_is_recovered_without_events(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 0).recovered);
    publish_many(f, request_topic(1), 3);
    reader_clear(&f->b);
    struct topic_place again = come_back(f, &f->b, request_topic(1), first.epoch, 3);
    assert_true(again.recovered);
    topics_replay(f->topics, request_topic(1), &f->b.watcher, again.seq);
    assert_int_equal(f->b.count, 0);
}

static void another_epoch_or_a_seq_from_the_future_is_not_recovered(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish_many(f, request_topic(1), 3);
    assert_false(come_back(f, &f->b, request_topic(1), "0123456789abcdef", 3).recovered);
    assert_false(come_back(f, &f->b, request_topic(1), "", 3).recovered);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 4).recovered);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, UINT64_MAX).recovered);
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 3).recovered);
}

static void only_the_newest_events_are_kept(void **state)
{
    struct fixture *f = *state;
    f->limits.topic_events = 20;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish_many(f, request_topic(1), 100);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 79).recovered);
    struct topic_place again = come_back(f, &f->b, request_topic(1), first.epoch, 80);
    assert_true(again.recovered);
    topics_replay(f->topics, request_topic(1), &f->b.watcher, again.seq);
    assert_seqs(&f->b, 81, 20);
}

static void lowering_the_limit_lets_old_events_go(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish_many(f, request_topic(1), 50);
    f->limits.topic_events = 2;
    publish(f, request_topic(1), "x");
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 48).recovered);
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 49).recovered);
}

static void bytes_are_bounded_too(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish(f, request_topic(1), "x");
    f->limits.topic_bytes = 4 * f->a.frames[0]->n;
    publish_many(f, request_topic(1), 8);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 4).recovered);
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 5).recovered);
}

static void an_event_too_large_to_keep_is_sent_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    f->limits.topic_bytes = 400;
    publish_many(f, request_topic(1), 2);
    char large[1000];
    memset(large, 'y', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    publish(f, request_topic(1), large);
    assert_seqs(&f->a, 1, 3);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 2).recovered);
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 3).recovered);
    publish(f, request_topic(1), "x");
    assert_true(come_back(f, &f->b, request_topic(1), first.epoch, 3).recovered);
    assert_false(come_back(f, &f->b, request_topic(1), first.epoch, 2).recovered);
}

static void a_topic_waits_a_while_for_its_watchers(void **state)
{
    struct fixture *f = *state;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    topics_sweep(f->topics, 1000000);
    assert_int_equal(topics_count(f->topics), 1);
    topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 1000000);
    publish(f, request_topic(1), "x");
    topics_sweep(f->topics, 1000000 + TOPIC_KEEP_MS - 1);
    assert_true(come_back(f, &f->a, request_topic(1), first.epoch, 0).recovered);
    topics_sweep(f->topics, 1000000 + 2 * TOPIC_KEEP_MS);
    assert_int_equal(topics_count(f->topics), 1);
    topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 2000000);
    topics_sweep(f->topics, 2000000 + TOPIC_KEEP_MS);
    assert_int_equal(topics_count(f->topics), 0);
    struct topic_place anew = come_back(f, &f->a, request_topic(1), first.epoch, 1);
    assert_false(anew.recovered);
    assert_int_equal(anew.seq, 0);
    assert_string_not_equal(anew.epoch, first.epoch);
}

static void publish_final(struct fixture *f, struct topic_id id)
{
    struct request_view view = {.fields = VIEW_STATUS, .status = REQUEST_COMPLETED};
    struct topic_event e = {.kind = PUBLISH_FINAL, .request = &view};
    topics_publish(f->topics, id, &e);
}

static void a_finished_topic_ends_with_the_last_who_lets_it_go(void **state)
{
    struct fixture *f = *state;
    watch(f, &f->a, request_topic(1));
    watch(f, &f->b, request_topic(1));
    publish_final(f, request_topic(1));
    assert_true(topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 0));
    assert_int_equal(topics_count(f->topics), 1);
    assert_true(topics_unwatch(f->topics, request_topic(1), &f->b.watcher, 0));
    assert_int_equal(topics_count(f->topics), 0);
}

static void watching_to_the_end_ends_with_the_final_event(void **state)
{
    struct fixture *f = *state;
    assert_true(topics_watch_to_end(f->topics, request_topic(1), &f->a.watcher).added);
    watch(f, &f->b, request_topic(1));
    publish(f, request_topic(1), "x");
    publish_final(f, request_topic(1));
    assert_seqs(&f->a, 1, 2);
    assert_seqs(&f->b, 1, 2);
    assert_int_equal(f->a.watcher.count, 0);
    assert_false(topics_unwatch(f->topics, request_topic(1), &f->a.watcher, 0));
    assert_int_equal(topics_count(f->topics), 1);
    assert_true(topics_unwatch(f->topics, request_topic(1), &f->b.watcher, 0));
    assert_int_equal(topics_count(f->topics), 0);
}

static void a_topic_that_all_watched_to_the_end_ends_with_it(void **state)
{
    struct fixture *f = *state;
    topics_watch_to_end(f->topics, request_topic(1), &f->a.watcher);
    topics_watch_to_end(f->topics, request_topic(1), &f->b.watcher);
    publish_final(f, request_topic(1));
    assert_seqs(&f->a, 1, 1);
    assert_seqs(&f->b, 1, 1);
    assert_int_equal(topics_count(f->topics), 0);
}

static void who_was_cut_off_before_the_end_comes_back_to_it(void **state)
{
    struct fixture *f = *state;
    struct topic_id id;
    struct topic_place first = topics_watch_to_end(f->topics, request_topic(1), &f->a.watcher);
    assert_true(topics_leave(f->topics, &f->a.watcher, 0, &id));
    publish_final(f, request_topic(1));
    assert_int_equal(f->a.count, 0);
    assert_true(come_back(f, &f->a, request_topic(1), first.epoch, 0).recovered);
}

static void a_finished_topic_waits_for_who_was_cut_off(void **state)
{
    struct fixture *f = *state;
    struct topic_id id;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    publish_final(f, request_topic(1));
    assert_true(topics_leave(f->topics, &f->a.watcher, 0, &id));
    assert_int_equal(topics_count(f->topics), 1);
    assert_true(come_back(f, &f->a, request_topic(1), first.epoch, 0).recovered);
}

static void sweeping_ends_only_what_is_old_enough(void **state)
{
    struct fixture *f = *state;
    for (uint8_t i = 0; i < 10; i++) {
        watch(f, &f->a, request_topic(i));
        topics_unwatch(f->topics, request_topic(i), &f->a.watcher, i * 1000u);
    }
    topics_sweep(f->topics, 4000 + TOPIC_KEEP_MS);
    assert_int_equal(topics_count(f->topics), 5);
}

static void what_idle_topics_keep_is_bounded_together(void **state)
{
    struct fixture *f = *state;
    char text[1001];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    f->limits.topics_idle_bytes = 8000; /* four of them and a bit */
    for (uint8_t i = 0; i < 10; i++) {
        watch(f, &f->a, request_topic(i));
        publish(f, request_topic(i), text);
        topics_unwatch(f->topics, request_topic(i), &f->a.watcher, i);
    }
    assert_in_range(topics_count(f->topics), 3, 5);
    assert_true(come_back(f, &f->b, request_topic(9), "", 0).added);
    size_t watched = topics_count(f->topics);
    publish(f, request_topic(8), text); /* what an idle one gets counts as well */
    publish(f, request_topic(8), text);
    publish(f, request_topic(8), text);
    assert_true(topics_count(f->topics) < watched);
    for (int i = 0; i < 20; i++)
        publish(f, request_topic(9), text); /* but not what a watched one gets */
    assert_true(watcher_watches(&f->b.watcher, request_topic(9)));
    f->limits.topics_idle_bytes = 0;
    topics_unwatch(f->topics, request_topic(9), &f->b.watcher, 100);
    assert_int_equal(topics_count(f->topics), 0);
}

static void leaving_names_every_topic_once(void **state)
{
    struct fixture *f = *state;
    unsigned seen = 0;
    struct topic_id id;
    for (uint8_t i = 0; i < 8; i++)
        watch(f, &f->a, request_topic(i));
    watch(f, &f->b, request_topic(3));
    while (topics_leave(f->topics, &f->a.watcher, 0, &id))
        seen ^= 1u << id.id.b[15];
    assert_int_equal(seen, 0xff);
    assert_int_equal(f->a.watcher.count, 0);
    publish(f, request_topic(3), "x");
    assert_int_equal(f->a.count, 0);
    assert_int_equal(f->b.count, 1);
}

/* The ring against a plain model: after any history, recovery is granted exactly for the last
 * `held` events and replays exactly those. */
static void a_random_history_agrees_with_a_plain_count(void **state)
{
    struct fixture *f = *state;
    srand(7);
    f->limits.topic_events = 37;
    struct topic_place first = watch(f, &f->a, request_topic(1));
    for (uint64_t seq = 1; seq <= 500; seq++) {
        publish(f, request_topic(1), "x");
        uint64_t held = seq < 37 ? seq : 37, since = (uint64_t)rand() % (seq + 1);
        struct topic_place p = come_back(f, &f->b, request_topic(1), first.epoch, since);
        assert_int_equal(p.recovered, seq - since <= held);
        reader_clear(&f->b);
        if (p.recovered) {
            topics_replay(f->topics, request_topic(1), &f->b.watcher, p.seq);
            assert_seqs(&f->b, since + 1, seq - since);
        }
        reader_clear(&f->a);
        reader_clear(&f->b);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(publishing_to_a_topic_nobody_has_does_nothing),
        TEST(watchers_share_one_frame_of_each_event),
        TEST(topics_do_not_mix),
        TEST(the_list_topic_has_no_id),
        TEST(watching_twice_counts_once),
        TEST(a_first_visit_is_not_recovered_and_knows_the_newest_seq),
        TEST(who_comes_back_gets_what_was_missed),
        TEST(who_missed_nothing_is_recovered_without_events),
        TEST(another_epoch_or_a_seq_from_the_future_is_not_recovered),
        TEST(only_the_newest_events_are_kept),
        TEST(lowering_the_limit_lets_old_events_go),
        TEST(bytes_are_bounded_too),
        TEST(an_event_too_large_to_keep_is_sent_all_the_same),
        TEST(a_topic_waits_a_while_for_its_watchers),
        TEST(a_finished_topic_ends_with_the_last_who_lets_it_go),
        TEST(a_finished_topic_waits_for_who_was_cut_off),
        TEST(watching_to_the_end_ends_with_the_final_event),
        TEST(a_topic_that_all_watched_to_the_end_ends_with_it),
        TEST(who_was_cut_off_before_the_end_comes_back_to_it),
        TEST(sweeping_ends_only_what_is_old_enough),
        TEST(what_idle_topics_keep_is_bounded_together),
        TEST(leaving_names_every_topic_once),
        TEST(a_random_history_agrees_with_a_plain_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
