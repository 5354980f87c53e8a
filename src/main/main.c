#include "main/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BIT(id) OPTION_BIT(OPTION_##id)
#define SPACE                                                                                      \
    (BIT(DESCRIPTION) | BIT(MAX_APPS) | BIT(QUEUE_OFFLINE) | BIT(INPUTS) | BIT(COVER) |            \
     BIT(COVER_TYPE) | BIT(RATE_LIMIT) | BIT(LEGACY))
#define PERSON       (BIT(SERVER) | BIT(CA) | BIT(INSECURE))
#define WHY_BYTES    4096
#define HELP_BYTES   65536
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct verb verbs[] = {
    {"serve", NULL, NULL, "Run the relay until SIGTERM or Ctrl+C.",
     BIT(LISTEN) | BIT(DATA) | BIT(TLS_CERT) | BIT(TLS_KEY) | BIT(LIMITS) | BIT(ASSETS) |
         BIT(TRUSTED_PROXY) | BIT(SOCKETIO_ORIGINS) | BIT(LOG_LEVEL),
     0, serve},
    {"user", "add", "NAME", "Add a user; asks for the password.",
     BIT(DATA) | BIT(ADMIN) | BIT(PASSWORD_STDIN) | BIT(JSON), 0, user_add},
    {"user", "list", NULL, "List all users.", BIT(DATA) | BIT(JSON), 0, user_list},
    {"user", "passwd", "NAME", "Change a user's password; ends their log-ins.",
     BIT(DATA) | BIT(PASSWORD_STDIN), 0, user_passwd},
    {"user", "disable", "NAME", "Keep a user out; ends their log-ins.", BIT(DATA), 0, user_disable},
    {"user", "enable", "NAME", "Let a disabled user in again.", BIT(DATA), 0, user_enable},
    {"space", "add", "NAME", "Add a space.", BIT(DATA) | SPACE | BIT(JSON), 0, space_add},
    {"space", "list", NULL, "List all spaces.", BIT(DATA) | BIT(JSON), 0, space_list},
    {"space", "show", "NAME", "Show a space.", BIT(DATA) | BIT(JSON), 0, space_show},
    {"space", "edit", "NAME", "Change a space: what is not named stays as it is.",
     BIT(DATA) | BIT(RENAME) | SPACE | BIT(NO_QUEUE_OFFLINE) | BIT(NO_LEGACY) | BIT(JSON), 0,
     space_edit},
    {"space", "remove", "NAME", "Remove a space; cancels its unfinished requests.", BIT(DATA), 0,
     space_remove},
    {"token", "issue", NULL, "Issue a token that lets an app into a space, and print it.",
     BIT(DATA) | BIT(SPACE) | BIT(EXPIRES) | BIT(NOTE) | BIT(JSON), BIT(SPACE), token_issue},
    {"token", "list", NULL, "List the tokens of a space, or of all.",
     BIT(DATA) | BIT(SPACE) | BIT(JSON), 0, token_list},
    {"token", "revoke", "ID", "Revoke a token; closes the connections that use it.",
     BIT(DATA) | BIT(SPACE), 0, token_revoke},
    {"key", "add", NULL, "Make an API key, with which a program acts for a user, and print it.",
     BIT(DATA) | BIT(USER) | BIT(NAME) | BIT(SCOPES) | BIT(EXPIRES) | BIT(JSON),
     BIT(USER) | BIT(NAME) | BIT(SCOPES), key_add},
    {"key", "list", NULL, "List the API keys of a user, or of all.",
     BIT(DATA) | BIT(USER) | BIT(JSON), 0, key_list},
    {"key", "revoke", NULL, "Revoke an API key; closes the connections that use it.",
     BIT(DATA) | BIT(USER) | BIT(NAME), BIT(USER) | BIT(NAME), key_revoke},
    {"app", "list", NULL, "List the connected apps of a space, or of all.",
     BIT(DATA) | BIT(SPACE) | BIT(JSON), 0, apps_list},
    {"app", "drain", NULL, "Give the apps of a space nothing new; they finish what they have.",
     BIT(DATA) | BIT(SPACE) | BIT(APP), BIT(SPACE), apps_drain},
    {"app", "kick", NULL, "Close the connections of the apps of a space now.",
     BIT(DATA) | BIT(SPACE) | BIT(APP), BIT(SPACE), apps_kick},
    {"backup", NULL, "FILE",
     "Write a copy of all data, with the signing key, into one file; a server may run meanwhile.",
     BIT(DATA) | BIT(FORCE), 0, backup},
    {"restore", NULL, "FILE",
     "Bring a backup back, after checking it; no server may run. What was revoked since is valid "
     "again.",
     BIT(DATA) | BIT(FORCE), 0, restore},
    {"login", NULL, "URL",
     "Log in to a relay with an API key of its account page: from SPACERELAY_KEY, else asked for. "
     "The last login is the relay that the commands below use.",
     BIT(KEY_STDIN) | BIT(CA) | BIT(INSECURE), 0, login},
    {"logout", NULL, NULL, "Forget a relay and its API key.", BIT(SERVER), 0, logout},
    {"spaces", NULL, NULL, "List the spaces of a relay.", PERSON | BIT(JSON), 0, spaces},
    {"run", NULL, "SPACE PROMPT",
     "Have a space answer a prompt, or what is read from standard input when PROMPT is a single "
     "dash. Ctrl+C cancels. Exit status 1 when it failed, 130 when it was cancelled here.",
     PERSON | BIT(JSON) | BIT(NO_STREAM) | BIT(RETRY_FOR), 0, run_prompt},
    {"requests", NULL, NULL, "List one's own requests, newest first.",
     PERSON | BIT(SPACE) | BIT(STATUS) | BIT(LIMIT) | BIT(JSON), 0, requests},
    {"show", NULL, "ID", "Show a request; the beginning of its ID will do while it is recent.",
     PERSON | BIT(JSON), 0, show_request},
    {"cancel", NULL, "ID", "Cancel a request; the beginning of its ID will do.", PERSON, 0,
     cancel_request},
    {"doctor", NULL, NULL,
     "Check the data folder and the server: database, permissions, disk space, clock.",
     BIT(DATA) | BIT(JSON), 0, doctor},
};

static void print(const char *before, const char *fmt, va_list args)
{
    (void)fputs(before, stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print("spacerelay: ", fmt, args);
    va_end(args);
}

void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    print("", fmt, args);
    va_end(args);
}

static int print_version(void)
{
    (void)puts("spacerelay " SPACERELAY_VERSION);
    return STATUS_DONE;
}

static int print_help(const struct verb *v, const char *group)
{
    struct buf b = BUF_INIT(HELP_BYTES);
    if (v)
        help_verb(&b, v);
    else if (group)
        help_group(&b, verbs, COUNT(verbs), group);
    else
        help_program(&b, verbs, COUNT(verbs));
    (void)fputs(buf_cstr(&b), stdout);
    buf_release(&b);
    return STATUS_DONE;
}

static int run(const struct verb *v, const struct options *o)
{
    if (secret_start()) {
        complain("there is no source of random numbers");
        return STATUS_FAILED;
    }
    if (v->run != serve)
        log_set_level(LOG_WARN);
    return v->run(o);
}

static int run_verb(const struct verb *v, char *const *args)
{
    struct options o;
    struct buf why = BUF_INIT(WHY_BYTES), name = BUF_INIT(WHY_BYTES);
    int status = STATUS_USAGE;
    switch (options_parse(v, args, &o, &why)) {
    case PARSED:
        status = run(v, &o);
        break;
    case PARSED_HELP:
        status = print_help(v, NULL);
        break;
    case PARSED_VERSION:
        status = print_version();
        break;
    case PARSED_WRONG:
        verb_name(&name, v);
        complain("%s; see %s --help", buf_cstr(&why), buf_cstr(&name));
        break;
    }
    options_release(&o);
    buf_release(&why);
    buf_release(&name);
    return status;
}

static const struct verb *find_verb(const char *group, const char *action)
{
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (strcmp(verbs[i].group, group) == 0 &&
            (!verbs[i].action || (action && strcmp(verbs[i].action, action) == 0)))
            return &verbs[i];
    return NULL;
}

static bool is_group(const char *name)
{
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (strcmp(verbs[i].group, name) == 0)
            return true;
    return false;
}

static int wrong(const char *what, const char *name, const char *see)
{
    complain("%s%s%s; see spacerelay %s%s--help", what, name ? " " : "", name ? name : "", see,
             see[0] ? " " : "");
    return STATUS_USAGE;
}

static int dispatch(char *const *args)
{
    const char *group = args[0], *action = group ? args[1] : NULL;
    if (!group)
        return wrong("a command is missing", NULL, "");
    if (strcmp(group, "--version") == 0)
        return print_version();
    if (strcmp(group, "--help") == 0)
        return print_help(NULL, NULL);
    const struct verb *v = find_verb(group, action);
    if (v)
        return run_verb(v, args + (v->action ? 2 : 1));
    if (!is_group(group))
        return wrong(group[0] == '-' ? "there is no option" : "there is no command", group, "");
    if (action && strcmp(action, "--help") == 0)
        return print_help(NULL, group);
    if (action && strcmp(action, "--version") == 0)
        return print_version();
    return wrong(action ? "there is no action" : "an action is missing", action, group);
}

int main(int argc, char **argv)
{
    int status = argc > 0 ? dispatch(argv + 1) : STATUS_USAGE;
    if (fflush(stdout) || ferror(stdout)) {
        complain("cannot write to standard output");
        status = status ? status : STATUS_FAILED;
    }
    return status;
}
