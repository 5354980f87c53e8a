#include "store/prompt.h"

/* Of larger payloads lists show none that would have to be parsed for: that holds up the whole
 * transaction (1 ms a MiB). */
#define PARSED_BYTES ((size_t)1 << 20)

/* The text of json after the start of its prompt, where that is what it begins with. */
static bool skip_to_prompt(struct str json, struct str *rest)
{
    const struct str openings[] = {STR("{\"prompt\":\""), STR("{\"prompt\": \"")};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        if (!str_starts(json, openings[i]))
            continue;
        *rest = str_slice(json.p + openings[i].n, json.n - openings[i].n);
        return true;
    }
    return false;
}

/* The start of a prompt that opens the payload and has nothing escaped in it: most do, and it is
 * had without parsing. (A member's name comes only once in a payload.) */
static bool plain_prompt(struct str json, struct str *prompt)
{
    struct str rest;
    if (!skip_to_prompt(json, &rest))
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
