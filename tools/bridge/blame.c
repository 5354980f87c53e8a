#include "bridge/blame.h"

#include <stdio.h>

static const char *server(struct blame_about about)
{
    return about.model ? "model server" : "service";
}

/* What a status means. `words` follow "The model server"; 0 ends the table and stands for all
 * others. */
static const struct row {
    int status;
    bool hush; /* do not pass the server's words on */
    struct blame is;
    const char *words;
} statuses[] = {
    {400, false, {.code = "invalid_request"}, "refuses the request"},
    {401, true, {.code = "upstream_auth"}, "refused the key of this app"},
    {403, true, {.code = "upstream_auth"}, "does not let this app in"},
    {404, false, {.code = "app_error"}, "has nothing at the address that this app was given"},
    {413, false, {.code = "invalid_request"}, "finds the request too large"},
    {422, false, {.code = "invalid_request"}, "refuses the request"},
    {429, false, {.code = "rate_limited", .retryable = true, .passing = true}, "is busy"},
    {501, false, {.code = "invalid_request"}, "cannot do this"},
    {502, false, {.code = "upstream_unavailable", .retryable = true, .passing = true}, "is down"},
    {503,
     false,
     {.code = "upstream_unavailable", .retryable = true, .passing = true},
     "is not ready"},
    {504, false, {.code = "timeout"}, "gave up waiting"},
    {0, false, {.code = "app_error"}, "failed"},
};

/* snprintf cuts anywhere. */
static void end_at_character(struct blame *b)
{
    b->words[str_start(str_of(b->words), BLAME_BYTES).n] = '\0';
}

/* "API key", "api_key", ...: the operator's, whatever the status is that it comes with. */
static bool speaks_of_key(struct str said)
{
    for (size_t i = 0; i + 3 <= said.n; i++) {
        size_t at = i + 3;
        if (!str_eq_nocase(str_slice(said.p + i, 3), STR("api")))
            continue;
        while (at < said.n && (said.p[at] == ' ' || said.p[at] == '_' || said.p[at] == '-'))
            at++;
        if (at + 3 <= said.n && str_eq_nocase(str_slice(said.p + at, 3), STR("key")))
            return true;
    }
    return false;
}

static const struct row *row_of(int status, struct str said)
{
    const struct row *row = statuses;
    if (status != 403 && speaks_of_key(said))
        status = 401;
    while (row->status && row->status != status)
        row++;
    return row;
}

struct blame blame_status(struct blame_about about, int status, struct str said)
{
    const struct row *row = row_of(status, said);
    struct blame b = row->is;
    const char *colon = said.n && !row->hush ? ": " : "";
    if (row->hush)
        said = STR("");
    if (row->status == 404 && about.model && said.n) {
        b.code = "model_not_found";
        snprintf(b.words, sizeof b.words, "The model server does not know the model \"%s\": %.*s",
                 about.model, STR_ARG(said));
    } else if (row->status == 0 && !said.n) {
        snprintf(b.words, sizeof b.words, "The %s failed (status %d)", server(about), status);
    } else {
        snprintf(b.words, sizeof b.words, "The %s %s%s%.*s", server(about), row->words, colon,
                 STR_ARG(said));
    }
    end_at_character(&b);
    return b;
}

struct blame blame_trouble(struct blame_about about, enum trouble trouble)
{
    static const struct {
        struct blame is;
        const char *before, *after; /* the server */
    } rows[] = {
        [TROUBLE_UNREACHABLE] = {{.code = "upstream_unavailable",
                                  .retryable = true,
                                  .passing = true},
                                 "The",
                                 "behind this app cannot be reached"},
        [TROUBLE_BROKEN_OFF] = {{.code = "upstream_unavailable", .retryable = true},
                                "The",
                                "broke off before its answer was whole"},
        [TROUBLE_NONSENSE] = {{.code = "app_error"}, "The", "gave an answer that makes no sense"},
        [TROUBLE_TOO_LARGE] = {{.code = "app_error"},
                               "The answer of the",
                               "is larger than can be passed on"},
        [TROUBLE_FIRST_TIMEOUT] = {{.code = "timeout"}, "The", "did not begin to answer in time"},
        [TROUBLE_IDLE_TIMEOUT] = {{.code = "timeout"},
                                  "The",
                                  "fell silent in the middle of its answer"},
        [TROUBLE_TOTAL_TIMEOUT] = {{.code = "timeout"}, "The", "did not finish in time"},
        [TROUBLE_LEAVING] = {{.code = "upstream_unavailable", .retryable = true},
                             "The app in front of the",
                             "is being stopped"},
        [TROUBLE_INTERNAL] = {{.code = "app_error"}, "The app in front of the", "failed"},
    };
    _Static_assert(sizeof rows / sizeof *rows == TROUBLE__MAX, "one row for each");
    struct blame b = rows[trouble].is;
    snprintf(b.words, sizeof b.words, "%s %s %s", rows[trouble].before, server(about),
             rows[trouble].after);
    return b;
}

struct blame blame_asked(struct str words)
{
    struct blame b = {.code = "invalid_request"};
    snprintf(b.words, sizeof b.words, "%.*s", STR_ARG(words));
    end_at_character(&b);
    return b;
}
