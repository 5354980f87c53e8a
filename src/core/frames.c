/* What apps say about the requests they hold. Each frame names request and attempt; what is not
 * this app's present lease is refused and changes nothing. */
#include "core/state.h"

static const char error_too_long[] = "The streamed text is longer than the relay takes";
static const char error_no_memory[] = "There is no memory for more streamed text";

void send_ack(struct relay *r, uint64_t conn, struct lease_ref lease, enum err code)
{
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = conn;
    x->app_out.kind = APP_OUT_ACK;
    x->app_out.has_lease = true;
    x->app_out.lease = lease;
    x->app_out.code = code;
}

static void send_error(struct relay *r, const struct app_conn *a, struct lease_ref lease,
                       enum err code, const char *message)
{
    struct effect *x = effect_new(r, EFFECT_APP_SEND);
    x->conn = a->conn;
    x->app_out.kind = APP_OUT_ERROR;
    x->app_out.has_lease = true;
    x->app_out.lease = lease;
    x->app_out.code = code;
    x->app_out.message = str_of(message ? message : err_message(code));
}

/* OK when this app holds that attempt and its request is still running. */
static enum err check_lease(const struct request *q, const struct app_conn *a,
                            struct lease_ref lease)
{
    if (!q || q->space != a->space)
        return ERR_NOT_FOUND;
    if (q->lingering || request_status_final(q->rec.status))
        return ERR_ALREADY_FINAL;
    if (q->app != a || q->rec.attempt != lease.attempt || q->rec.status != REQUEST_PROCESSING)
        return ERR_STALE_ATTEMPT;
    return OK;
}

static void heard(const struct relay *r, struct request *q)
{
    q->heard_ms = r->now.mono_ms;
    q->silent_conns = 0;
}

/* For frames that are not final: the request, or NULL when the frame was refused or comes while an
 * end is being saved. */
static struct request *running(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    struct request *q = request_find(r, m->lease.request_id);
    enum err e = check_lease(q, a, m->lease);
    if (e) {
        send_error(r, a, m->lease, e, NULL);
        return NULL;
    }
    heard(r, q);
    lease_works(r, q);
    return q->saving == SAVING_NOTHING && !q->end_wanted ? q : NULL;
}

/* A step goes backwards only when the number of steps changes: that is another count. */
static unsigned note_steps(struct request *q, const struct app_progress *p)
{
    unsigned fields = 0;
    bool same_count = q->has_step && (!p->has_steps || (q->has_steps && p->steps == q->steps));
    if (p->has_step) {
        if (!same_count || p->step > q->step)
            q->step = p->step;
        q->has_step = true;
        fields |= VIEW_STEP;
    }
    if (p->has_steps) {
        q->steps = p->steps;
        q->has_steps = true;
        fields |= VIEW_STEPS;
    }
    return fields;
}

void frame_progress(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    struct request *q = running(r, a, m);
    if (!q)
        return;
    const struct app_progress *p = &m->progress;
    unsigned fields = 0;
    if (p->has_percent) {
        if (!q->has_percent || p->percent > q->percent)
            q->percent = p->percent;
        q->has_percent = true;
        fields |= VIEW_PERCENT;
    }
    if (p->has_message) {
        bytes_unref(q->message);
        q->message = bytes_new(p->message);
        q->has_message = q->message != NULL;
        fields |= VIEW_MESSAGE;
    }
    fields |= note_steps(q, p);
    if (fields) /* else it only says that the app lives */
        show_progress(r, q, fields);
}

/* The part of the delta that is new; false when there is a gap. */
static bool new_part(const struct request *q, const struct app_msg *m, struct str *part)
{
    *part = m->text;
    if (!m->has_offset)
        return true;
    if (m->offset > q->text.len)
        return false;
    uint64_t known = q->text.len - m->offset;
    if (known >= m->text.n) {
        *part = STR("");
        return true;
    }
    *part = str_slice(m->text.p + known, m->text.n - (size_t)known);
    return ((unsigned char)part->p[0] & 0xc0) !=
           0x80; /* cut inside a character: not the same text */
}

void frame_delta(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    struct request *q = running(r, a, m);
    if (!q)
        return;
    struct str part;
    if (!new_part(q, m, &part)) {
        send_error(r, a, m->lease, ERR_DELTA_GAP, NULL);
        return;
    }
    if (!part.n)
        return;
    if (part.n > r->limits.text_bytes || q->text.len > r->limits.text_bytes - part.n) {
        send_error(r, a, m->lease, ERR_TOO_LARGE, error_too_long);
        return;
    }
    if (text_append(r, q, part)) /* it is not too long: memory is out */
        send_error(r, a, m->lease, ERR_INTERNAL, error_no_memory);
    else
        show_delta(r, q, part);
}

/* ---- final frames ---- */

/* Final for people already; the app has now stopped, and may say what it cost. */
static void final_after_end(struct relay *r, struct request *q, const struct app_msg *m)
{
    if (q->rec.attempt != m->lease.attempt)
        return;
    if (m->usage.n)
        save_surely(r, CHANGE_REQUEST_USAGE, 0, q->rec.id, m->usage);
    linger_end(r, q);
}

/* What an app hears that says something final about a request that is final already. */
static enum err ack_of(const struct request_record *rec, uint32_t attempt)
{
    if (!request_status_final(rec->status) || rec->attempt != attempt)
        return ERR_STALE_ATTEMPT;
    if (rec->status == REQUEST_COMPLETED)
        return OK;
    bool said_by_app = rec->status == REQUEST_FAILED &&
                       strcmp(rec->error_code, err_code(ERR_TIMEOUT)) != 0 &&
                       strcmp(rec->error_code, err_code(ERR_APP_LOST)) != 0 &&
                       strcmp(rec->error_code, err_code(ERR_POISONED)) != 0;
    return said_by_app ? OK : ERR_ALREADY_FINAL;
}

/* True when the frame may end the request; else it has been answered. */
static bool may_end(struct relay *r, struct app_conn *a, struct request *q, const struct app_msg *m)
{
    enum err e = check_lease(q, a, m->lease);
    if (e == ERR_NOT_FOUND && !q) {
        struct load *l = load_start(r, LOAD_FOR_ACK, a->conn, m->lease.request_id);
        if (!l) {
            send_ack(r, a->conn, m->lease, ERR_STORE_UNAVAILABLE);
            return false;
        }
        l->lease = m->lease;
        l->app_space_key = a->space->key;
        return false;
    }
    if (e) {
        bool final = e == ERR_ALREADY_FINAL && !q->lingering;
        send_ack(r, a->conn, m->lease, final ? ack_of(&q->rec, m->lease.attempt) : e);
        if (e == ERR_ALREADY_FINAL && q->app == a)
            final_after_end(r, q, m);
        return false;
    }
    heard(r, q);
    lease_works(r, q);
    if (q->saving == SAVING_NOTHING && !q->end_wanted)
        return true;
    if (q->end.cause != BY_APP)
        send_ack(r, a->conn, m->lease, ERR_STORE_UNAVAILABLE); /* undecided: ask again */
    return false;
}

static struct bytes *some_bytes(struct str s)
{
    return s.n ? bytes_new(s) : NULL;
}

/* A result found no room: the app is to send it again. */
static void no_memory(struct relay *r, const struct app_conn *a, const struct app_msg *m,
                      struct ending *end)
{
    bytes_unref(end->message);
    bytes_unref(end->usage);
    send_ack(r, a->conn, m->lease, ERR_STORE_UNAVAILABLE);
}

void frame_result(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    struct request *q = request_find(r, m->lease.request_id);
    if (!may_end(r, a, q, m))
        return;
    struct ending end = {.status = REQUEST_COMPLETED,
                         .cause = BY_APP,
                         .result = bytes_new(m->result),
                         .usage = some_bytes(m->usage)};
    if (end.result)
        request_end(r, q, &end);
    else
        no_memory(r, a, m, &end);
}

void frame_error(struct relay *r, struct app_conn *a, const struct app_msg *m)
{
    struct request *q = request_find(r, m->lease.request_id);
    if (!may_end(r, a, q, m))
        return;
    bool again = m->retryable && q->rec.attempt - q->rec.waived < r->limits.max_attempts;
    struct ending end = {.status = again ? REQUEST_QUEUED : REQUEST_FAILED,
                         .cause = BY_APP,
                         .code = ERR_APP_ERROR,
                         .message = some_bytes(m->message),
                         .result = again ? NULL : some_bytes(m->result),
                         .usage = some_bytes(m->usage)};
    if (m->result.n && !again && !end.result) {
        no_memory(r, a, m, &end);
        return;
    }
    /* It is for people, and a long one is no reason to keep its request waiting. */
    (void)str_copy(end.code_text, sizeof end.code_text,
                   str_start(m->code, sizeof end.code_text - 1));
    request_end(r, q, &end);
}

/* The request is not in memory: finished, or never ours. */
void frame_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec)
{
    if (err == ERR_STORE_UNAVAILABLE)
        send_ack(r, l->conn, l->lease, ERR_STORE_UNAVAILABLE);
    else if (err || rec->space_key != l->app_space_key)
        send_ack(r, l->conn, l->lease, ERR_NOT_FOUND);
    else
        send_ack(r, l->conn, l->lease, ack_of(rec, l->lease.attempt));
}
