#include "remote/calls.h"

#include "codec/json_scan.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX    64
#define WORDS_BYTES  8192
#define HEADER_BYTES 160

/* ---- text of strangers ---- */

/* How many bytes the character at s.p has; 0 when it is none. */
static size_t character(struct str s)
{
    for (size_t n = 1; n <= 4 && n <= s.n; n++)
        if (utf8_valid(s.p, n))
            return n;
    return 0;
}

static bool is_control(struct str c)
{
    return c.n ? str_has_control(c) : true;
}

void text_clean(struct buf *b, struct str s, bool one_line)
{
    for (size_t n; s.n; s = str_slice(s.p + n, s.n - n)) {
        struct str c = str_slice(s.p, character(s));
        bool blank = c.n == 1 && (*c.p == '\n' || *c.p == '\t');
        n = c.n ? c.n : 1;
        if (!is_control(c) || (blank && !one_line))
            buf_str_append(b, c);
        else if (!c.n)
            buf_putc(b, '?');
        else if (one_line)
            buf_putc(b, ' ');
    }
}

/* ---- what went wrong ---- */

/* An answer of the relay's about what is wrong; false: it is something else. */
static bool read_problem(struct remote_answer *a, struct buf *detail)
{
    struct json_scan scan;
    struct buf code = BUF_INIT(sizeof a->code - 1);
    if (json_scan(buf_str(&a->body), DEPTH_MAX, true, &scan))
        return false;
    const struct json_member *m = json_scan_member(&scan, STR("detail"));
    bool good = m && m->kind == JSON_STRING && !json_unescape(m->value, detail);
    m = json_scan_member(&scan, STR("code"));
    if (m && m->kind == JSON_STRING && !json_unescape(m->value, &code))
        (void)str_copy(a->code, sizeof a->code, buf_str(&code));
    buf_release(&code);
    return good;
}

static void put_wait(struct remote_answer *a)
{
    unsigned long long s = (a->retry_after_ms + 999) / 1000;
    if (s)
        buf_printf(&a->words, " (try again in %llu s)", s);
}

static enum remote_how judge_status(const struct remote_answer *a)
{
    struct str code = str_of(a->code);
    bool lasts = str_eq(code, STR("app_disconnected")) || str_eq(code, STR("queue_full"));
    if (a->status >= 200 && a->status < 300)
        return REMOTE_DONE;
    return (a->status >= 502 && a->status <= 504 && !lasts) ? REMOTE_TRY_AGAIN : REMOTE_REFUSED;
}

/* The relay's sentence has named what the key lacks. */
static bool lacks_scope(const struct remote_answer *a, struct str detail)
{
    static const char words[] = "lacks the scope";
    return a->status == 403 && memmem(detail.p, detail.n, words, sizeof words - 1);
}

static void put_refusal(const struct remote *r, struct remote_answer *a)
{
    struct buf detail = BUF_INIT(WORDS_BYTES / 4);
    bool told = read_problem(a, &detail);
    a->how = judge_status(a);
    if (a->status == 401)
        buf_printf(&a->words,
                   "the API key is wrong, expired or revoked; get another from the account page of "
                   "%s and use spacerelay login",
                   r->place->url);
    else if (told)
        text_clean(&a->words, buf_str(&detail), true);
    else
        buf_printf(&a->words, "%s answered with status %d; is it a relay?", r->place->url,
                   a->status);
    if (lacks_scope(a, buf_str(&detail)))
        buf_printf(&a->words,
                   "; make one that has it at %s/account#keys and use it with spacerelay login %s",
                   r->place->url, r->place->url);
    put_wait(a);
    buf_release(&detail);
}

static void put_trouble(const struct remote *r, const struct http_answer *answer,
                        struct remote_answer *a)
{
    bool reached = answer->how != HTTP_UNREACHABLE;
    a->how = reached ? REMOTE_BROKEN : REMOTE_UNREACHABLE;
    buf_printf(&a->words,
               reached ? "the connection to %s broke: " : "cannot reach %s: ", r->place->url);
    text_clean(&a->words, str_of(answer->words), true);
}

void remote_judge(const struct remote *r, struct http_answer *answer, struct remote_answer *out)
{
    *out = (struct remote_answer){.how = REMOTE_DONE,
                                  .status = answer->status,
                                  .words = BUF_INIT(WORDS_BYTES),
                                  .retry_after_ms = answer->retry_after_ms,
                                  .body = answer->body};
    answer->body = (struct buf){0};
    if (answer->how == HTTP_WOKEN)
        out->how = REMOTE_WOKEN;
    else if (answer->how != HTTP_ANSWERED)
        put_trouble(r, answer, out);
    else if (judge_status(out) != REMOTE_DONE)
        put_refusal(r, out);
}

/* ---- calls ---- */

static void call(const struct remote *r, const struct http_call *c, struct remote_answer *out)
{
    struct http_answer answer;
    http_do(r->http, c, &answer);
    remote_judge(r, &answer, out);
    http_answer_release(&answer);
}

void remote_get(const struct remote *r, const char *path, struct remote_answer *out)
{
    struct http_call c = {.path = path,
                          .key = r->key,
                          .silence_s = REMOTE_SILENCE_S,
                          .body_max = REMOTE_ANSWER_BYTES};
    call(r, &c, out);
}

void remote_post(const struct remote *r, const char *path, struct str body,
                 const char *idempotency_key, struct remote_answer *out)
{
    char line[HEADER_BYTES];
    struct http_call c = {.path = path,
                          .key = r->key,
                          .post = true,
                          .body = body,
                          .silence_s = REMOTE_SILENCE_S,
                          .body_max = REMOTE_ANSWER_BYTES};
    (void)snprintf(line, sizeof line, "Idempotency-Key: %s",
                   idempotency_key ? idempotency_key : "");
    if (idempotency_key)
        c.headers[0] = line;
    call(r, &c, out);
}

void remote_release(struct remote_answer *a)
{
    buf_release(&a->words);
    buf_release(&a->body);
}
