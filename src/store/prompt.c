#include "store/prompt.h"

/* Of larger payloads lists show none that would have to be parsed for: that holds up the whole
 * transaction (1 ms a MiB). */
#define PARSED_BYTES ((size_t)1 << 20)
#define WALKED_BYTES ((size_t)4096) /* where a prompt is looked for without parsing */

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* p is at the opening quote; gives the place of the closing one, or end. */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\';
    return p < end ? p : end;
}

/* p is at a value; gives the place of the comma or brace behind it, or end. */
static const char *value_end(const char *p, const char *end)
{
    for (int depth = 0; p < end && (depth > 0 || (*p != ',' && *p != '}')); p++) {
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        if (*p == '"' && (p = string_end(p, end)) == end)
            break;
    }
    return p;
}

/* p is at a comma, or the opening brace. Gives the value behind it, and its name as it is written;
 * NULL when the text ends before. */
static const char *next_member(const char *p, const char *end, struct str *name)
{
    const char *key = skip_blanks(p + 1, end);
    const char *key_end = key < end && *key == '"' ? string_end(key, end) : end;
    const char *colon = key_end < end ? skip_blanks(key_end + 1, end) : end;
    const char *value = colon < end && *colon == ':' ? skip_blanks(colon + 1, end) : end;
    if (value == end)
        return NULL;
    *name = str_slice(key + 1, (size_t)(key_end - key) - 1);
    return value;
}

/* What is behind the opening quote of the prompt, as far as is looked. */
static bool find_prompt(struct str json, struct str *rest)
{
    const char *end = json.p + json.n;
    const char *p = skip_blanks(json.p, end);
    struct str name = STR("");
    bool opens = p < end && *p == '{';
    while (p < end && (opens || *p == ',')) {
        opens = false;
        p = next_member(p, end, &name);
        if (!p)
            return false;
        if (str_eq(name, STR("prompt"))) {
            *rest = str_slice(p + 1, (size_t)(end - p) - 1);
            return *p == '"';
        }
        p = value_end(p, end);
    }
    return false;
}

/* The start of a prompt that comes early in the payload and has nothing escaped in it: most do, and
 * it is had without parsing. (A member's name comes only once in a payload.) */
static bool plain_prompt(struct str json, struct str *prompt)
{
    struct str rest;
    json.n = json.n < WALKED_BYTES ? json.n : WALKED_BYTES;
    if (!find_prompt(json, &rest))
        return false;
    size_t n = 0;
    while (n < rest.n && n <= PROMPT_BYTES && rest.p[n] != '"' && rest.p[n] != '\\')
        n++;
    if (n == rest.n || (n <= PROMPT_BYTES && rest.p[n] != '"'))
        return false;
    *prompt = str_start(str_slice(rest.p, n), PROMPT_BYTES);
    return true;
}

static void parse(struct db *db, const struct bytes *payload, char out[PROMPT_BYTES + 1])
{
    struct query *q = db_query(db, "SELECT json_extract(?1, '$.prompt')"
                                   " WHERE json_type(?1, '$.prompt') = 'text'");
    bind_bytes(q, payload);
    if (query_row(q))
        str_copy(out, PROMPT_BYTES + 1, str_start(column_str(q), PROMPT_BYTES));
    enum err no_json = query_end(q);
    (void)no_json;
}

void prompt_read(struct db *db, const struct bytes *payload, char out[PROMPT_BYTES + 1])
{
    struct str plain = STR("");
    out[0] = '\0';
    if (!payload)
        return;
    if (plain_prompt(bytes_str(payload), &plain))
        str_copy(out, PROMPT_BYTES + 1, plain);
    else if (payload->n <= PARSED_BYTES)
        parse(db, payload, out);
}
