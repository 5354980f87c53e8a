/* Finished requests that are older than the setting are removed, oldest first, in steps so small
 * that nobody waits for one: the store says when there is more to do. None of them is in memory. */
#include "core/state.h"

#define FIRST_MS UINT64_C(1000) /* after the start */
#define LOOK_MS  UINT64_C(60000)
#define PAUSE_MS UINT64_C(100) /* between steps: room for what people wait for */
#define DAY_MS   INT64_C(86400000)

/* What cannot be undone goes by the clock that tells the younger time: the wall's, or the one that
 * has run on since the start. One that was set forward by mistake removes nothing. */
static int64_t careful_now(const struct relay *r)
{
    int64_t ran_ms =
        r->retention.started_wall_ms + (int64_t)(r->now.mono_ms - r->retention.started_mono_ms);
    return r->now.wall_ms < ran_ms ? r->now.wall_ms : ran_ms;
}

static void step_saved(struct relay *r, struct save *s, enum err err)
{
    timer_set(r, &r->retention.timer, r->now.mono_ms + (!err && s->more ? PAUSE_MS : LOOK_MS));
}

static void timer_fired(struct relay *r, struct timer *t)
{
    if (!r->limits.retention_days) {
        timer_set(r, t, r->now.mono_ms + LOOK_MS);
        return;
    }
    struct change *c = change_new(CHANGE_RETENTION);
    c->at_ms = careful_now(r) - (int64_t)r->limits.retention_days * DAY_MS;
    save_start(r, c, step_saved);
}

void retention_start(struct relay *r)
{
    r->retention.started_wall_ms = r->now.wall_ms;
    r->retention.started_mono_ms = r->now.mono_ms;
    r->retention.timer.fire = timer_fired;
    timer_set(r, &r->retention.timer, r->now.mono_ms + FIRST_MS);
}
