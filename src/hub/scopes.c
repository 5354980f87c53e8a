#include "hub/scopes.h"

enum when { ALWAYS, CHANGING };

/* The first row that fits counts. A path that ends with '/' stands for all below it, {} in it for
 * any one segment. */
static const struct row {
    const char *path;
    enum when when;
    uint32_t scope;
} rows[] = {
    /* open to everybody */
    {"/static/", ALWAYS, 0},
    {"/docs", ALWAYS, 0},
    {"/docs/", ALWAYS, 0},
    {"/healthz", ALWAYS, 0},
    {"/readyz", ALWAYS, 0},
    {"/openapi.json", ALWAYS, 0},
    {"/ws/client", ALWAYS, 0}, /* each of its messages needs its own */

    {"/websockets/submit/", CHANGING, SCOPE_SUBMIT},
    {"/v1/", CHANGING, SCOPE_SUBMIT},
    {"/requests/", CHANGING, SCOPE_SUBMIT}, /* cancelling */

    {"/api/v1/requests", CHANGING, SCOPE_SUBMIT},
    {"/api/v1/requests/", CHANGING, SCOPE_SUBMIT},
    {"/api/v1/spaces", CHANGING, SCOPE_ADMIN},
    {"/api/v1/spaces/", CHANGING, SCOPE_ADMIN},
    {"/api/v1/spaces/{}/", ALWAYS, SCOPE_ADMIN}, /* its tokens and apps */
    {"/api/v1/apps/", ALWAYS, SCOPE_ADMIN},
    {"/api/v1/users", ALWAYS, SCOPE_ADMIN},
    {"/api/v1/users/", ALWAYS, SCOPE_ADMIN},
    {"/api/v1/settings", ALWAYS, SCOPE_ADMIN},
    {"/api/v1/me", ALWAYS, SCOPE_READ},
    {"/api/", CHANGING, SCOPE_ADMIN}, /* nothing is there; what is forgotten here stays shut */

    {"/metrics", ALWAYS, SCOPE_ADMIN},
    {"/admin", ALWAYS, SCOPE_ADMIN},
    {"/admin/", ALWAYS, SCOPE_ADMIN},

    /* a person at a browser */
    {"/account", ALWAYS, SCOPE_ACCOUNT},
    {"/account/", ALWAYS, SCOPE_ACCOUNT},
    {"/login", ALWAYS, SCOPE_ACCOUNT},
    {"/logout", ALWAYS, SCOPE_ACCOUNT},
    {"/register", ALWAYS, SCOPE_ACCOUNT},
    {"/setup", ALWAYS, SCOPE_ACCOUNT},
    {"/language", ALWAYS, SCOPE_ACCOUNT},

    /* all else: who looks needs to read, who changes something is at a browser */
    {"/", CHANGING, SCOPE_ACCOUNT},
    {"/", ALWAYS, SCOPE_READ},
};

static bool reads(enum http_method m)
{
    return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS;
}

/* Segment by segment: what is below needs one more, even an empty one. */
static bool covers(struct str own, struct str path)
{
    struct str wanted, segment;
    bool own_more = true, more = true;
    while (own_more) {
        if (!more)
            return false;
        own_more = str_split(own, '/', &wanted, &own);
        if (!own_more && !wanted.n)
            return true;
        more = str_split(path, '/', &segment, &path);
        if (!str_eq(wanted, STR("{}")) && !str_eq(wanted, segment))
            return false;
    }
    return !more;
}

static bool fits(const struct row *row, bool changing, struct str path)
{
    return (row->when == ALWAYS || changing) && covers(str_of(row->path), path);
}

uint32_t scope_of_request(enum http_method method, struct str path)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fits(&rows[i], !reads(method), path))
            return rows[i].scope;
    return SCOPE_ACCOUNT; /* "*" and what else is no path */
}

uint32_t scope_of_message(const struct client_msg *m)
{
    static const uint32_t scopes[CLIENT_MSG__MAX] = {
        [CLIENT_MSG_SUBSCRIBE] = SCOPE_READ,
        [CLIENT_MSG_UNSUBSCRIBE] = 0,
        [CLIENT_MSG_SUBMIT] = SCOPE_SUBMIT,
        [CLIENT_MSG_CANCEL] = SCOPE_SUBMIT,
    };
    bool admin = m->kind == CLIENT_MSG_SUBSCRIBE && m->topic_known && m->topic.kind == TOPIC_ADMIN;
    return admin ? SCOPE_ADMIN : scopes[m->kind] | (m->watch ? SCOPE_READ : 0);
}

static void say_lack(const struct identity *who, uint32_t scope, struct buf *why)
{
    char has[SCOPES_TEXT_BYTES];
    scopes_format(who->scopes & SCOPES_OF_KEYS, has);
    buf_printf(why, "This API key lacks the scope %s, which is needed here; it has %s",
               scope_name(scope), has);
}

bool scope_admits(const struct identity *who, uint32_t scope, struct buf *why)
{
    uint32_t lacks = scope & ~who->scopes;
    bool has = !lacks;
    if (has && (scope != SCOPE_ADMIN || who->role == ROLE_ADMIN))
        return true;
    if (has)
        buf_puts(why, "Only admins may do this");
    else if (scope == SCOPE_ACCOUNT)
        buf_puts(why, "API keys may not do this: their calls are below /v1 and /api/v1; "
                      "for this log in with a browser");
    else
        say_lack(who, lacks & -lacks, why);
    return false;
}
