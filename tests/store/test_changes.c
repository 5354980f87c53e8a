/* What changes of people, spaces, tokens and settings leave behind. */
#include "loaded.h"

/* ---- users and sessions ---- */

static void user_is_inserted_and_replaced(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct change *c = change_of_user(id, "Ada");
    bench_save(b, c);
    c = change_of_user(id, "Ada_L");
    c->user->role = ROLE_ADMIN;
    c->user->disabled = true;
    c->user->last_login_ms = T0 + 5;
    str_copy(c->user->language, sizeof c->user->language, STR("de"));
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->user_count, 1);
    assert_true(uuid_eq(l->users[0].id, id));
    assert_string_equal(l->users[0].name, "Ada_L");
    assert_int_equal(l->users[0].role, ROLE_ADMIN);
    assert_true(l->users[0].disabled);
    assert_string_equal(l->users[0].password_hash, "$argon2id$fake");
    assert_string_equal(l->users[0].language, "de");
    assert_int_equal(l->users[0].created_ms, T0);
    assert_int_equal(l->users[0].last_login_ms, T0 + 5);
    loaded_free(l);
}

static void user_name_is_unique_in_any_case(void **state)
{
    struct bench *b = *state;
    bench_save(b, change_of_user(bench_id(b), "ada"));
    assert_int_equal(store_save_now(b->store, change_of_user(bench_id(b), "ADA")),
                     ERR_STORE_UNAVAILABLE);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->user_count, 1);
    assert_string_equal(l->users[0].name, "ada");
    loaded_free(l);
}

static void same_key_with_other_bytes_is_no_replacement(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b), other = id;
    other.b[15] ^= 1;
    assert_int_equal(uuid_key(id), uuid_key(other));
    bench_save(b, change_of_user(id, "ada"));
    bench_save(b, change_of_space(id, "one"));
    assert_int_equal(store_save_now(b->store, change_of_user(other, "eve")), ERR_STORE_UNAVAILABLE);
    assert_int_equal(store_save_now(b->store, change_of_space(other, "two")),
                     ERR_STORE_UNAVAILABLE);
    struct loaded *l = restart_and_load(b);
    assert_string_equal(l->users[0].name, "ada");
    assert_string_equal(l->spaces[0].name, "one");
    loaded_free(l);
}

static struct change *change_of_session(struct uuid id, int64_t user_key, int64_t created_ms)
{
    struct change *c = change_new(CHANGE_SESSION_PUT);
    c->session = STRUCT(struct session_record, .id = id, .user_key = user_key,
                        .created_ms = created_ms, .seen_ms = created_ms,
                        .expires_ms = created_ms + 1000, .address = "::1", .agent = "curl/8");
    memset(c->session->hash.b, 0xa5, sizeof c->session->hash.b);
    return c;
}

static void new_session_sets_the_users_last_login(void **state)
{
    struct bench *b = *state;
    struct uuid user = bench_id(b), session = bench_id(b);
    bench_save(b, change_of_user(user, "ada"));
    bench_save(b, change_of_session(session, uuid_key(user), T0 + 10));
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->users[0].last_login_ms, T0 + 10);
    assert_int_equal(l->session_count, 1);
    assert_true(uuid_eq(l->sessions[0].id, session));
    assert_int_equal(l->sessions[0].hash.b[0], 0xa5);
    assert_int_equal(l->sessions[0].hash.b[31], 0xa5);
    assert_int_equal(l->sessions[0].user_key, uuid_key(user));
    assert_int_equal(l->sessions[0].created_ms, T0 + 10);
    assert_int_equal(l->sessions[0].seen_ms, T0 + 10);
    assert_int_equal(l->sessions[0].expires_ms, T0 + 1010);
    assert_string_equal(l->sessions[0].address, "::1");
    assert_string_equal(l->sessions[0].agent, "curl/8");
    loaded_free(l);

    /* A session that is known already is no log-in. */
    struct change *c = change_of_session(session, uuid_key(user), T0 + 20);
    str_copy(c->session->address, sizeof c->session->address, STR("::2"));
    bench_save(b, c);
    l = restart_and_load(b);
    assert_int_equal(l->users[0].last_login_ms, T0 + 10);
    assert_int_equal(l->session_count, 1);
    assert_string_equal(l->sessions[0].address, "::2");
    loaded_free(l);
}

static struct change *session_with_hash(struct uuid id, struct uuid user, uint8_t hash)
{
    struct change *c = change_of_session(id, uuid_key(user), T0);
    memset(c->session->hash.b, hash, sizeof c->session->hash.b);
    return c;
}

static void a_user_is_replaced_together_with_the_end_of_its_sessions(void **state)
{
    struct bench *b = *state;
    struct uuid ada = bench_id(b), bob = bench_id(b);
    struct uuid kept = bench_id(b), ended = bench_id(b), bobs = bench_id(b);
    bench_save(b, change_of_user(ada, "ada"));
    bench_save(b, change_of_user(bob, "bob"));
    bench_save(b, session_with_hash(kept, ada, 1));
    bench_save(b, session_with_hash(ended, ada, 2));
    bench_save(b, session_with_hash(bobs, bob, 3));
    struct change *c = change_of_user(ada, "ada");
    c->ends_sessions = true;
    c->key = uuid_key(kept);
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->session_count, 2);
    assert_true(uuid_eq(l->sessions[0].id, kept));
    assert_true(uuid_eq(l->sessions[1].id, bobs));
    loaded_free(l);
}

static void session_is_seen_and_ends(void **state)
{
    struct bench *b = *state;
    struct uuid first = bench_id(b), second = bench_id(b);
    bench_save(b, change_of_session(first, 1, T0));
    bench_save(b, change_of_session(second, 1, T0));
    struct change *c = change_new(CHANGE_SESSION_SEEN);
    c->key = uuid_key(second);
    c->at_ms = T0 + 77;
    bench_save(b, c);
    c = change_new(CHANGE_SESSION_END);
    c->key = uuid_key(first);
    bench_save(b, c);
    c = change_new(CHANGE_SESSION_END); /* gone already: fine */
    c->key = uuid_key(first);
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->session_count, 1);
    assert_true(uuid_eq(l->sessions[0].id, second));
    assert_int_equal(l->sessions[0].seen_ms, T0 + 77);
    loaded_free(l);
}

/* ---- keys ---- */

static void expect_last_key(struct bench *b, struct uuid id)
{
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->last_key, uuid_key(id));
    loaded_free(l);
}

/* Or a wall clock that is set back could repeat it. */
static void last_key_is_told_of_what_is_finished_or_removed_too(void **state)
{
    struct bench *b = *state;
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->last_key, 0);
    loaded_free(l);
    struct uuid id = bench_id(b);
    bench_save(b, change_of_user(id, "ada"));
    expect_last_key(b, id);
    bench_save(b, change_of_session(id = bench_id(b), 1, T0));
    expect_last_key(b, id);
    struct change *c = change_of_space(id = bench_id(b), "gone");
    c->space->removed_ms = T0;
    bench_save(b, c);
    expect_last_key(b, id);
    c = change_new(CHANGE_TOKEN_PUT);
    c->token = STRUCT(struct token_record, .id = (id = bench_id(b)));
    bench_save(b, c);
    expect_last_key(b, id);
    c = change_new(CHANGE_API_KEY_PUT);
    c->api_key = STRUCT(struct api_key_record, .id = (id = bench_id(b)), .scopes = SCOPE_READ,
                        .revoked_ms = 1);
    bench_save(b, c);
    expect_last_key(b, id);
    bench_save(b, change_of_request(id = bench_id(b), 1, 1, "{}"));
    bench_save(b, change_of_final(id, REQUEST_CANCELLED, T0));
    expect_last_key(b, id);
}

/* ---- spaces, tokens, settings ---- */

static void space_keeps_every_field(void **state)
{
    struct bench *b = *state;
    struct change *c = change_of_space(bench_id(b), "Bilder \xf0\x9f\x8e\xa8");
    struct space_record want;
    str_copy(c->space->description, sizeof c->space->description, STR("Makes <b>pictures</b>"));
    str_copy(c->space->cover, sizeof c->space->cover, STR("/static/cover/1"));
    str_copy(c->space->cover_type, sizeof c->space->cover_type, STR("image/png"));
    c->space->inputs = INPUT_PROMPT | INPUT_FILE;
    c->space->max_apps = 3;
    c->space->rate_limit_s = 60;
    c->space->queue_offline = true;
    c->space->legacy_registration = true;
    want = *c->space;
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->space_count, 1);
    assert_memory_equal(&l->spaces[0].id, &want.id, sizeof want.id);
    assert_string_equal(l->spaces[0].name, want.name);
    assert_string_equal(l->spaces[0].description, want.description);
    assert_string_equal(l->spaces[0].cover, want.cover);
    assert_string_equal(l->spaces[0].cover_type, want.cover_type);
    assert_int_equal(l->spaces[0].inputs, want.inputs);
    assert_int_equal(l->spaces[0].max_apps, 3);
    assert_int_equal(l->spaces[0].rate_limit_s, 60);
    assert_true(l->spaces[0].queue_offline);
    assert_true(l->spaces[0].legacy_registration);
    assert_int_equal(l->spaces[0].created_ms, T0);
    assert_int_equal(l->spaces[0].removed_ms, 0);
    loaded_free(l);
}

static struct change *change_of_token(struct uuid id, int64_t space_key)
{
    struct change *c = change_new(CHANGE_TOKEN_PUT);
    c->token = STRUCT(struct token_record, .id = id, .space_key = space_key, .note = "the GPU",
                      .created_by = "ada", .created_ms = T0, .expires_ms = T0 + 9);
    return c;
}

static void removed_space_gives_its_name_back_and_is_not_loaded(void **state)
{
    struct bench *b = *state;
    struct uuid first = bench_id(b), second = bench_id(b);
    bench_save(b, change_of_space(first, "art"));
    bench_save(b, change_of_token(bench_id(b), uuid_key(first)));
    assert_int_equal(store_save_now(b->store, change_of_space(second, "art")),
                     ERR_STORE_UNAVAILABLE);
    struct change *c = change_of_space(first, "art");
    c->space->removed_ms = T0 + 1;
    bench_save(b, c);
    bench_save(b, change_of_space(second, "art"));
    bench_save(b, change_of_space(bench_id(b), "Art")); /* names are case-sensitive */
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->space_count, 2);
    assert_true(uuid_eq(l->spaces[0].id, second));
    assert_int_equal(l->token_count, 0);
    loaded_free(l);
}

static void token_is_put_used_and_revoked(void **state)
{
    struct bench *b = *state;
    struct uuid space = bench_id(b), token = bench_id(b);
    bench_save(b, change_of_space(space, "art"));
    bench_save(b, change_of_token(token, uuid_key(space)));
    struct change *c = change_new(CHANGE_TOKEN_USED);
    c->key = uuid_key(token);
    c->at_ms = T0 + 3;
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->token_count, 1);
    assert_true(uuid_eq(l->tokens[0].id, token));
    assert_int_equal(l->tokens[0].space_key, uuid_key(space));
    assert_string_equal(l->tokens[0].note, "the GPU");
    assert_string_equal(l->tokens[0].created_by, "ada");
    assert_int_equal(l->tokens[0].created_ms, T0);
    assert_int_equal(l->tokens[0].expires_ms, T0 + 9);
    assert_int_equal(l->tokens[0].revoked_ms, 0);
    assert_int_equal(l->tokens[0].used_ms, T0 + 3);
    loaded_free(l);
    c = change_of_token(token, uuid_key(space));
    c->token->revoked_ms = T0 + 4;
    bench_save(b, c);
    l = restart_and_load(b);
    assert_int_equal(l->token_count, 1);
    assert_int_equal(l->tokens[0].revoked_ms, T0 + 4);
    loaded_free(l);
}

static struct change *change_of_api_key(struct uuid id, int64_t user_key, const char *name)
{
    struct change *c = change_new(CHANGE_API_KEY_PUT);
    c->api_key = STRUCT(struct api_key_record, .id = id, .user_key = user_key,
                        .scopes = SCOPE_READ | SCOPE_ADMIN, .created_ms = T0, .expires_ms = T0 + 9);
    memset(c->api_key->hash.b, 0xc3, sizeof c->api_key->hash.b);
    str_copy(c->api_key->name, sizeof c->api_key->name, str_of(name));
    return c;
}

static struct change *of_key(enum change_kind kind, struct uuid id, int64_t at_ms)
{
    struct change *c = change_new(kind);
    c->key = uuid_key(id);
    c->at_ms = at_ms;
    return c;
}

static void api_key_is_put_used_and_revoked(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, change_of_api_key(id, 7, "my script"));
    bench_save(b, of_key(CHANGE_API_KEY_USED, id, T0 + 3));
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->api_key_count, 1);
    const struct api_key_record *k = &l->api_keys[0];
    assert_true(uuid_eq(k->id, id));
    assert_int_equal(k->user_key, 7);
    assert_string_equal(k->name, "my script");
    assert_int_equal(k->scopes, SCOPE_READ | SCOPE_ADMIN);
    assert_int_equal(k->hash.b[0], 0xc3);
    assert_int_equal(k->hash.b[31], 0xc3);
    assert_int_equal(k->created_ms, T0);
    assert_int_equal(k->expires_ms, T0 + 9);
    assert_int_equal(k->used_ms, T0 + 3);
    assert_int_equal(k->revoked_ms, 0);
    loaded_free(l);

    bench_save(b, of_key(CHANGE_API_KEY_END, id, T0 + 4));
    l = restart_and_load(b);
    assert_int_equal(l->api_key_count, 0);
    loaded_free(l);
}

struct seen_keys {
    size_t count;
    char names[4][API_KEY_NAME_BYTES];
};

static void see_key(void *ctx, const struct api_key_record *k)
{
    struct seen_keys *seen = ctx;
    assert_true(seen->count < 4);
    memcpy(seen->names[seen->count++], k->name, sizeof k->name);
}

static void api_keys_of_a_person_are_read_without_the_revoked_ones(void **state)
{
    struct bench *b = *state;
    struct uuid gone = bench_id(b);
    struct seen_keys seen = {0};
    bench_save(b, change_of_api_key(gone, 7, "gone"));
    bench_save(b, of_key(CHANGE_API_KEY_END, gone, T0));
    bench_save(b, change_of_api_key(bench_id(b), 7, "older"));
    bench_save(b, change_of_api_key(bench_id(b), 7, "newer"));
    bench_save(b, change_of_api_key(bench_id(b), 8, "another's"));
    assert_int_equal(reader_api_keys(bench_reader(b), 7, see_key, &seen), OK);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.names[0], "newer");
    assert_string_equal(seen.names[1], "older");
}

static void setting_is_inserted_and_replaced(void **state)
{
    struct bench *b = *state;
    bench_save(b, change_of_setting("retention_days", "30"));
    bench_save(b, change_of_setting("banner", "don't; DROP TABLE setting --"));
    bench_save(b, change_of_setting("retention_days", ""));
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->setting_count, 2);
    assert_string_equal(l->settings[0].name, "banner");
    assert_string_equal(l->settings[0].value, "don't; DROP TABLE setting --");
    assert_string_equal(l->settings[1].name, "retention_days");
    assert_string_equal(l->settings[1].value, "");
    loaded_free(l);
}

static void what_goes_with_a_change_is_written_with_it_or_not_at_all(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    struct change *c = change_of_setting("first", "1");
    c->also = change_of_setting("second", "2");
    c->also->also = change_of_user(id, "Ada");
    bench_save(b, c);
    assert_true(has_setting(b, "first"));
    assert_true(has_setting(b, "second"));
    c = change_of_setting("third", "3");
    c->also = change_of_user(bench_id(b), "ada"); /* the name is taken */
    assert_int_not_equal(store_save_now(b->store, c), OK);
    assert_false(has_setting(b, "third"));
}

/* ---- idempotency keys ---- */

static struct change *request_with_key(struct uuid id, const char *name)
{
    struct change *c = change_of_request(id, 11, 22, "{}");
    c->idempotency = STRUCT(struct idempotency_record, .request_id = id, .user_key = 22,
                            .space_key = 11, .hash = {{1, 2, 3}});
    str_copy(c->idempotency->name, sizeof c->idempotency->name, str_of(name));
    return c;
}

static void idempotency_key_is_stored_with_its_request_or_not_at_all(void **state)
{
    struct bench *b = *state;
    struct uuid id = bench_id(b);
    bench_save(b, request_with_key(id, "k1"));
    assert_int_equal(store_save_now(b->store, request_with_key(id, "k2")), ERR_STORE_UNAVAILABLE);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->idempotency_count, 1);
    const struct idempotency_record *k = &l->idempotencys[0];
    assert_true(uuid_eq(k->request_id, id));
    assert_string_equal(k->name, "k1");
    assert_int_equal(k->user_key, 22);
    assert_int_equal(k->space_key, 11);
    assert_true(hash_eq(k->hash, (struct hash){{1, 2, 3}}));
    loaded_free(l);
}

static void expired_keys_go_and_later_ones_stay(void **state)
{
    struct bench *b = *state;
    struct uuid ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = bench_id(b);
        bench_save(b, request_with_key(ids[i], "k"));
    }
    struct change *c = change_new(CHANGE_KEYS_EXPIRED);
    c->key = uuid_key(ids[1]);
    bench_save(b, c);
    struct loaded *l = restart_and_load(b);
    assert_int_equal(l->idempotency_count, 1);
    assert_true(uuid_eq(l->idempotencys[0].request_id, ids[2]));
    assert_int_equal(l->request_count, 3); /* only the keys */
    loaded_free(l);
}

/* ---- audit ---- */

struct audits {
    struct audit_record list[8];
    size_t count;
};

static void add_audit(void *ctx, int64_t key, const struct audit_record *a)
{
    struct audits *all = ctx;
    (void)key;
    assert_true(all->count < 8);
    all->list[all->count++] = *a;
}

static struct audit_record *audit_of(const char *action)
{
    struct audit_record *a = STRUCT(struct audit_record, .at_ms = T0, .actor = "(cli)",
                                    .address = "127.0.0.1", .subject = "art", .detail = "why");
    str_copy(a->action, sizeof a->action, str_of(action));
    return a;
}

static void audit_comes_alone_or_with_any_change(void **state)
{
    struct bench *b = *state;
    struct change *c = change_new(CHANGE_AUDIT);
    c->audit = audit_of("login.failed");
    bench_save(b, c);
    c = change_of_space(bench_id(b), "art");
    c->audit = audit_of("space.add");
    bench_save(b, c);
    /* Not without its change. */
    c = change_of_space(bench_id(b), "art");
    c->audit = audit_of("space.twice");
    assert_int_equal(store_save_now(b->store, c), ERR_STORE_UNAVAILABLE);

    struct audits all = {0};
    assert_int_equal(
        reader_audit(bench_reader(b), &(struct audit_filter){.limit = 10}, add_audit, &all), OK);
    assert_int_equal(all.count, 2);
    assert_string_equal(all.list[0].action, "space.add");
    assert_string_equal(all.list[1].action, "login.failed");
    assert_string_equal(all.list[1].actor, "(cli)");
    assert_string_equal(all.list[1].address, "127.0.0.1");
    assert_string_equal(all.list[1].subject, "art");
    assert_string_equal(all.list[1].detail, "why");
    assert_int_equal(all.list[1].at_ms, T0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(user_is_inserted_and_replaced),
        BENCH_TEST(user_name_is_unique_in_any_case),
        BENCH_TEST(same_key_with_other_bytes_is_no_replacement),
        BENCH_TEST(new_session_sets_the_users_last_login),
        BENCH_TEST(a_user_is_replaced_together_with_the_end_of_its_sessions),
        BENCH_TEST(session_is_seen_and_ends),
        BENCH_TEST(last_key_is_told_of_what_is_finished_or_removed_too),
        BENCH_TEST(space_keeps_every_field),
        BENCH_TEST(removed_space_gives_its_name_back_and_is_not_loaded),
        BENCH_TEST(token_is_put_used_and_revoked),
        BENCH_TEST(api_key_is_put_used_and_revoked),
        BENCH_TEST(api_keys_of_a_person_are_read_without_the_revoked_ones),
        BENCH_TEST(what_goes_with_a_change_is_written_with_it_or_not_at_all),
        BENCH_TEST(setting_is_inserted_and_replaced),
        BENCH_TEST(idempotency_key_is_stored_with_its_request_or_not_at_all),
        BENCH_TEST(expired_keys_go_and_later_ones_stay),
        BENCH_TEST(audit_comes_alone_or_with_any_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
