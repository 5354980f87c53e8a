/* The prompt of spacerelay run becomes a request. */
#include "base/clock.h"
#include "base/secret.h"
#include "codec/json_scan.h"
#include "main/commands.h"
#include "main/interrupt.h"
#include "main/run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PROMPT_BYTES (64u << 20) /* the relay has a limit of its own */
#define RETRY_MS     300

/* ---- what is asked ---- */

static enum err read_stdin(struct buf *b)
{
    for (;;) {
        char *space;
        enum err e = buf_reserve(b, 4096, &space);
        if (e)
            return e;
        ssize_t n = read(STDIN_FILENO, space, 4096);
        if (n == 0)
            return OK;
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        if (n > 0)
            buf_commit(b, (size_t)n);
    }
}

/* One newline at its end is the shell's rather than the person's. */
static int take_prompt(const struct options *o, struct buf *b)
{
    enum err e = OK;
    if (strcmp(o->arg2, "-") != 0)
        return buf_puts(b, o->arg2) ? STATUS_FAILED : STATUS_DONE;
    e = read_stdin(b);
    if (!e && b->len && buf_str(b).p[b->len - 1] == '\n')
        b->len--;
    if (e)
        complain("cannot read standard input: %s", e == ERR_IO ? strerror(errno) : err_message(e));
    else if (!utf8_valid(buf_str(b).p, b->len))
        complain("standard input is not UTF-8");
    else
        return STATUS_DONE;
    return STATUS_FAILED;
}

int run_read(struct run *r)
{
    struct buf prompt = BUF_INIT(PROMPT_BYTES);
    int status = take_prompt(r->o, &prompt);
    buf_puts(&r->body, "{\"space\":");
    buf_json_string(&r->body, str_of(r->o->arg));
    buf_puts(&r->body, ",\"payload\":{\"prompt\":");
    buf_json_string(&r->body, buf_str(&prompt));
    buf_puts(&r->body, "}}");
    buf_release(&prompt);
    if (!status && r->body.failed) {
        complain("%s", err_message(r->body.failed));
        status = STATUS_FAILED;
    }
    return status;
}

/* ---- submitting ---- */

static bool take_id(struct run *r, struct str body)
{
    struct json_scan scan;
    struct uuid id;
    const struct json_member *m = NULL;
    if (!json_scan(body, 64, true, &scan))
        m = json_scan_member(&scan, STR("request_id"));
    if (!m || m->value.n < 2 || uuid_parse(str_slice(m->value.p + 1, m->value.n - 2), &id))
        return false;
    uuid_format(id, r->id);
    return true;
}

/* Ctrl+C makes it shorter. */
static void pause_before_retry(const struct run *r, uint64_t ms)
{
    struct pollfd p = {.fd = r->person.remote.wake_fd, .events = POLLIN};
    (void)poll(&p, 1, (int)(ms && ms < (uint64_t)r->o->retry_for_ms ? ms : RETRY_MS));
}

static void random_key(char out[33])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, out);
}

/* A relay that could not be reached at all is not waited for; one that may have taken the request
 * is asked again, with the same key, so that it is one request. Ctrl+C does not break the call
 * itself off: then nobody would know what to cancel. */
static void submit_until(struct run *r, struct remote_answer *a)
{
    uint64_t end_ms = clock_now().mono_ms + (uint64_t)r->o->retry_for_ms;
    bool seen = false, again = true;
    char key[33];
    random_key(key);
    while (again) {
        remote_post(&r->person.remote, "/api/v1/requests", buf_str(&r->body), key, a);
        seen = seen || a->how == REMOTE_BROKEN;
        again = a->how == REMOTE_BROKEN || a->how == REMOTE_TRY_AGAIN ||
                (seen && a->how == REMOTE_UNREACHABLE);
        again = again && !interrupted() && clock_now().mono_ms < end_ms;
        if (again) {
            screen_status(&r->screen, buf_str(&a->words));
            pause_before_retry(r, a->retry_after_ms);
            remote_release(a);
        }
    }
    if (seen && a->how != REMOTE_DONE && a->how != REMOTE_REFUSED)
        buf_puts(&a->words, "; the relay may have taken the request: see spacerelay requests");
}

int run_submit(struct run *r)
{
    struct remote_answer a;
    int status = STATUS_FAILED;
    submit_until(r, &a);
    screen_status(&r->screen, STR(""));
    if (strcmp(a.code, err_code(ERR_NOT_FOUND)) == 0) /* nothing else is looked for */
        complain("there is no space \"%s\": see spacerelay spaces", r->o->arg);
    else if (a.how != REMOTE_DONE)
        complain("%s", buf_cstr(&a.words));
    else if (!take_id(r, buf_str(&a.body)))
        complain("%s does not answer as a relay does", r->person.place.url);
    else
        status = STATUS_DONE;
    if (status && interrupted())
        status = STATUS_INTERRUPTED;
    remote_release(&a);
    return status;
}
