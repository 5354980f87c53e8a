/* The command line: one table of options for all commands, from which parsing, the environment
 * (SPACERELAY_DATA for
 * --data, and so on) and --help are made. An option on the command line wins over the environment.
 */
#ifndef MAIN_OPTIONS_H
#define MAIN_OPTIONS_H

#include "base/buf.h"
#include "base/log.h"

/* Heap copies, NULL-terminated; list is NULL when count is 0. */
struct texts {
    char **list;
    size_t count;
};

struct options {
    const char *arg;  /* NAME or ID; NULL when the command takes none */
    const char *arg2; /* PROMPT */
    const char *data;
    const char *tls_cert, *tls_key, *limits, *assets, *socketio_origins;
    const char *space, *app, *description, *note;
    const char *rename, *cover, *cover_type;
    const char *user, *name;
    const char *server, *ca, *status;
    struct texts listen, trusted_proxy;
    enum log_level log_level;
    uint64_t given; /* OPTION_BITs of what the command line or the environment says */
    uint32_t max_apps, limit, rate_limit_s;
    uint32_t inputs;    /* INPUT_ bits */
    uint32_t scopes;    /* SCOPE_ bits */
    int64_t expires_ms; /* from now; 0 = never */
    int64_t retry_for_ms;
    bool admin, password_stdin, queue_offline, json, force;
    bool legacy, no_legacy, no_queue_offline;
    bool key_stdin, insecure, no_stream;
};

enum option_id {
    OPTION_LISTEN,
    OPTION_DATA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_LIMITS,
    OPTION_ASSETS,
    OPTION_TRUSTED_PROXY,
    OPTION_SOCKETIO_ORIGINS,
    OPTION_LOG_LEVEL,
    OPTION_ADMIN,
    OPTION_PASSWORD_STDIN,
    OPTION_DESCRIPTION,
    OPTION_MAX_APPS,
    OPTION_QUEUE_OFFLINE,
    OPTION_NO_QUEUE_OFFLINE,
    OPTION_INPUTS,
    OPTION_COVER,
    OPTION_COVER_TYPE,
    OPTION_RATE_LIMIT,
    OPTION_LEGACY,
    OPTION_NO_LEGACY,
    OPTION_RENAME,
    OPTION_SPACE,
    OPTION_APP,
    OPTION_EXPIRES,
    OPTION_NOTE,
    OPTION_USER,
    OPTION_NAME,
    OPTION_SCOPES,
    OPTION_JSON,
    OPTION_FORCE,
    OPTION_SERVER,
    OPTION_CA,
    OPTION_INSECURE,
    OPTION_KEY_STDIN,
    OPTION_STATUS,
    OPTION_LIMIT,
    OPTION_NO_STREAM,
    OPTION_RETRY_FOR,
    OPTION__MAX
};
#define OPTION_BIT(id) (UINT64_C(1) << (id))

struct option_info {
    const char *name;    /* without the dashes */
    const char *metavar; /* NULL: a flag */
    const char *help;
};
const struct option_info *option_info(enum option_id id);
/* "SPACERELAY_TLS_CERT" for "tls-cert"; "SPACERELAY_URL" for "server". */
#define ENVIRONMENT_BYTES 64
void option_environment(enum option_id id, char out[ENVIRONMENT_BYTES]);

/* What one command takes. */
struct verb {
    const char *group;  /* "user" */
    const char *action; /* "add"; NULL when the group is a command itself */
    const char *arg;    /* "NAME", or two with a blank between them; NULL: none */
    const char *help;   /* a sentence */
    uint64_t options;   /* OPTION_BITs */
    uint64_t required;
    int (*run)(const struct options *o); /* returns the exit status */
};

enum parsed { PARSED, PARSED_HELP, PARSED_VERSION, PARSED_WRONG };
/* Reads the environment and the arguments behind the command's name. PARSED_WRONG: why gets a
 * sentence. In every case *out must be released. */
enum parsed options_parse(const struct verb *v, char *const *args, struct options *out,
                          struct buf *why);
void options_release(struct options *o);

/* Help, as text for stdout: of everything, of a group, of one command. */
void help_program(struct buf *b, const struct verb *verbs, size_t count);
void help_group(struct buf *b, const struct verb *verbs, size_t count, const char *group);
void help_verb(struct buf *b, const struct verb *v);
void verb_name(struct buf *b, const struct verb *v); /* "spacerelay user add" */

#endif
