#include "main/commands.h"

#include "codec/json.h"
#include "codec/records.h"

static bool name_is_good(const struct options *o)
{
    bool good = user_name_valid(str_of(o->arg));
    if (!good)
        complain("a user's name has 1 to 32 letters, digits and _");
    return good;
}

static int show_user(struct client *c, const char *name)
{
    struct reply records = {0};
    int status = ask_records(c, &records);
    const struct user_record *u = status ? NULL : find_user(&records, name);
    if (u)
        print_json(record_user_json(u));
    reply_release(&records);
    return u ? STATUS_DONE : STATUS_FAILED;
}

/* Opens, asks and says what was done, followed by the name. */
static int change_user(const struct options *o, struct command *cmd, bool make, const char *done)
{
    struct reply reply = {0};
    struct client *c = open_data(o, make);
    if (!c)
        return STATUS_FAILED;
    (void)str_copy(cmd->user.name, sizeof cmd->user.name, str_of(o->arg));
    int status = ask(c, cmd, &reply);
    reply_release(&reply);
    if (!status && o->json)
        status = show_user(c, o->arg);
    else if (!status)
        say("%s %s", done, o->arg);
    client_close(c);
    return status;
}

int user_add(const struct options *o)
{
    struct command cmd = {.kind = CMD_USER_ADD};
    if (!name_is_good(o))
        return STATUS_USAGE;
    int status = read_password_hash(o, cmd.user.password_hash);
    if (status)
        return status;
    cmd.user.role = o->admin ? ROLE_ADMIN : ROLE_USER;
    return change_user(o, &cmd, true, o->admin ? "added the administrator" : "added the user");
}

int user_passwd(const struct options *o)
{
    struct command cmd = {.kind = CMD_USER_PASSWORD};
    if (!name_is_good(o))
        return STATUS_USAGE;
    int status = read_password_hash(o, cmd.user.password_hash);
    return status ? status : change_user(o, &cmd, false, "changed the password of");
}

int user_disable(const struct options *o)
{
    struct command cmd = {.kind = CMD_USER_DISABLE, .flag = true};
    return name_is_good(o) ? change_user(o, &cmd, false, "disabled") : STATUS_USAGE;
}

int user_enable(const struct options *o)
{
    struct command cmd = {.kind = CMD_USER_DISABLE, .flag = false};
    return name_is_good(o) ? change_user(o, &cmd, false, "enabled") : STATUS_USAGE;
}

static void print_json_list(const struct reply *r)
{
    struct json_t *list = json_array_new();
    for (size_t i = 0; i < r->user_count; i++)
        json_add(list, record_user_json(&r->users[i]));
    print_json(list);
}

static void print_list(const struct reply *r)
{
    struct text_table t = {.columns = 5};
    table_add(&t, (const char *[]){"NAME", "ROLE", "STATE", "CREATED", "LAST LOG-IN"});
    for (size_t i = 0; i < r->user_count; i++) {
        const struct user_record *u = &r->users[i];
        char created[SHORT_TIME_BYTES], seen[SHORT_TIME_BYTES];
        table_add(&t, (const char *[]){u->name, u->role == ROLE_ADMIN ? "admin" : "user",
                                       u->disabled ? "disabled" : "active",
                                       short_time(u->created_ms, created),
                                       short_time(u->last_login_ms, seen)});
    }
    table_print(&t);
    table_release(&t);
}

int user_list(const struct options *o)
{
    struct reply records = {0};
    struct client *c = open_data(o, false);
    int status = c ? ask_records(c, &records) : STATUS_FAILED;
    if (!status && o->json)
        print_json_list(&records);
    else if (!status)
        print_list(&records);
    reply_release(&records);
    client_close(c);
    return status;
}
