/* A store's content as the start loads it. */
#ifndef TESTS_STORE_LOADED_H
#define TESTS_STORE_LOADED_H

#include "support.h"

struct loaded {
    struct user_record users[8];
    struct space_record spaces[8];
    struct token_record tokens[8];
    struct session_record sessions[8];
    struct api_key_record api_keys[8];
    struct setting_record settings[8];
    struct idempotency_record idempotencys[8];
    struct request_record requests[8]; /* parts are referenced */
    size_t user_count, space_count, token_count, session_count, api_key_count, setting_count,
        idempotency_count, request_count;
    int64_t last_key;
};

#define LOADER(what)                                                                               \
    static inline void load_##what(void *ctx, const struct what##_record *record)                  \
    {                                                                                              \
        struct loaded *l = ctx;                                                                    \
        assert_true(l->what##_count < 8);                                                          \
        l->what##s[l->what##_count++] = *record;                                                   \
    }
LOADER(user)
LOADER(space)
LOADER(token)
LOADER(session)
LOADER(api_key)
LOADER(setting)
LOADER(idempotency)

static inline void load_request(void *ctx, const struct request_record *record)
{
    struct loaded *l = ctx;
    assert_true(l->request_count < 8);
    l->requests[l->request_count++] = *record;
    bytes_ref(record->payload);
    bytes_ref(record->text);
    bytes_ref(record->result);
    bytes_ref(record->usage);
    bytes_ref(record->error_message);
}

static inline void load_last_key(void *ctx, int64_t key)
{
    ((struct loaded *)ctx)->last_key = key;
}

static inline struct loaded *restart_and_load(struct bench *b)
{
    struct loaded *l = xcalloc(1, sizeof *l);
    const struct store_visitor v = {.ctx = l,
                                    .user = load_user,
                                    .space = load_space,
                                    .token = load_token,
                                    .session = load_session,
                                    .api_key = load_api_key,
                                    .setting = load_setting,
                                    .idempotency = load_idempotency,
                                    .request = load_request,
                                    .last_key = load_last_key};
    bench_reopen(b);
    struct buf why = BUF_INIT(1000);
    assert_int_equal(store_load(b->store, &v, &why), OK);
    buf_release(&why);
    return l;
}

static inline void loaded_free(struct loaded *l)
{
    for (size_t i = 0; i < l->request_count; i++)
        request_record_release(&l->requests[i]);
    free(l);
}

#endif
