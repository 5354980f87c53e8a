#include "bridge/completion.h"

#include "codec/json.h"

#define WORDS_BYTES 800

/* That the key is wrong says more than anything beside it. */
static void set_status(int *status, int found)
{
    if (status && *status != 401 && *status != 403)
        *status = found;
}

/* Error statuses only: some servers put other numbers there. */
static void read_status(const struct json_t *value, int *status)
{
    int64_t n;
    if (json_to_int(value, &n) && n >= 400 && n <= 599)
        set_status(status, (int)n);
}

/* OpenAI's own servers name the kind in place of a number. */
static void read_kind(const struct json_t *error, int *status)
{
    static const struct {
        const char *name;
        int status;
    } kinds[] = {{"invalid_request_error", 400},   {"BadRequestError", 400},
                 {"context_length_exceeded", 400}, {"authentication_error", 401},
                 {"AuthenticationError", 401},     {"invalid_api_key", 401},
                 {"permission_error", 403},        {"PermissionDeniedError", 403},
                 {"model_not_found", 404},         {"NotFoundError", 404},
                 {"rate_limit_exceeded", 429},     {"rate_limit_error", 429},
                 {"insufficient_quota", 429},      {"RateLimitError", 429}};
    static const char *const members[] = {"type", "code"};
    struct str s;
    for (size_t m = 0; m < 2; m++) {
        struct json_t *value = json_at(error, members[m]);
        if (json_to_str(value, &s))
            for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (str_eq(s, str_of(kinds[i].name)))
                    set_status(status, kinds[i].status);
        read_status(value, status);
    }
}

/* FastAPI: {"detail": "..."} or {"detail": [{"loc", "msg"}]}. */
static bool read_detail(const struct json_t *j, struct str *words)
{
    struct json_t *detail = json_at(j, "detail");
    return json_to_str(detail, words) || json_to_str(json_at(json_nth(detail, 0), "msg"), words);
}

static bool read_object(const struct json_t *j, struct str *words, int *status)
{
    struct json_t *error = json_at(j, "error");
    read_kind(j, status);
    read_kind(error, status);
    return json_to_str(json_at(error, "message"), words) || json_to_str(error, words) ||
           json_to_str(json_at(j, "message"), words) || read_detail(j, words) ||
           read_detail(error, words);
}

static struct str trimmed(struct str s)
{
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
        s = str_slice(s.p + 1, s.n - 1);
    return s;
}

void completion_error_words(struct str body, struct buf *words, int *status)
{
    struct json_t *j = NULL;
    struct str s = trimmed(body);
    bool found = json_parse(body, &j, NULL) == OK ? json_to_str(j, &s) || read_object(j, &s, status)
                                                  : s.n > 0 && s.p[0] != '<' && s.p[0] != '{';
    if (found)
        buf_str_append(words, str_start(s, WORDS_BYTES));
    json_free(j);
}
