#include "hub/pace.h"

void pace_start(struct pace *p, uint64_t now_ms)
{
    *p = (struct pace){.last_ms = now_ms, .window_ms = now_ms};
}

void pace_feed(struct pace *p, size_t n, uint64_t now_ms)
{
    p->last_ms = now_ms;
    p->bytes += n;
}

uint64_t pace_due(const struct pace *p, const struct limits *l, uint64_t idle_ms)
{
    uint64_t idle = p->last_ms + idle_ms, window = p->window_ms + l->pace_window_ms;
    return idle < window ? idle : window;
}

bool pace_check(struct pace *p, const struct limits *l, uint64_t idle_ms, uint64_t now_ms)
{
    if (now_ms >= p->last_ms + idle_ms)
        return false;
    if (now_ms < p->window_ms + l->pace_window_ms)
        return true;
    bool enough = p->bytes >= l->pace_bytes_per_s * l->pace_window_ms / 1000;
    p->window_ms = now_ms;
    p->bytes = 0;
    return enough;
}
