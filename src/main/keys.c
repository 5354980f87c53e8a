#include "main/commands.h"

#include "base/clock.h"
#include "codec/json.h"
#include "codec/records.h"

#include <stdio.h>
#include <string.h>

/* Who is meant goes into the command; STATUS_USAGE after complaining. */
static int take_user(const struct options *o, struct command *cmd)
{
    if (!o->user)
        return STATUS_DONE;
    if (!user_name_valid(str_of(o->user))) {
        complain("a user's name has 1 to 32 letters, digits and _");
        return STATUS_USAGE;
    }
    (void)str_copy(cmd->user.name, sizeof cmd->user.name, str_of(o->user));
    return STATUS_DONE;
}

static int take_names(const struct options *o, struct command *cmd)
{
    int status = take_user(o, cmd);
    if (!status && !api_key_name_valid(str_of(o->name))) {
        complain("an API key's name has 1 to %d bytes, no control character and no blanks at its "
                 "ends",
                 API_KEY_NAME_BYTES - 1);
        status = STATUS_USAGE;
    }
    if (!status)
        (void)str_copy(cmd->api_key.name, sizeof cmd->api_key.name, str_of(o->name));
    return status;
}

/* Opens, asks, closes. */
static int ask_alone(const struct options *o, struct command *cmd, struct reply *reply)
{
    struct client *c = open_data(o, false);
    int status = c ? ask(c, cmd, reply) : STATUS_FAILED;
    client_close(c);
    return status;
}

/* ---- add ---- */

static void print_key(const struct options *o, const struct api_key_view *v, const char *secret)
{
    if (!o->json) {
        (void)printf("%s\n", secret);
        return;
    }
    struct json_t *object = record_api_key_json(v);
    json_put_text(object, "key", secret);
    print_json(object);
}

/* The key's hash is on disk before the key is printed: what was shown can always be revoked. */
int key_add(const struct options *o)
{
    struct command cmd = {.kind = CMD_API_KEY_ADD, .api_key = {.scopes = o->scopes}};
    struct reply reply = {0};
    char secret[API_KEY_SECRET_BYTES];
    int64_t wall_ms = clock_now().wall_ms;
    int status = take_names(o, &cmd);
    if (status)
        return status;
    api_key_secret(secret);
    cmd.api_key.hash = secret_hash(str_of(secret));
    cmd.api_key.created_ms = wall_ms;
    cmd.api_key.expires_ms = o->expires_ms ? wall_ms + o->expires_ms : 0;
    struct api_key_view made = {.rec = cmd.api_key};
    memcpy(made.user, cmd.user.name, sizeof made.user);
    status = ask_alone(o, &cmd, &reply);
    made.rec.id = reply.id;
    if (!status)
        print_key(o, &made, secret);
    reply_release(&reply);
    secret_wipe(secret, sizeof secret);
    return status;
}

/* ---- list ---- */

static const char *state_of(const struct api_key_record *k, int64_t wall_ms)
{
    return k->expires_ms && k->expires_ms <= wall_ms ? "expired" : "valid";
}

static void print_json_list(const struct reply *r)
{
    int64_t wall_ms = clock_now().wall_ms;
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->api_key_count; i++) {
        struct json_t *object = json_add(list, record_api_key_json(&r->api_keys[i]));
        json_put_text(object, "state", state_of(&r->api_keys[i].rec, wall_ms));
    }
    print_json(list);
}

static void print_list(const struct reply *r)
{
    int64_t wall_ms = clock_now().wall_ms;
    struct text_table t = {.columns = 7};
    table_add(
        &t, (const char *[]){"USER", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED"});
    for (size_t i = 0; i < r->api_key_count; i++) {
        const struct api_key_record *k = &r->api_keys[i].rec;
        char scopes[SCOPES_TEXT_BYTES], created[SHORT_TIME_BYTES], expires[SHORT_TIME_BYTES],
            used[SHORT_TIME_BYTES];
        scopes_format(k->scopes, scopes);
        table_add(&t, (const char *[]){r->api_keys[i].user, k->name, scopes, state_of(k, wall_ms),
                                       short_time(k->created_ms, created),
                                       short_time(k->expires_ms, expires),
                                       short_time(k->used_ms, used)});
    }
    table_print(&t);
    table_release(&t);
}

int key_list(const struct options *o)
{
    struct command cmd = {.kind = CMD_QUERY_API_KEYS};
    struct reply reply = {0};
    int status = take_user(o, &cmd);
    if (status)
        return status;
    status = ask_alone(o, &cmd, &reply);
    if (!status && o->json)
        print_json_list(&reply);
    else if (!status)
        print_list(&reply);
    reply_release(&reply);
    return status;
}

/* ---- revoke ---- */

int key_revoke(const struct options *o)
{
    struct command cmd = {.kind = CMD_API_KEY_REVOKE};
    struct reply reply = {0};
    int status = take_names(o, &cmd);
    if (status)
        return status;
    status = ask_alone(o, &cmd, &reply);
    reply_release(&reply);
    if (!status)
        say("revoked the API key \"%s\" of %s", o->name, o->user);
    return status;
}
