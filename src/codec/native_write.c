#include "codec/native_write.h"

#include "base/clock.h"

void put_string(struct buf *b, const char *before, struct str s)
{
    buf_puts(b, before);
    buf_json_string(b, s);
}

void put_string_unless_empty(struct buf *b, const char *before, struct str s)
{
    if (s.n)
        put_string(b, before, s);
}

void put_raw(struct buf *b, const char *before, struct str json)
{
    buf_puts(b, before);
    buf_str_append(b, json.n ? json : STR("null"));
}

void put_raw_unless_empty(struct buf *b, const char *before, struct str json)
{
    if (json.n)
        put_raw(b, before, json);
}

void put_number(struct buf *b, const char *before, uint64_t n)
{
    char digits[20], *p = digits + sizeof digits;
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    buf_puts(b, before);
    buf_append(b, p, (size_t)(digits + sizeof digits - p));
}

/* From 0 to 100, and mostly whole. */
void put_percent(struct buf *b, const char *before, double n)
{
    uint64_t whole = (uint64_t)n;
    if ((double)whole == n) {
        put_number(b, before, whole);
        return;
    }
    buf_puts(b, before);
    buf_printf(b, "%.10g", n);
}

void put_seconds(struct buf *b, const char *before, uint64_t ms, int decimals)
{
    uint64_t step = 1000; /* milliseconds in the last decimal */
    for (int i = 0; i < decimals; i++)
        step /= 10;
    uint64_t rest = ms % step, rounded = ms - rest + (rest * 2 >= step && rest ? step : 0);
    put_number(b, before, rounded / 1000);
    uint64_t fraction = rounded % 1000;
    if (fraction == 0)
        return;
    buf_putc(b, '.');
    for (uint64_t place = 100; fraction > 0; place /= 10) {
        buf_putc(b, (char)('0' + fraction / place));
        fraction %= place;
    }
}

void put_bool(struct buf *b, const char *before, bool value)
{
    buf_puts(b, before);
    buf_puts(b, value ? "true" : "false");
}

/* A text that needs no escapes. */
static void put_plain(struct buf *b, const char *before, const char *text)
{
    buf_puts(b, before);
    buf_putc(b, '"');
    buf_puts(b, text);
    buf_putc(b, '"');
}

void put_id(struct buf *b, const char *before, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    put_plain(b, before, text);
}

void put_time(struct buf *b, const char *before, int64_t wall_ms)
{
    char text[RFC3339_BYTES];
    rfc3339_format(wall_ms, text);
    put_plain(b, before, text);
}
