#include "main/options.h"

#include "base/alloc.h"
#include "model/record.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member)     offsetof(struct options, member)
#define EXPIRES_MAX_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)
#define LIMIT_MAX      200 /* of /api/v1 */
#define RETRY_FOR_MS   120000

/* Each stores a value; NULL, or what is wrong with it. */
typedef const char *take_fn(void *at, const char *value);

static const char *take_text(void *at, const char *value)
{
    memcpy(at, &value, sizeof value);
    return NULL;
}

static void texts_add(struct texts *t, struct str s)
{
    t->list = xrealloc(t->list, t->count + 2, sizeof *t->list);
    t->list[t->count++] = str_dup(s);
    t->list[t->count] = NULL;
}

static void texts_release(struct texts *t)
{
    while (t->count)
        free(t->list[--t->count]);
    free(t->list);
    t->list = NULL;
}

static const char *take_more(void *at, const char *value)
{
    texts_add(at, str_of(value));
    return NULL;
}

static const char *take_yes(void *at, const char *value)
{
    static const char *const words[] = {"1", "true", "yes", "on", "0", "false", "no", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i]) == 0) {
            *(bool *)at = i < 4;
            return NULL;
        }
    }
    return "must be 1 or 0";
}

static const char *take_apps(void *at, const char *value)
{
    uint64_t n;
    if (str_to_u64(str_of(value), SPACE_APPS_MAX, &n) || n < 1)
        return "must be a number from 1 to 1000";
    *(uint32_t *)at = (uint32_t)n;
    return NULL;
}

static const char *take_seconds(void *at, const char *value)
{
    uint64_t n;
    if (str_to_u64(str_of(value), SPACE_RATE_MAX_S, &n))
        return "must be a number of seconds from 0 to 86400";
    *(uint32_t *)at = (uint32_t)n;
    return NULL;
}

static const char *take_inputs(void *at, const char *value)
{
    static const char *const names[] = {"prompt", "audio", "video", "file"}; /* as their bits */
    struct str rest = str_of(value), word;
    uint32_t inputs = 0;
    for (bool more = true; more;) {
        unsigned i = 0;
        more = str_split(rest, ',', &word, &rest);
        while (i < 4 && !str_eq(str_trim(word), str_of(names[i])))
            i++;
        if (i == 4)
            return "must be some of prompt, audio, video and file, with commas between them";
        inputs |= 1u << i;
    }
    *(uint32_t *)at = inputs;
    return NULL;
}

static const char *take_cover_type(void *at, const char *value)
{
    static const char *const types[] = {"image", "emoji", "color", "gradient"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(value, types[i]) == 0)
            return take_text(at, value);
    return "must be image, emoji, color or gradient";
}

static const char *take_limit(void *at, const char *value)
{
    uint64_t n;
    if (str_to_u64(str_of(value), LIMIT_MAX, &n) || n < 1)
        return "must be a number from 1 to 200";
    *(uint32_t *)at = (uint32_t)n;
    return NULL;
}

static const char *take_status(void *at, const char *value)
{
    enum request_status ignored;
    if (request_status_parse(str_of(value), &ignored))
        return "must be queued, processing, completed, failed or cancelled";
    return take_text(at, value);
}

static const char *take_duration(void *at, const char *value)
{
    int64_t ms;
    if (str_to_duration_ms(str_of(value), &ms) || ms <= 0 || ms > EXPIRES_MAX_MS)
        return "must be a time such as 90d, 12h, 30m or 45s, at most 100 years";
    *(int64_t *)at = ms;
    return NULL;
}

static const char *take_scopes(void *at, const char *value)
{
    uint32_t scopes;
    if (scopes_parse(str_of(value), &scopes))
        return "must be some of read, submit and admin, with commas between them";
    *(uint32_t *)at = scopes;
    return NULL;
}

static const char *take_level(void *at, const char *value)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            *(enum log_level *)at = (enum log_level)i;
            return NULL;
        }
    }
    return "must be debug, info, warn or error";
}

static const struct option {
    struct option_info info;
    take_fn *take;
    size_t at;
} table[OPTION__MAX] = {
    [OPTION_LISTEN] = {{"listen", "HOST:PORT",
                        "address to listen on, default 127.0.0.1:5001; port 0 takes a free one; "
                        "may be repeated"},
                       take_more,
                       AT(listen)},
    [OPTION_DATA] = {{"data", "DIR", "the data folder, default ./spacerelay-data"},
                     take_text,
                     AT(data)},
    [OPTION_TLS_CERT] = {{"tls-cert", "FILE", "certificate chain (PEM): serve https and wss"},
                         take_text,
                         AT(tls_cert)},
    [OPTION_TLS_KEY] = {{"tls-key", "FILE", "private key (PEM) of the certificate"},
                        take_text,
                        AT(tls_key)},
    [OPTION_LIMITS] = {{"limits", "FILE",
                        "lines `name = value` that override limits (see "
                        "/docs/limits)"},
                       take_text,
                       AT(limits)},
    [OPTION_ASSETS] = {{"assets", "DIR", "read templates and static files from this checkout"},
                       take_text,
                       AT(assets)},
    [OPTION_TRUSTED_PROXY] = {{"trusted-proxy", "ADDR",
                               "address or network whose X-Forwarded-For and -Proto are believed; "
                               "may be repeated"},
                              take_more,
                              AT(trusted_proxy)},
    [OPTION_SOCKETIO_ORIGINS] = {{"socketio-origins", "LIST",
                                  "sites whose pages may use /socket.io/, with blanks between "
                                  "them, e.g. \"https://a.example https://b.example\"; default *, "
                                  "all"},
                                 take_text,
                                 AT(socketio_origins)},
    [OPTION_LOG_LEVEL] = {{"log-level", "LEVEL", "debug, info, warn or error; default info"},
                          take_level,
                          AT(log_level)},
    [OPTION_ADMIN] = {{"admin", NULL, "the user is an administrator"}, take_yes, AT(admin)},
    [OPTION_PASSWORD_STDIN] = {{"password-stdin", NULL,
                                "read the password from standard input (one newline at its end is "
                                "dropped)"},
                               take_yes,
                               AT(password_stdin)},
    [OPTION_DESCRIPTION] = {{"description", "TEXT", "what the space is for"},
                            take_text,
                            AT(description)},
    [OPTION_MAX_APPS] = {{"max-apps", "N", "apps connected at the same time, default 1"},
                         take_apps,
                         AT(max_apps)},
    [OPTION_QUEUE_OFFLINE] = {{"queue-offline", NULL, "take requests while no app is connected"},
                              take_yes,
                              AT(queue_offline)},
    [OPTION_NO_QUEUE_OFFLINE] = {{"no-queue-offline", NULL, "take none while no app is connected"},
                                 take_yes,
                                 AT(no_queue_offline)},
    [OPTION_INPUTS] = {{"inputs", "LIST",
                        "what people may send: some of prompt,audio,video,file; a new space takes "
                        "prompt"},
                       take_inputs,
                       AT(inputs)},
    [OPTION_COVER] = {{"cover", "TEXT",
                       "its picture: an http(s) address or a path of this site, an emoji, a "
                       "colour or a gradient; see --cover-type"},
                      take_text,
                      AT(cover)},
    [OPTION_COVER_TYPE] = {{"cover-type", "TYPE",
                            "what --cover is: image, emoji, color or gradient; a new space has "
                            "image"},
                           take_cover_type,
                           AT(cover_type)},
    [OPTION_RATE_LIMIT] = {{"rate-limit", "SECONDS",
                            "between two requests of one person; 0, as a new space has it, is no "
                            "limit"},
                           take_seconds,
                           AT(rate_limit_s)},
    [OPTION_LEGACY] = {{"legacy", NULL,
                        "let apps register without a token, for those of older sites: anybody who "
                        "knows the space's name can then serve it"},
                       take_yes,
                       AT(legacy)},
    [OPTION_NO_LEGACY] = {{"no-legacy", NULL, "let in no app without a token"},
                          take_yes,
                          AT(no_legacy)},
    [OPTION_RENAME] = {{"rename", "NAME", "the space's new name"}, take_text, AT(rename)},
    [OPTION_SPACE] = {{"space", "NAME", "the space"}, take_text, AT(space)},
    [OPTION_APP] = {{"app", "ID",
                     "one app, by the id that `app list` shows; default all of the space"},
                    take_text,
                    AT(app)},
    [OPTION_EXPIRES] = {{"expires", "TIME",
                         "how long the token or key is valid, e.g. 90d; default "
                         "for ever"},
                        take_duration,
                        AT(expires_ms)},
    [OPTION_NOTE] = {{"note", "TEXT", "a note to tell the token by"}, take_text, AT(note)},
    [OPTION_USER] = {{"user", "NAME", "whose API key"}, take_text, AT(user)},
    [OPTION_NAME] = {{"name", "TEXT", "the API key's name"}, take_text, AT(name)},
    [OPTION_SCOPES] = {{"scopes", "LIST", "what the API key may do: some of read,submit,admin"},
                       take_scopes,
                       AT(scopes)},
    [OPTION_JSON] = {{"json", NULL, "print JSON"}, take_yes, AT(json)},
    [OPTION_FORCE] = {{"force", NULL,
                       "replace the file that is there (backup); move the data that is there aside "
                       "(restore)"},
                      take_yes,
                      AT(force)},
    [OPTION_SERVER] = {{"server", "URL", "another relay than the one of the last login"},
                       take_text,
                       AT(server)},
    [OPTION_CA] = {{"ca", "FILE", "authorities to trust, PEM; default the system's"},
                   take_text,
                   AT(ca)},
    [OPTION_INSECURE] =
        {{"insecure", NULL,
          "send the API key over plain http, where everyone on the way can read it"},
         take_yes,
         AT(insecure)},
    [OPTION_KEY_STDIN] = {{"key-stdin", NULL, "read the API key from standard input"},
                          take_yes,
                          AT(key_stdin)},
    [OPTION_STATUS] = {{"status", "STATUS",
                        "only those that are queued, processing, completed, failed or cancelled"},
                       take_status,
                       AT(status)},
    [OPTION_LIMIT] = {{"limit", "N", "how many, default 20, at most 200"}, take_limit, AT(limit)},
    [OPTION_NO_STREAM] = {{"no-stream", NULL, "print the answer when it is complete"},
                          take_yes,
                          AT(no_stream)},
    [OPTION_RETRY_FOR] = {{"retry-for", "TIME",
                           "how long to try again when the relay cannot be reached any more, "
                           "default 2m"},
                          take_duration,
                          AT(retry_for_ms)},
};

const struct option_info *option_info(enum option_id id)
{
    return &table[id].info;
}

void option_environment(enum option_id id, char out[ENVIRONMENT_BYTES])
{
    const char *name = id == OPTION_SERVER ? "url" : table[id].info.name;
    int n = snprintf(out, ENVIRONMENT_BYTES, "SPACERELAY_%s", name);
    for (int i = 0; i < n; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

/* ---- where values come from ---- */

struct parse {
    const struct verb *verb;
    struct options *out;
    struct buf *why;
    uint64_t given; /* bits */
};

static bool takes(const struct parse *p, enum option_id id)
{
    return p->verb->options & OPTION_BIT(id);
}

static bool store(struct parse *p, enum option_id id, const char *shown, const char *value)
{
    const char *wrong = "must be valid UTF-8";
    if (utf8_valid(value, strlen(value)))
        wrong = table[id].take((char *)p->out + table[id].at, value);
    if (wrong)
        buf_printf(p->why, "%s %s", shown, wrong);
    p->given |= OPTION_BIT(id);
    return !wrong;
}

/* A repeatable one stands in its variable with commas. */
static bool store_each(struct parse *p, enum option_id id, const char *shown, const char *values)
{
    bool good = true, more = true;
    struct str item, rest = str_of(values);
    while (good && more) {
        more = str_split(rest, ',', &item, &rest);
        char *one = str_dup(str_trim(item));
        good = store(p, id, shown, one);
        free(one);
    }
    return good;
}

/* Those that the command line has not given. */
static bool take_environment(struct parse *p)
{
    for (enum option_id id = 0; id < OPTION__MAX; id++) {
        char name[ENVIRONMENT_BYTES];
        option_environment(id, name);
        const char *value = getenv(name);
        if (!takes(p, id) || (p->given & OPTION_BIT(id)) || !value || !value[0])
            continue;
        bool list = table[id].take == take_more;
        if (!(list ? store_each(p, id, name, value) : store(p, id, name, value)))
            return false;
    }
    return true;
}

static bool find(const struct parse *p, struct str name, enum option_id *id)
{
    for (*id = 0; *id < OPTION__MAX; (*id)++)
        if (takes(p, *id) && str_eq(name, str_of(table[*id].info.name)))
            return true;
    return false;
}

/* args stands at an argument that starts with "--". Returns how many arguments were used; 0 when
 * something is wrong. */
static size_t take_option(struct parse *p, char *const *args)
{
    struct str name, rest;
    enum option_id id;
    char shown[64];
    bool attached = str_split(str_of(args[0] + 2), '=', &name, &rest);
    if (!find(p, name, &id)) {
        buf_printf(p->why, "there is no option --%.*s", STR_ARG(name));
        return 0;
    }
    (void)snprintf(shown, sizeof shown, "--%s", table[id].info.name);
    if (!table[id].info.metavar) {
        if (attached)
            buf_printf(p->why, "%s takes no value", shown);
        return !attached && store(p, id, shown, "1") ? 1 : 0;
    }
    const char *value = attached ? rest.p : args[1];
    bool may_be_empty = id == OPTION_DESCRIPTION || id == OPTION_COVER; /* takes them away */
    if (!value || (!value[0] && !may_be_empty)) {
        buf_printf(p->why, "%s needs a value: %s", shown, table[id].info.metavar);
        return 0;
    }
    if (!store(p, id, shown, value))
        return 0;
    return attached ? 1 : 2;
}

/* The name of the argument that comes next; "" when there is none. */
static struct str next_arg(const struct parse *p)
{
    struct str first, second;
    (void)str_split(str_of(p->verb->arg), ' ', &first, &second);
    if (!p->out->arg)
        return first;
    return p->out->arg2 ? STR("") : second;
}

static bool take_arg(struct parse *p, const char *arg)
{
    struct str name = next_arg(p);
    if (!name.n) {
        buf_printf(p->why, "there is an argument too many: %s", arg);
        return false;
    }
    if (!utf8_valid(arg, strlen(arg))) {
        buf_printf(p->why, "%.*s must be valid UTF-8", STR_ARG(name));
        return false;
    }
    *(p->out->arg ? &p->out->arg2 : &p->out->arg) = arg;
    return true;
}

static enum parsed take_arguments(struct parse *p, char *const *args)
{
    bool options = true;
    while (*args) {
        if (options && strcmp(*args, "--help") == 0)
            return PARSED_HELP;
        if (options && strcmp(*args, "--version") == 0)
            return PARSED_VERSION;
        if (options && strcmp(*args, "--") == 0) {
            options = false;
            args++;
            continue;
        }
        bool option = options && (*args)[0] == '-' && (*args)[1];
        if (option && (*args)[1] != '-') {
            buf_printf(p->why, "there is no option %s", *args);
            return PARSED_WRONG;
        }
        size_t used = option ? take_option(p, args) : take_arg(p, *args);
        if (!used)
            return PARSED_WRONG;
        args += used;
    }
    return PARSED;
}

static bool check_complete(struct parse *p)
{
    struct str arg = next_arg(p);
    if (arg.n) {
        buf_printf(p->why, "%.*s is missing", STR_ARG(arg));
        return false;
    }
    for (enum option_id id = 0; id < OPTION__MAX; id++) {
        if (p->verb->required & ~p->given & OPTION_BIT(id)) {
            buf_printf(p->why, "--%s %s is missing", table[id].info.name, table[id].info.metavar);
            return false;
        }
    }
    return true;
}

enum parsed options_parse(const struct verb *v, char *const *args, struct options *out,
                          struct buf *why)
{
    *out = (struct options){.data = "./spacerelay-data",
                            .log_level = LOG_INFO,
                            .max_apps = 1,
                            .limit = 20,
                            .retry_for_ms = RETRY_FOR_MS};
    struct parse p = {.verb = v, .out = out, .why = why};
    enum parsed result = take_arguments(&p, args);
    if (result == PARSED && (!take_environment(&p) || !check_complete(&p)))
        result = PARSED_WRONG;
    out->given = p.given;
    if (result == PARSED && takes(&p, OPTION_LISTEN) && !out->listen.count)
        texts_add(&out->listen, STR("127.0.0.1:5001"));
    return result;
}

void options_release(struct options *o)
{
    texts_release(&o->listen);
    texts_release(&o->trusted_proxy);
}
