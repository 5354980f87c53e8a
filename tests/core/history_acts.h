/* What happens in a random history: one function for each kind of thing, each told to the model. A
 * part of test_histories.c. */
#ifndef TESTS_CORE_HISTORY_ACTS_H
#define TESTS_CORE_HISTORY_ACTS_H

#include "model.h"

static const char *const people[] = {"ann", "ben", "cid", "root"};
static const char *const spaces[] = {"den", "hall", "slow"};

static inline uint64_t chance(struct model *m, uint64_t bound) /* xorshift64 */
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % bound;
}

static inline const char *any_person(struct model *m)
{
    return people[chance(m, 4)];
}

static inline struct uuid any_request(struct rig *t, struct model *m)
{
    size_t recent = t->names.count < 12 ? t->names.count : 12;
    return t->names.requests[t->names.count - 1 - chance(m, recent)];
}

/* ---- people ---- */

static inline void ref_of_last(const struct model *m, char ref[REF_BYTES])
{
    snprintf(ref, REF_BYTES, "w%zu", m->wish_count - 1);
}

static inline void submit_by_page(struct rig *t, struct model *m, const char *name, struct wish w)
{
    struct command c = {.kind = CMD_SUBMIT, .actor = as(t, name), .id = w.space_id};
    w.ticket = t->next_ticket + 1;
    model_wish(m, w);
    c.payload = bytes_new(str_of(w.payload));
    memcpy(c.idempotency_key, w.key, sizeof w.key);
    c.payload_hash = rig_hash(str_of(w.payload));
    command(t, c);
    bytes_unref(c.payload);
}

static inline void submit_as(struct rig *t, struct model *m, bool with_key)
{
    const char *name = any_person(m), *where = spaces[chance(m, 3)];
    struct wish w = {.user_key = user_key(t, name), .payload = model_payloads[chance(m, 2)]};
    char ref[REF_BYTES];
    if (space(t, where))
        w.space_id = space(t, where)->id;
    if (with_key)
        snprintf(w.key, sizeof w.key, "k%u", (unsigned)chance(m, MODEL_KEYS));
    if (chance(m, 4) == 0) {
        submit_by_page(t, m, name, w);
        return;
    }
    model_wish(m, w);
    ref_of_last(m, ref);
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_SUBMIT,
                                    .space = str_of(where),
                                    .payload = str_of(w.payload),
                                    .idempotency_key = str_of(w.key),
                                    .ref = str_of(ref)});
}

static inline void some_submit(struct rig *t, struct model *m)
{
    submit_as(t, m, false);
}

static inline void some_submit_with_a_key(struct rig *t, struct model *m)
{
    submit_as(t, m, true);
}

static inline void some_cancel(struct rig *t, struct model *m)
{
    const char *name = any_person(m);
    char ref[REF_BYTES];
    if (!t->names.count)
        return;
    struct wish w = {
        .cancels = true, .request_id = any_request(t, m), .user_key = user_key(t, name)};
    w.may = model_may_cancel(t, &w);
    if (chance(m, 4) == 0) {
        w.ticket = t->next_ticket + 1;
        model_wish(m, w);
        command(t, (struct command){.kind = CMD_CANCEL, .actor = as(t, name), .id = w.request_id});
        return;
    }
    model_wish(m, w);
    ref_of_last(m, ref);
    person_says(t, name,
                (struct client_msg){
                    .kind = CLIENT_MSG_CANCEL, .request_id = w.request_id, .ref = str_of(ref)});
}

static inline void some_subscribe(struct rig *t, struct model *m)
{
    if (t->names.count && chance(m, 4))
        subscribe(t, any_person(m), TOPIC_REQUEST, any_request(t, m));
    else
        subscribe(t, any_person(m), TOPIC_SPACES, (struct uuid){{0}});
}

static inline void some_unwatch(struct rig *t, struct model *m)
{
    if (!t->names.count)
        return;
    struct uuid id = any_request(t, m);
    struct known *k = model_known(t, id);
    k->watchers -= k->watchers > 0;
    unwatch(t, TOPIC_REQUEST, id);
}

/* ---- apps ---- */

static inline size_t token_of(struct rig *t, const char *space_name)
{
    for (size_t i = t->disk.token_count; i-- > 0;)
        if (t->disk.tokens[i].space_key == uuid_key(space(t, space_name)->id) &&
            !t->disk.tokens[i].revoked_ms)
            return i;
    return 0;
}

static inline void some_join(struct rig *t, struct model *m)
{
    struct mock *a = &m->apps[chance(m, MODEL_APPS)];
    if (!space(t, a->space))
        return;
    if (a->conn && (!t->hold || chance(m, 4))) /* else: a second connection of the same process */
        return;
    struct join j = {.conn = ++m->next_conn,
                     .space = a->space,
                     .token = token_of(t, a->space),
                     .instance = a->instance,
                     .concurrency = a->concurrency,
                     .prefetch = a->prefetch};
    for (size_t i = 0; i < a->held_count && i < 8 && chance(m, 8); i++)
        j.resume[j.resume_count++] = a->held[i];
    if (chance(m, 4) == 0 && t->names.count && j.resume_count < 8) /* perhaps somebody else's */
        j.resume[j.resume_count++] =
            (struct lease_ref){any_request(t, m), 1 + (uint32_t)chance(m, 2)};
    if (chance(m, 8) == 0) /* perhaps one that was revoked */
        j.token = chance(m, t->disk.token_count);
    if (chance(m, 4) == 0) { /* it comes back with more or fewer places */
        j.concurrency = a->concurrency = 1 + (uint32_t)chance(m, 3);
        j.prefetch = a->prefetch = (uint32_t)chance(m, 3);
    }
    uint64_t older = a->conn;
    model_disconnected(t, older ? older : UINT64_MAX, false);
    a->conn = j.conn;
    a->token = j.token;
    join_as(t, j);
    if (older) /* noticed late */
        vanish(t, older);
}

static inline struct mock *any_app(struct model *m)
{
    for (int tries = 0; tries < 8; tries++) {
        struct mock *a = &m->apps[chance(m, MODEL_APPS)];
        if (a->conn)
            return a;
    }
    return NULL;
}

static inline void some_leave(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    if (!a)
        return;
    uint64_t conn = a->conn;
    bool clean = chance(m, 2);
    model_disconnected(t, conn, clean);
    feed(t, &(struct relay_event){.kind = EVENT_APP_GONE, .conn = conn, .clean = clean});
}

static inline struct lease_ref any_lease(struct rig *t, struct model *m, const struct mock *a)
{
    if (a->held_count && chance(m, 8))
        return a->held[chance(m, a->held_count)];
    struct lease_ref l = {{{0}}, 1 + (uint32_t)chance(m, 3)}; /* anybody's */
    if (t->names.count)
        l.request_id = any_request(t, m);
    return l;
}

static inline void some_text(struct rig *t, struct model *m)
{
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "long words"};
    struct mock *a = any_app(m);
    if (!a)
        return;
    struct app_msg msg = {
        .kind = APP_MSG_DELTA, .lease = any_lease(t, m, a), .text = str_of(words[chance(m, 4)])};
    msg.has_offset = chance(m, 2);
    msg.offset = chance(m, 12);
    if (chance(m, 3) == 0)
        msg =
            (struct app_msg){.kind = APP_MSG_PROGRESS,
                             .lease = msg.lease,
                             .progress = {.has_percent = true, .percent = (double)chance(m, 100)}};
    model_heard(t, a->conn, msg.lease);
    struct streamed before = model_streamed(t, a->conn, &msg);
    app_says(t, a->conn, msg);
    model_check_streamed(t, &msg, before);
}

static inline void some_final(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    char json[40];
    if (!a)
        return;
    struct app_msg msg = {
        .kind = APP_MSG_RESULT, .lease = any_lease(t, m, a), .usage = STR("{\"n\":1}")};
    if (uuid_is_nil(msg.lease.request_id))
        return;
    model_heard(t, a->conn, msg.lease);
    struct known *k = model_known(t, msg.lease.request_id);
    if (k->lingers == a->conn && k->attempt == msg.lease.attempt &&
        t->now.mono_ms < k->lingers_until_ms)
        k->spent_run = m->run;
    model_owes(a, msg.lease);
    model_stopped(k, a->conn, msg.lease.attempt);
    snprintf(json, sizeof json, "{\"n\":%llu}", (unsigned long long)chance(m, 1000));
    msg.result = str_of(json);
    if (chance(m, 3) == 0) {
        msg.kind = APP_MSG_ERROR;
        msg.retryable = chance(m, 2);
        if (k->holder == a->conn && !model_asked(t, msg.lease.request_id))
            k->wants_retry = msg.retryable && k->attempt == msg.lease.attempt;
    } else if (k->holder == a->conn && k->attempt == msg.lease.attempt &&
               !model_asked(t, msg.lease.request_id)) {
        bytes_unref(k->sent);
        k->sent = bytes_new(msg.result);
    }
    app_says(t, a->conn, msg);
}

static inline void some_drain(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    if (!a)
        return;
    model_drained(t, a);
    app_says(t, a->conn, (struct app_msg){.kind = APP_MSG_DRAIN});
}

/* ---- admins ---- */

static inline void issue_token(struct rig *t, const struct space_record *s)
{
    struct command c = {.kind = CMD_TOKEN_ADD, .actor = as(t, "root")};
    c.token.space_key = uuid_key(s->id);
    command(t, c);
}

static inline void some_token(struct rig *t, struct model *m)
{
    struct command c = {.kind = CMD_TOKEN_REVOKE, .actor = as(t, "root")};
    struct space_record *s = space(t, spaces[chance(m, 3)]);
    if (!s || t->disk.token_count > 40)
        return;
    c.id = t->disk.tokens[token_of(t, s->name)].id;
    command(t, c);
    issue_token(t, s);
}

/* hall comes and goes; all change what they take. */
static inline void some_space(struct rig *t, struct model *m)
{
    const char *name = chance(m, 2) ? "hall" : spaces[chance(m, 3)];
    struct space_record *s = space(t, name);
    struct command c = {.kind = CMD_SPACE_ADD, .actor = as(t, "root")};
    if (t->disk.space_count > 40)
        return;
    c.space = (struct space_record){.max_apps = 1 + (uint32_t)chance(m, 4),
                                    .queue_offline = chance(m, 2),
                                    .rate_limit_s = chance(m, 3) ? 0 : (uint32_t)chance(m, 3)};
    snprintf(c.space.name, sizeof c.space.name, "%s", name);
    if (s) {
        c.members = SPACE_ALL;
        c.kind = chance(m, 4) || strcmp(name, "hall") ? CMD_SPACE_EDIT : CMD_SPACE_REMOVE;
        c.space.id = s->id;
    }
    command(t, c);
}

static inline void some_user(struct rig *t, struct model *m)
{
    struct command c = {.kind = CMD_USER_DISABLE, .actor = as(t, "root"), .flag = chance(m, 2)};
    snprintf(c.user.name, sizeof c.user.name, "%s", people[chance(m, 3)]);
    if (chance(m, 4) == 0) {
        c.kind = CMD_USER_ROLE;
        c.user.role = chance(m, 2) ? ROLE_ADMIN : ROLE_USER;
    }
    command(t, c);
}

static inline struct hash api_key_hash(size_t n)
{
    return (struct hash){{(uint8_t)(1 + n)}};
}

static inline bool api_key_works(struct rig *t, size_t n)
{
    struct hash h = api_key_hash(n);
    struct identity who;
    bool works = relay_identify_key(t->relay, &h, t->now, &t->fx, &who);
    rig_collect(t);
    return works;
}

#define MODEL_API_KEYS 20

/* A key that works is on disk, and is not revoked there. */
static inline void check_api_keys(struct rig *t)
{
    for (size_t n = 0; n < MODEL_API_KEYS; n++) {
        bool stands = false;
        for (size_t i = 0; i < t->disk.api_key_count; i++)
            stands |= hash_eq(t->disk.api_keys[i].hash, api_key_hash(n)) &&
                      !t->disk.api_keys[i].revoked_ms;
        assert_true(stands || !api_key_works(t, n));
    }
}

static inline void some_api_key(struct rig *t, struct model *m)
{
    size_t n = chance(m, MODEL_API_KEYS);
    struct command c = {.kind = CMD_API_KEY_REVOKE, .actor = as(t, "root")};
    snprintf(c.user.name, sizeof c.user.name, "%s", people[n % 3]);
    snprintf(c.api_key.name, sizeof c.api_key.name, "k%zu", n);
    if (chance(m, 3) && t->disk.api_key_count < DISK_ROWS / 2) {
        c.kind = CMD_API_KEY_ADD;
        c.actor = as(t, people[n % 3]);
        c.api_key.scopes = SCOPE_READ;
        c.api_key.hash = api_key_hash(n);
        c.api_key.expires_ms = chance(m, 2) ? 0 : t->now.wall_ms + (int64_t)chance(m, 9000) + 1;
    }
    command(t, c);
    check_api_keys(t);
}

static inline void some_kick(struct rig *t, struct model *m)
{
    struct mock *a = any_app(m);
    struct command c = {.kind = CMD_APP_KICK, .actor = as(t, "root")};
    if (!a || !a->registered)
        return;
    c.id = a->connection_id;
    if (chance(m, 2)) {
        c.kind = CMD_APP_DRAIN;
        model_drained(t, a);
    }
    command(t, c);
}

/* ---- the world ---- */

static inline void some_time(struct rig *t, struct model *m)
{
    static const uint64_t spans[] = {1, 50, 500, 1200, 4000};
    pass(t, spans[chance(m, 5)]);
}

/* Long enough for idempotency keys to leave the disk. */
static inline void much_time(struct rig *t, struct model *m)
{
    pass(t, 30000 + chance(m, 60000));
}

/* Somebody sets the clock. */
static inline void another_time(struct rig *t, struct model *m)
{
    int64_t days = (int64_t)chance(m, 7) - 3;
    t->now.wall_ms += days * INT64_C(86400000);
}

static inline void some_answers(struct rig *t, struct model *m)
{
    uint64_t how_many = chance(m, 4) ? chance(m, 4) : 1000;
    for (; how_many && t->ask_count; how_many--) {
        t->broken = chance(m, 6) == 0;
        if (t->broken)
            m->failed_ms = t->now.mono_ms;
        answer(t);
    }
    t->broken = false;
}

/* Nothing comes from anybody for a while, and the disk works: what is shown is then what is. */
static inline void a_quiet_moment(struct rig *t, struct model *m)
{
    (void)m;
    for (int i = 0; i < 3; i++) {
        answer_all(t);
        model_note_crowds(t);
        pass(t, 2 * t->limits.text_save_ms);
        model_note_crowds(t);
    }
    if (!t->ask_count)
        model_check_quiet(t);
}

/* Killed at any moment: some of what was asked may be on disk though nobody heard of it. */
static inline void a_crash(struct rig *t, struct model *m)
{
    size_t written = chance(m, 2) ? chance(m, t->ask_count + 1) : 0;
    for (size_t i = 0; i < written; i++)
        if (t->asks[i].change)
            disk_apply(&t->disk, t->asks[i].change);
    restart(t);
    model_restarted(t);
}

static inline void a_stop(struct rig *t, struct model *m)
{
    feed(t, &(struct relay_event){.kind = EVENT_SHUTDOWN});
    for (int i = 0; i < 5; i++) {
        some_final(t, m);
        some_answers(t, m);
        some_leave(t, m);
    }
    a_crash(t, m);
}

#endif
