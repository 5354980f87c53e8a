#include "bench/report.h"

#include <stdio.h>

#define REPORT_BYTES (1024 * 1024)

void report_init(struct report *r, bool json)
{
    *r = (struct report){.json = json, .out = BUF_INIT(REPORT_BYTES)};
    if (json)
        buf_putc(&r->out, '{');
}

void report_print(struct report *r)
{
    if (r->json)
        buf_puts(&r->out, r->in_section ? "}}\n" : "}\n");
    (void)fwrite(buf_str(&r->out).p, 1, r->out.len, stdout);
    (void)fflush(stdout);
    buf_release(&r->out);
}

void report_section(struct report *r, const char *name)
{
    if (r->json)
        buf_printf(&r->out, "%s\"%s\":{", r->in_section ? "}," : "", name);
    else
        buf_printf(&r->out, "%s\n", name);
    r->in_section = true;
    r->started = false;
}

static void put_name(struct report *r, const char *name)
{
    if (r->json)
        buf_printf(&r->out, "%s\"%s\":", r->started ? "," : "", name);
    else
        buf_printf(&r->out, "  %-24s ", name);
    r->started = true;
}

void report_number(struct report *r, const char *name, double value, int decimals)
{
    put_name(r, name);
    buf_printf(&r->out, r->json ? "%.*f" : "%14.*f\n", decimals, value);
}

void report_text(struct report *r, const char *name, struct str value)
{
    put_name(r, name);
    if (r->json)
        buf_json_string(&r->out, value);
    else
        buf_printf(&r->out, "%.*s\n", STR_ARG(value));
}

void report_histogram(struct report *r, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = {
        {"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p99.9_us", 0.999}, {"max_us", 1}};
    report_section(r, name);
    report_number(r, "count", (double)h->count, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        report_number(r, parts[i].name, (double)histogram_at(h, parts[i].part) / 1000, 1);
}
