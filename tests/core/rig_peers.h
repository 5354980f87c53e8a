/* What apps, people and pages say on the bench: a part of rig.h. */
#ifndef TESTS_CORE_RIG_PEERS_H
#define TESTS_CORE_RIG_PEERS_H

/* ---- apps ---- */

struct join {
    uint64_t conn;
    const char *space;              /* NULL = den */
    size_t token;                   /* of add_token */
    const char *instance;           /* NULL = "" */
    uint32_t concurrency, prefetch; /* concurrency 0 = 1 */
    struct lease_ref resume[8];
    size_t resume_count;
    enum token_state token_state; /* ABSENT reads as SIGNED; use no_token */
    bool no_token, nameless;
    bool old;                /* keeps a queue of its own and may lack a token */
    struct uuid claim_space; /* nil = the token's */
    int64_t claim_expires_ms;
};

static inline struct uuid rig_space_of_token(struct rig *t, const struct token_record *k)
{
    for (size_t i = 0; i < t->disk.space_count; i++)
        if (uuid_key(t->disk.spaces[i].id) == k->space_key)
            return t->disk.spaces[i].id;
    return (struct uuid){{0}};
}

static inline void join_as(struct rig *t, struct join j)
{
    const struct token_record *k = &t->disk.tokens[j.token];
    struct app_msg m = {.kind = APP_MSG_REGISTER};
    m.reg.space_name = j.nameless ? STR("") : str_of(j.space ? j.space : "den");
    m.reg.instance = str_of(j.instance);
    m.reg.app_name = STR("mock");
    m.reg.app_version = STR("1");
    m.reg.concurrency = j.concurrency ? j.concurrency : 1;
    m.reg.prefetch = j.prefetch;
    m.reg.endpoints = ENDPOINTS_DEFAULT;
    m.reg.own_queue = m.reg.may_lack_token = j.old;
    m.reg.resume = j.resume;
    m.reg.resume_count = j.resume_count;
    struct relay_event e = {
        .kind = EVENT_APP_MESSAGE, .conn = j.conn, .app_msg = &m, .address = "192.0.2.1"};
    e.token_state = j.no_token ? TOKEN_ABSENT : j.token_state ? j.token_state : TOKEN_SIGNED;
    e.claims.id = k->id;
    e.claims.space_id = uuid_is_nil(j.claim_space) ? rig_space_of_token(t, k) : j.claim_space;
    e.claims.expires_ms = j.claim_expires_ms;
    feed(t, &e);
}

/* join(t, 1, .instance = "x", .concurrency = 2): app 1 registers */
#define join(t, ...) join_as(t, (struct join){.conn = __VA_ARGS__})

static inline void leave_cleanly(struct rig *t, uint64_t conn)
{
    feed(t, &(struct relay_event){.kind = EVENT_APP_GONE, .conn = conn, .clean = true});
}

static inline void vanish(struct rig *t, uint64_t conn)
{
    feed(t, &(struct relay_event){.kind = EVENT_APP_GONE, .conn = conn});
}

static inline void app_says(struct rig *t, uint64_t conn, struct app_msg m)
{
    feed(t, &(struct relay_event){.kind = EVENT_APP_MESSAGE, .conn = conn, .app_msg = &m});
}

static inline void result(struct rig *t, uint64_t conn, struct lease_ref l)
{
    app_says(t, conn,
             (struct app_msg){.kind = APP_MSG_RESULT, .lease = l, .result = STR("{\"a\":1}")});
}

static inline void app_error(struct rig *t, uint64_t conn, struct lease_ref l, bool retryable)
{
    app_says(t, conn,
             (struct app_msg){.kind = APP_MSG_ERROR,
                              .lease = l,
                              .retryable = retryable,
                              .code = STR("app_error"),
                              .message = STR("no luck")});
}

static inline void delta(struct rig *t, uint64_t conn, struct lease_ref l, const char *text)
{
    app_says(t, conn, (struct app_msg){.kind = APP_MSG_DELTA, .lease = l, .text = str_of(text)});
}

static inline void percent(struct rig *t, uint64_t conn, struct lease_ref l, double value)
{
    app_says(t, conn,
             (struct app_msg){.kind = APP_MSG_PROGRESS,
                              .lease = l,
                              .progress = {.has_percent = true, .percent = value}});
}

/* Stands for a hash: different for different short payloads. */
static inline struct hash rig_hash(struct str payload)
{
    struct hash h = {{(uint8_t)payload.n}};
    memcpy(h.b + 1, payload.p ? payload.p : "", payload.n < 31 ? payload.n : 31);
    return h;
}

/* ---- people: the socket of the nth user is 100 + n ---- */

static inline uint64_t socket_of(struct rig *t, const char *name)
{
    return 100 + (uint64_t)(user(t, name) - t->disk.users);
}

static inline void person_says(struct rig *t, const char *name, struct client_msg m)
{
    struct hash hash = rig_hash(m.payload);
    struct identity who = {
        .user_key = user_key(t, name), .role = user(t, name)->role, .scopes = SCOPES_ALL};
    feed(t, &(struct relay_event){.kind = EVENT_CLIENT_MESSAGE,
                                  .conn = socket_of(t, name),
                                  .who = &who,
                                  .address = "192.0.2.5",
                                  .payload_hash = m.idempotency_key.n ? &hash : NULL,
                                  .client_msg = &m});
}

static inline void submit_to(struct rig *t, const char *name, const char *space_name,
                             const char *payload, const char *ref)
{
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_SUBMIT,
                                    .space = str_of(space_name),
                                    .payload = str_of(payload),
                                    .ref = str_of(ref)});
}

/* "den" takes only a prompt. */
static inline void submit_inputs(struct rig *t, const char *name, uint32_t inputs)
{
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_SUBMIT,
                                    .space = STR("den"),
                                    .payload = STR("{}"),
                                    .inputs = inputs});
}

static inline void submit_key(struct rig *t, const char *name, const char *space_name,
                              const char *payload, const char *key)
{
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_SUBMIT,
                                    .space = str_of(space_name),
                                    .payload = str_of(payload),
                                    .idempotency_key = str_of(key)});
}

static inline void submit(struct rig *t, const char *name)
{
    submit_to(t, name, "den", "{}", "");
}

static inline void cancel(struct rig *t, const char *name, size_t number)
{
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_CANCEL, .request_id = request(t, number)});
}

static inline void subscribe(struct rig *t, const char *name, enum topic_kind kind, struct uuid id)
{
    static const char *const texts[] = {"space:x", "request:x", "spaces", "admin"};
    person_says(t, name,
                (struct client_msg){.kind = CLIENT_MSG_SUBSCRIBE,
                                    .topic = {kind, id},
                                    .topic_known = true,
                                    .topic_text = str_of(texts[kind])});
}

static inline void unwatch(struct rig *t, enum topic_kind kind, struct uuid id)
{
    feed(t, &(struct relay_event){.kind = EVENT_UNWATCH, .topic = {kind, id}});
}

/* ---- commands ---- */

static inline struct actor as(struct rig *t, const char *name)
{
    struct actor a = {.user_key = user_key(t, name), .address = "192.0.2.9"};
    if (user(t, name))
        a.role = user(t, name)->role;
    (void)str_copy(a.name, sizeof a.name, str_of(name));
    return a;
}

/* The answer is in t->reply once it has come. */
static inline void command(struct rig *t, struct command c)
{
    feed(t,
         &(struct relay_event){.kind = EVENT_COMMAND, .ticket = ++t->next_ticket, .command = &c});
}

/* The space "den" takes requests while no app is there: they wait for one to join. */
static inline void let_wait(struct rig *t)
{
    struct command c = {.kind = CMD_SPACE_EDIT,
                        .actor = as(t, "root"),
                        .members = SPACE_ALL,
                        .space = *space(t, "den")};
    c.space.queue_offline = true;
    command(t, c);
    buf_clear(&t->log);
}

#endif
