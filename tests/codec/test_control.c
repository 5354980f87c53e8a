#include "codec/control.h"

#include "base/alloc.h"
#include "codec/json.h"
#include "codec/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HASH         "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA"
#define ID           "01890a5d-ac96-774b-bcce-b302099a8057"
#define ID2          "01890a5d-ac96-774b-bcce-b302099a8058"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct buf line, why;

static int start(void **state)
{
    (void)state;
    line = BUF_INIT(SIZE_MAX);
    why = BUF_INIT(500);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    buf_release(&line);
    buf_release(&why);
    return 0;
}

static struct uuid id_of(const char *text)
{
    struct uuid id;
    assert_int_equal(uuid_parse(str_of(text), &id), OK);
    return id;
}

static enum err decode(const char *text, struct command *c)
{
    buf_clear(&why);
    return control_decode_command(str_of(text), c, &why);
}

/* ---- commands ---- */

/* The wire: what an older command line sends must still be understood. */
static const char *const lines[] = {
    "{\"command\":\"user_add\",\"name\":\"ann\",\"password_hash\":\"" HASH
    "\",\"role\":\"admin\",\"language\":\"en\"}\n",
    "{\"command\":\"user_password\",\"name\":\"ann\",\"password_hash\":\"" HASH "\"}\n",
    "{\"command\":\"user_disable\",\"name\":\"ann\",\"disabled\":true}\n",
    "{\"command\":\"user_disable\",\"name\":\"ann\",\"disabled\":false}\n",
    "{\"command\":\"user_role\",\"name\":\"ann\",\"role\":\"user\"}\n",
    "{\"command\":\"space_add\",\"name\":\"caf\xc3\xa9 \xf0\x9f\x9a\x80\",\"description\":\"two\\n"
    "lines\",\"cover\":\"/a.png\",\"cover_type\":\"image\",\"inputs\":[\"prompt\",\"file\"],"
    "\"max_apps\":3,\"rate_limit_s\":10,\"queue_offline\":true,\"legacy_registration\":false}\n",
    "{\"command\":\"space_edit\",\"space_id\":\"" ID
    "\",\"members\":193,\"name\":\"demo\",\"description\":\"\",\"cover\":\"\",\"cover_type\":"
    "\"video\","
    "\"inputs\":[\"audio\",\"video\"],\"max_apps\":1000,\"rate_limit_s\":0,"
    "\"queue_offline\":false,\"legacy_registration\":true}\n",
    "{\"command\":\"space_remove\",\"space_id\":\"" ID "\"}\n",
    "{\"command\":\"space_remove_named\",\"name\":\"demo\"}\n",
    "{\"command\":\"token_add\",\"space_key\":9223372036854775807,\"note\":\"at home\","
    "\"expires_at\":\"2030-01-02T03:04:05.678Z\"}\n",
    "{\"command\":\"token_add\",\"space_key\":1,\"note\":\"\",\"expires_at\":null}\n",
    "{\"command\":\"token_revoke\",\"token_id\":\"" ID "\"}\n",
    "{\"command\":\"key_add\",\"user\":\"ann\",\"name\":\"my "
    "script\",\"scopes\":[\"read\",\"admin\"],"
    "\"hash\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"expires_at\":null}\n",
    "{\"command\":\"key_add\",\"user\":\"ann\",\"name\":\"x\",\"scopes\":[\"submit\"],"
    "\"hash\":\"__________________________________________8\","
    "\"expires_at\":\"2030-01-02T03:04:05.678Z\"}\n",
    "{\"command\":\"key_revoke\",\"user\":\"ann\",\"name\":\"my script\"}\n",
    "{\"command\":\"query_keys\",\"user\":\"\"}\n",
    "{\"command\":\"query_keys\",\"user\":\"ann\"}\n",
    "{\"command\":\"app_drain\",\"connection_id\":\"" ID "\"}\n",
    "{\"command\":\"app_kick\",\"connection_id\":\"" ID "\"}\n",
    "{\"command\":\"query_apps\"}\n",
    "{\"command\":\"query_apps\",\"space_id\":\"" ID "\"}\n",
    "{\"command\":\"query_space\",\"space_id\":\"" ID "\"}\n",
    "{\"command\":\"query_records\"}\n",
    "{\"command\":\"backup\"}\n",
    "{\"command\":\"check\"}\n",
};

static void every_command_reads_back_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct command c;
        if (decode(lines[i], &c))
            fail_msg("%s: %s", lines[i], buf_cstr(&why));
        buf_clear(&line);
        assert_int_equal(control_encode_command(&line, &c), OK);
        assert_string_equal(buf_cstr(&line), lines[i]);
        assert_string_equal(c.actor.name, "(cli)");
        assert_int_equal(c.actor.role, ROLE_ADMIN);
        assert_int_equal(c.actor.user_key, 0);
    }
}

static void fields_arrive_where_they_belong(void **state)
{
    (void)state;
    struct command c;
    assert_int_equal(decode(lines[5], &c), OK);
    assert_int_equal(c.kind, CMD_SPACE_ADD);
    assert_string_equal(c.space.description, "two\nlines");
    assert_int_equal(c.space.inputs, INPUT_PROMPT | INPUT_FILE);
    assert_int_equal(c.space.max_apps, 3);
    assert_true(c.space.queue_offline);
    assert_int_equal(decode(lines[9], &c), OK);
    assert_int_equal(c.token.space_key, INT64_MAX);
    assert_int_equal(c.token.expires_ms, 1893553445678);
    assert_int_equal(decode(lines[11], &c), OK);
    assert_true(uuid_eq(c.token.id, id_of(ID)));
    assert_int_equal(decode(lines[12], &c), OK);
    assert_int_equal(c.kind, CMD_API_KEY_ADD);
    assert_string_equal(c.user.name, "ann");
    assert_string_equal(c.api_key.name, "my script");
    assert_int_equal(c.api_key.scopes, SCOPE_READ | SCOPE_ADMIN);
    assert_true(hash_eq(c.api_key.hash, (struct hash){{1, 2, 3}}));
    assert_int_equal(c.api_key.expires_ms, 0);
    assert_int_equal(decode(lines[17], &c), OK);
    assert_true(uuid_eq(c.id, id_of(ID)));
}

static void a_space_has_defaults(void **state)
{
    (void)state;
    struct command c;
    assert_int_equal(decode("{\"command\":\"space_add\",\"name\":\"demo\"}", &c), OK);
    assert_int_equal(c.space.max_apps, 1);
    assert_int_equal(c.space.inputs, INPUT_PROMPT);
    assert_string_equal(c.space.cover_type, "image");
    assert_false(c.space.queue_offline);
}

/* What only web threads may ask is neither written nor taken. */
static void other_commands_do_not_travel(void **state)
{
    (void)state;
    for (enum command_kind kind = 0; kind < CMD__MAX; kind++) {
        struct command c = {.kind = kind};
        buf_clear(&line);
        enum err e = control_encode_command(&line, &c);
        assert_true(e == OK || (e == ERR_UNKNOWN_TYPE && line.len == 0));
        bool others = kind == CMD_SETUP || kind == CMD_SUBMIT || kind == CMD_SESSION_OPEN ||
                      kind == CMD_SETTING_SET || kind == CMD_LOGIN_MAY;
        assert_true(!others || e == ERR_UNKNOWN_TYPE);
    }
}

static const struct {
    const char *text;
    enum err err;
} refused[] = {
    {"", ERR_BAD_JSON},
    {"{", ERR_BAD_JSON},
    {"{\"command\":\"query_records\"} x", ERR_BAD_JSON},
    {"{\"command\":\"query_records\",\"command\":\"query_records\"}", ERR_BAD_JSON},
    {"{\"command\":\"\xff\"}", ERR_BAD_JSON},
    {"[]", ERR_BAD_MESSAGE},
    {"\"query_records\"", ERR_BAD_MESSAGE},
    {"{}", ERR_BAD_MESSAGE},
    {"{\"command\":7}", ERR_BAD_MESSAGE},
    {"{\"command\":\"submit\"}", ERR_UNKNOWN_TYPE},
    {"{\"command\":\"\"}", ERR_UNKNOWN_TYPE},
    {"{\"command\":\"query_records\",\"more\":1}", ERR_BAD_MESSAGE},
    {"{\"command\":\"user_role\",\"name\":\"ann\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"user_role\",\"name\":\"ann\",\"role\":\"root\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"user_role\",\"name\":\"a b\",\"role\":\"user\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"user_role\",\"name\":\"\",\"role\":\"user\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"user_role\",\"name\":\"a23456789012345678901234567890123\",\"role\":\"user\"}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"user_password\",\"name\":\"ann\",\"password_hash\":\"secret\"}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"user_disable\",\"name\":\"ann\",\"disabled\":1}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a/b\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\" a\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"max_apps\":0}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"max_apps\":1001}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"max_apps\":1.5}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"max_apps\":\"1\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"inputs\":[]}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"inputs\":[\"smell\"]}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"cover_type\":\"12345678901234567\"}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"space_add\",\"name\":\"a\",\"cover\":\"a\\nb\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_remove\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"space_remove\",\"space_id\":\"00000000-0000-0000-0000-000000000000\"}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"space_remove\",\"space_id\":\"demo\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"token_add\",\"note\":\"x\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"token_add\",\"space_key\":0}", ERR_BAD_MESSAGE},
    {"{\"command\":\"token_add\",\"space_key\":1,\"expires_at\":\"tomorrow\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"token_add\",\"space_key\":1,\"expires_at\":\"1970-01-01T00:00:00Z\"}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"token_add\",\"space_key\":1,\"note\":\"a\\u0007\"}", ERR_BAD_MESSAGE},
    {"{\"command\":\"token_revoke\",\"token_id\":7}", ERR_BAD_MESSAGE},
    {"{\"command\":\"app_kick\",\"connection_id\":null}", ERR_BAD_MESSAGE},
#define KEY(scopes, hash)                                                                          \
    {                                                                                              \
        "{\"command\":\"key_add\",\"user\":\"ann\",\"name\":\"x\",\"scopes\":" scopes ","          \
        "\"hash\":\"" hash "\"}",                                                                  \
            ERR_BAD_MESSAGE                                                                        \
    }
#define DIGEST "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    KEY("[]", DIGEST),
    KEY("[\"all\"]", DIGEST),
    KEY("[7]", DIGEST),
    KEY("\"read\"", DIGEST),
    KEY("[\"read\"]", ""),
    KEY("[\"read\"]", "AQID"),
    KEY("[\"read\"]", DIGEST "A"),
    KEY("[\"read\"]", DIGEST "AAAA"),
    KEY("[\"read\"]", "!!!"),
    {"{\"command\":\"key_add\",\"user\":\"ann\",\"name\":\"x\",\"scopes\":[\"read\"]}",
     ERR_BAD_MESSAGE},
    {"{\"command\":\"key_revoke\",\"user\":\"ann\"}", ERR_BAD_MESSAGE},
};

static void what_is_wrong_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct command c = {.kind = CMD__MAX};
        enum err e = decode(refused[i].text, &c);
        if (e != refused[i].err)
            fail_msg("%s: %d, %s", refused[i].text, e, buf_cstr(&why));
        assert_int_not_equal(why.len, 0);
        assert_int_equal(c.kind, CMD__MAX); /* untouched */
    }
}

static void every_shorter_line_is_refused(void **state)
{
    (void)state;
    struct command c;
    for (size_t i = 0; i < COUNT(lines); i++)
        for (size_t n = 0; n + 1 < strlen(lines[i]); n++) {
            buf_clear(&why);
            assert_int_equal(control_decode_command(str_slice(lines[i], n), &c, &why),
                             ERR_BAD_JSON);
        }
}

/* ---- replies ---- */

static void every_error_reads_back_as_itself(void **state)
{
    (void)state;
    for (enum err e = OK; e < ERR__MAX; e++) {
        struct reply r = {.err = e, .message = "So \"it\" is", .retry_after_ms = 1500}, back;
        buf_clear(&line);
        assert_int_equal(control_encode_reply(&line, &r), OK);
        assert_int_equal(control_decode_reply(buf_str(&line), &back, &why), OK);
        assert_int_equal(back.err, e);
        assert_string_equal(back.message, r.message);
        assert_int_equal(back.retry_after_ms, 1500);
        assert_true(uuid_is_nil(back.id));
        reply_release(&back);
    }
}

static void keys_read_back_without_a_hash(void **state)
{
    (void)state;
    struct reply r = {0}, back;
    r.api_keys = xcalloc(1, sizeof *r.api_keys);
    r.api_key_count = 1;
    r.api_keys[0] = (struct api_key_view){.user = "ann",
                                          .rec = {.id = id_of(ID),
                                                  .hash = {{1, 2, 3}},
                                                  .name = "my script",
                                                  .scopes = SCOPE_READ | SCOPE_SUBMIT,
                                                  .created_ms = 1700000000123,
                                                  .used_ms = 1700000000124}};
    assert_int_equal(control_encode_reply(&line, &r), OK);
    assert_string_equal(
        buf_cstr(&line),
        "{\"code\":\"ok\",\"keys\":[{\"key_id\":\"" ID "\",\"user\":\"ann\",\"name\":\"my script\","
        "\"scopes\":[\"read\",\"submit\"],\"created_at\":\"2023-11-14T22:13:20.123Z\","
        "\"expires_at\":null,\"last_used_at\":\"2023-11-14T22:13:20.124Z\"}]}\n");
    assert_int_equal(control_decode_reply(buf_str(&line), &back, &why), OK);
    assert_int_equal(back.api_key_count, 1);
    r.api_keys[0].rec.hash = (struct hash){{0}};
    assert_memory_equal(&back.api_keys[0], &r.api_keys[0], sizeof *r.api_keys);
    reply_release(&back);
    reply_release(&r);
}

static void fill_records(struct reply *r)
{
    r->users = xcalloc(2, sizeof *r->users);
    r->records = xcalloc(1, sizeof *r->records);
    r->tokens = xcalloc(1, sizeof *r->tokens);
    r->user_count = 2;
    r->record_count = r->token_count = 1;
    r->users[0] = (struct user_record){.id = id_of(ID),
                                       .name = "ann",
                                       .role = ROLE_ADMIN,
                                       .password_hash = HASH,
                                       .created_ms = 1700000000123,
                                       .last_login_ms = 1700000000124};
    r->users[1] = (struct user_record){
        .id = id_of(ID2), .name = "bob", .disabled = true, .language = "ko", .created_ms = 1};
    r->records[0] = (struct space_record){.id = id_of(ID),
                                          .name = "d\xc3\xa9mo",
                                          .inputs = INPUT_VIDEO,
                                          .max_apps = 2,
                                          .created_ms = 5};
    r->tokens[0] = (struct token_record){.id = id_of(ID2),
                                         .space_key = INT64_MAX,
                                         .note = "n",
                                         .created_by = "(cli)",
                                         .created_ms = 7,
                                         .expires_ms = 8,
                                         .revoked_ms = 9,
                                         .used_ms = 10};
}

static void records_read_back_without_hashes(void **state)
{
    (void)state;
    struct reply r = {.id = id_of(ID)}, back;
    fill_records(&r);
    assert_int_equal(control_encode_reply(&line, &r), OK);
    assert_null(strstr(buf_cstr(&line), "argon2"));
    assert_int_equal(control_decode_reply(buf_str(&line), &back, &why), OK);
    assert_true(uuid_eq(back.id, r.id));
    assert_int_equal(back.user_count, 2);
    assert_int_equal(back.record_count, 1);
    assert_int_equal(back.token_count, 1);
    assert_string_equal(back.users[0].name, "ann");
    assert_int_equal(back.users[0].role, ROLE_ADMIN);
    assert_true(back.users[1].disabled);
    assert_int_equal(back.records[0].inputs, INPUT_VIDEO);
    assert_int_equal(back.tokens[0].space_key, INT64_MAX);
    struct buf again = BUF_INIT(SIZE_MAX);
    assert_int_equal(control_encode_reply(&again, &back), OK);
    assert_string_equal(buf_cstr(&again), buf_cstr(&line));
    buf_release(&again);
    reply_release(&r);
    reply_release(&back);
}

static void assert_reads_back(const struct reply *r, struct reply *back)
{
    struct buf again = BUF_INIT(SIZE_MAX);
    buf_clear(&line);
    assert_int_equal(control_encode_reply(&line, r), OK);
    assert_int_equal(control_decode_reply(buf_str(&line), back, &why), OK);
    assert_int_equal(control_encode_reply(&again, back), OK);
    assert_string_equal(buf_cstr(&again), buf_cstr(&line));
    buf_release(&again);
}

static void connected_apps_and_states_read_back(void **state)
{
    (void)state;
    struct reply apps = {.count = 1}, states = {.count = 1}, back;
    apps.apps = xcalloc(2, sizeof *apps.apps);
    apps.apps[0] = (struct app_view){.connection_id = id_of(ID),
                                     .space_id = id_of(ID2),
                                     .space_name = "demo",
                                     .name = "<b>\n",
                                     .version = "1",
                                     .address = "::1",
                                     .connected_ms = 1700000000123,
                                     .concurrency = 2,
                                     .prefetch = 3,
                                     .in_flight = 4,
                                     .draining = true};
    assert_reads_back(&apps, &back);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.apps[0].in_flight, 4);
    assert_true(back.apps[0].draining);
    assert_string_equal(back.apps[0].name, "<b>\n");
    reply_release(&back);
    states.spaces = xcalloc(1, sizeof *states.spaces);
    states.spaces[0] = (struct space_view){.space_id = id_of(ID),
                                           .name = "demo",
                                           .connected = true,
                                           .apps = 1,
                                           .slots = 2,
                                           .slots_free = 1,
                                           .queue_length = 7};
    assert_reads_back(&states, &back);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.spaces[0].queue_length, 7);
    reply_release(&back);
    reply_release(&apps);
    reply_release(&states);
}

static void findings_read_back(void **state)
{
    (void)state;
    struct reply r = {0}, back;
    findings_add(&r.findings, FINDING_OK, "clock", NULL, "it is %d", 7);
    findings_add(&r.findings, FINDING_FAIL, "space", "make room", "\"%s\" is full\n", "/d\xc3\xa9");
    assert_reads_back(&r, &back);
    assert_int_equal(back.findings.count, 2);
    assert_int_equal(back.findings.list[0].level, FINDING_OK);
    assert_string_equal(back.findings.list[0].message, "it is 7");
    assert_string_equal(back.findings.list[0].advice, "");
    assert_string_equal(back.findings.list[1].check, "space");
    assert_string_equal(back.findings.list[1].message, "\"/d\xc3\xa9\" is full\n");
    assert_string_equal(back.findings.list[1].advice, "make room");
    reply_release(&back);
    reply_release(&r);
}

static void no_records_are_not_the_same_as_none_asked_for(void **state)
{
    (void)state;
    struct reply r = {0}, back;
    r.users = xcalloc(1, sizeof *r.users);
    assert_int_equal(control_encode_reply(&line, &r), OK);
    assert_string_equal(buf_cstr(&line), "{\"code\":\"ok\",\"users\":[]}\n");
    assert_int_equal(control_decode_reply(buf_str(&line), &back, &why), OK);
    assert_int_equal(back.user_count, 0);
    reply_release(&r);
    reply_release(&back);
}

/* 511 bytes that are no UTF-8 become three times as long on the way. */
static void a_message_that_grew_is_cut_at_a_character(void **state)
{
    (void)state;
    struct reply r = {.err = ERR_IO}, back;
    memset(r.message, 0xff, sizeof r.message - 1);
    assert_int_equal(control_encode_reply(&line, &r), OK);
    assert_int_equal(control_decode_reply(buf_str(&line), &back, &why), OK);
    assert_int_equal(strlen(back.message), 510);
    assert_true(utf8_valid(back.message, 510));
    reply_release(&back);
}

static void a_reply_too_large_for_its_buffer_says_so(void **state)
{
    (void)state;
    struct buf small = BUF_INIT(100);
    struct reply r = {0};
    fill_records(&r);
    assert_int_equal(control_encode_reply(&small, &r), ERR_TOO_LARGE);
    reply_release(&r);
    buf_release(&small);
}

static void bad_replies_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"code\":\"never_heard_of\"}",
        "{\"code\":\"ok\",\"retry_after_ms\":-1}",
        "{\"code\":\"ok\",\"retry_after_ms\":\"1\"}",
        "{\"code\":\"ok\",\"id\":\"x\"}",
        "{\"code\":\"ok\",\"users\":{}}",
        "{\"code\":\"ok\",\"findings\":7}",
        "{\"code\":\"ok\",\"findings\":[{}]}",
        "{\"code\":\"ok\",\"findings\":[{\"check\":\"a\",\"status\":\"odd\",\"message\":\"m\"}]}",
        "{\"code\":\"ok\",\"users\":[{}]}",
        "{\"code\":\"ok\",\"users\":[7]}",
        "{\"code\":\"ok\",\"users\":[],\"spaces\":[{\"space_id\":\"" ID "\"}]}",
        "{\"code\":\"ok\",\"users\":[],\"tokens\":[{\"token_id\":\"" ID "\"}]}",
        "{\"code\":\"ok\",\"tokens\":[null]}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct reply r = {.position = 77};
        buf_clear(&why);
        if (control_decode_reply(str_of(texts[i]), &r, &why) != ERR_BAD_MESSAGE || !why.len)
            fail_msg("%s", texts[i]);
        assert_int_equal(r.position, 77);
    }
    struct reply r;
    assert_int_equal(control_decode_reply(STR("{\"code\":"), &r, &why), ERR_BAD_JSON);
}

/* ---- what --json prints ---- */

static void records_are_shown_with_the_protocols_names(void **state)
{
    (void)state;
    struct reply r = {0};
    fill_records(&r);
    struct json_t *shown[] = {record_user_json(&r.users[0]), record_space_json(&r.records[0]),
                              record_token_json(&r.tokens[0])};
    static const char *const texts[] = {
        "{\"user_id\":\"" ID "\",\"name\":\"ann\",\"role\":\"admin\",\"disabled\":false,"
        "\"language\":\"\",\"created_at\":\"2023-11-14T22:13:20.123Z\","
        "\"last_login_at\":\"2023-11-14T22:13:20.124Z\"}",
        "{\"space_id\":\"" ID "\",\"name\":\"d\xc3\xa9mo\",\"description\":\"\",\"cover\":\"\","
        "\"cover_type\":\"\",\"inputs\":[\"video\"],\"max_apps\":2,\"rate_limit_s\":0,"
        "\"queue_offline\":false,\"legacy_registration\":false,"
        "\"created_at\":\"1970-01-01T00:00:00.005Z\"}",
        "{\"token_id\":\"" ID2 "\",\"note\":\"n\",\"created_by\":\"(cli)\","
        "\"created_at\":\"1970-01-01T00:00:00.007Z\",\"expires_at\":\"1970-01-01T00:00:00.008Z\","
        "\"revoked_at\":\"1970-01-01T00:00:00.009Z\","
        "\"last_used_at\":\"1970-01-01T00:00:00.010Z\"}"};
    for (size_t i = 0; i < COUNT(shown); i++) {
        buf_clear(&line);
        json_write(&line, shown[i]);
        assert_string_equal(buf_cstr(&line), texts[i]);
        json_free(shown[i]);
    }
    reply_release(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_reads_back_as_it_was_written),
        TEST(fields_arrive_where_they_belong),
        TEST(a_space_has_defaults),
        TEST(other_commands_do_not_travel),
        TEST(keys_read_back_without_a_hash),
        TEST(what_is_wrong_is_refused_with_a_sentence),
        TEST(every_shorter_line_is_refused),
        TEST(every_error_reads_back_as_itself),
        TEST(records_read_back_without_hashes),
        TEST(connected_apps_and_states_read_back),
        TEST(findings_read_back),
        TEST(no_records_are_not_the_same_as_none_asked_for),
        TEST(a_message_that_grew_is_cut_at_a_character),
        TEST(a_reply_too_large_for_its_buffer_says_so),
        TEST(bad_replies_are_refused),
        TEST(records_are_shown_with_the_protocols_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
