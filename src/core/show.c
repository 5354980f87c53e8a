/* What watchers see: pictures of spaces and requests, and how often changes are shown. */
#include "core/state.h"

/* ---- spaces ---- */

void space_fill_view(const struct space *s, struct space_view *v)
{
    *v = (struct space_view){.space_id = s->rec.id,
                             .connected = s->app_count > 0,
                             .draining = space_draining(s),
                             .removed = s->removed,
                             .apps = s->app_count,
                             .slots = space_slots(s),
                             .queue_length = (uint32_t)queue_length(&s->waiting)};
    memcpy(v->name, s->rec.name, sizeof v->name);
    LIST_EACH (&s->apps, it) {
        const struct app_conn *a = CONTAINER_OF(it, struct app_conn, link);
        if (a->taken < a->concurrency)
            v->slots_free += a->concurrency - a->taken;
    }
}

void show_space(struct relay *r, struct space *s)
{
    timer_stop(r, &s->show_timer);
    list_remove(&s->show_link);
    s->shown_connected = s->app_count > 0;
    s->shown_at_ms = r->now.mono_ms;
    struct space_view *v = relay_arena(r, sizeof *v);
    space_fill_view(s, v);
    struct effect *x = effect_new(r, EFFECT_PUBLISH);
    x->topic = (struct topic_id){TOPIC_SPACE, s->rec.id};
    x->topic_event.kind = PUBLISH_SPACE;
    x->topic_event.space = v;
}

/* Connected or not: at the end of this step. Other changes: together, at most every
 * publish_space_ms. */
void show_space_soon(struct relay *r, struct space *s)
{
    if (s->pending)
        return;
    if (s->shown_connected != (s->app_count > 0) && !list_linked(&s->show_link))
        list_push_back(&r->to_show, &s->show_link);
    if (heap_contains(&s->show_timer.node))
        return;
    uint64_t due = s->shown_at_ms + r->limits.publish_space_ms;
    timer_set(r, &s->show_timer, due > r->now.mono_ms ? due : r->now.mono_ms);
}

/* At the end of a step: an app that replaces its own older connection was never away. */
void show_connected(struct relay *r)
{
    struct list *it;
    while ((it = list_first(&r->to_show))) {
        struct space *s = CONTAINER_OF(it, struct space, show_link);
        list_remove(it);
        if (s->shown_connected != (s->app_count > 0))
            show_space(r, s);
    }
}

static void show_timer_fired(struct relay *r, struct timer *t)
{
    show_space(r, CONTAINER_OF(t, struct space, show_timer));
}

/* ---- places in the queue ---- */

static const char *waiting_reason(const struct space *s)
{
    if (!s->app_count)
        return "app_disconnected";
    return space_draining(s) ? "draining" : "app_busy";
}

/* From the recent pace: 0 = not known. Three samples make a pace. */
static uint64_t eta_ms(const struct space *s, uint64_t position)
{
    uint32_t slots = space_slots(s);
    if (s->pace_count < 3 || !slots)
        return 0;
    size_t n = s->pace_count < PACE_SAMPLES ? s->pace_count : PACE_SAMPLES;
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += s->pace_ms[i];
    return position * (sum / n) / slots + 1;
}

static void fill_waiting(struct request *q, struct request_view *v)
{
    if (!queue_holds(&q->node))
        return;
    v->position = queue_position(&q->space->waiting, &q->node);
    v->eta_ms = eta_ms(q->space, v->position);
    v->reason = str_of(waiting_reason(q->space));
    v->fields |= VIEW_POSITION | VIEW_REASON | (v->eta_ms ? VIEW_ETA : 0);
}

static bool eta_changed(uint64_t old, uint64_t now)
{
    uint64_t gap = old > now ? old - now : now - old;
    return (old == 0) != (now == 0) || gap * 10 > now;
}

static void show_position(struct relay *r, struct request *q)
{
    struct request_view *v = relay_arena(r, sizeof *v);
    fill_waiting(q, v);
    if (v->position == q->shown_position && v->reason.p == q->shown_reason &&
        !eta_changed(q->shown_eta_ms, v->eta_ms))
        return;
    if (q->shown_eta_ms && !v->eta_ms)
        v->gone = VIEW_ETA;
    q->shown_position = v->position;
    q->shown_eta_ms = v->eta_ms;
    q->shown_reason = v->reason.p;
    struct effect *x = effect_new(r, EFFECT_PUBLISH);
    x->topic = (struct topic_id){TOPIC_REQUEST, q->rec.id};
    x->topic_event.kind = PUBLISH_STATE;
    x->topic_event.request = v;
}

static void position_timer_fired(struct relay *r, struct timer *t)
{
    struct space *s = CONTAINER_OF(t, struct space, position_timer);
    LIST_EACH (&s->watched, it)
        show_position(r, CONTAINER_OF(it, struct request, watch_link));
}

void show_positions_soon(struct relay *r, struct space *s)
{
    if (!heap_contains(&s->position_timer.node) && !list_empty(&s->watched))
        timer_set(r, &s->position_timer, r->now.mono_ms + r->limits.publish_position_ms);
}

void show_timers_init(struct space *s)
{
    s->show_timer.fire = show_timer_fired;
    s->position_timer.fire = position_timer_fired;
}

/* ---- requests ---- */

static void fill_outcome(const struct request_record *rec, struct request_view *v, unsigned fields)
{
    if (rec->result && rec->status == REQUEST_COMPLETED && (fields & VIEW_RESULT)) {
        v->result = bytes_str(rec->result);
        v->fields |= VIEW_RESULT;
    }
    if (rec->usage && (fields & VIEW_USAGE)) {
        v->usage = bytes_str(rec->usage);
        v->fields |= VIEW_USAGE;
    }
    if (rec->error_code[0] && rec->status == REQUEST_FAILED && (fields & VIEW_ERROR)) {
        v->error_code = str_of(rec->error_code);
        v->error_message = rec->error_message ? bytes_str(rec->error_message) : STR("");
        v->fields |= VIEW_ERROR;
    }
}

static void fill_record(const struct request_record *rec, struct request_view *v, unsigned fields)
{
    v->request_id = rec->id;
    v->status = rec->status;
    v->attempt = rec->attempt;
    v->created_ms = rec->created_ms;
    v->started_ms = rec->started_ms;
    v->finished_ms = rec->finished_ms;
    v->fields |= fields & (VIEW_STATUS | VIEW_ATTEMPT | VIEW_IDENTITY);
    v->fields |= rec->started_ms ? fields & VIEW_STARTED : 0;
    v->fields |= rec->finished_ms ? fields & VIEW_FINISHED : 0;
    fill_outcome(rec, v, fields);
}

static void fill_progress(const struct request *q, struct request_view *v, unsigned fields)
{
    v->percent = q->percent;
    v->step = q->step;
    v->steps = q->steps;
    v->message = bytes_str(q->message);
    unsigned known = (q->has_percent ? VIEW_PERCENT : 0U) | (q->has_message ? VIEW_MESSAGE : 0U) |
                     (q->has_step ? VIEW_STEP : 0U) | (q->has_steps ? VIEW_STEPS : 0U);
    v->fields |= fields & known;
}

void request_fill_view(struct relay *r, struct request *q, struct request_view *v, unsigned fields)
{
    (void)r;
    fill_record(&q->rec, v, fields);
    fill_progress(q, v, fields);
    v->space = str_of(q->space->rec.name);
    if (fields & VIEW_TEXT) {
        v->text = buf_str(&q->text);
        v->fields |= VIEW_TEXT;
    }
    if (fields & VIEW_POSITION)
        fill_waiting(q, v);
    if ((fields & VIEW_REASON) && q->inside) {
        v->reason = STR("app_busy");
        v->fields |= VIEW_REASON;
    }
}

/* Of a request that is no longer in memory; rec must stay until the effects are carried out. */
struct request_view *view_of_record(struct relay *r, const struct request_record *rec,
                                    struct str space_name)
{
    struct request_view *v = relay_arena(r, sizeof *v);
    fill_record(rec, v, ~0U);
    v->space = space_name;
    v->text = bytes_str(rec->text);
    v->fields |= VIEW_TEXT;
    return v;
}

static struct request_view *publish(struct relay *r, struct request *q, enum publish_kind kind)
{
    struct request_view *v = relay_arena(r, sizeof *v);
    struct effect *x = effect_new(r, EFFECT_PUBLISH);
    x->topic = (struct topic_id){TOPIC_REQUEST, q->rec.id};
    x->topic_event.kind = kind;
    x->topic_event.request = v;
    return v;
}

void show_state(struct relay *r, struct request *q, unsigned fields, unsigned gone)
{
    struct request_view *v = publish(r, q, PUBLISH_STATE);
    request_fill_view(r, q, v, fields);
    v->gone = gone & ~v->fields;
}

void show_progress(struct relay *r, struct request *q, unsigned fields)
{
    fill_progress(q, publish(r, q, PUBLISH_PROGRESS), fields);
}

/* text is borrowed from the event under way. */
void show_delta(struct relay *r, struct request *q, struct str text)
{
    struct request_view *v = publish(r, q, PUBLISH_DELTA);
    v->text = text;
    v->fields = VIEW_TEXT;
}

void show_final(struct relay *r, struct request *q)
{
    struct request_view *v = publish(r, q, PUBLISH_FINAL);
    fill_record(&q->rec, v, VIEW_STATUS | VIEW_RESULT | VIEW_ERROR | VIEW_USAGE | VIEW_FINISHED);
}
