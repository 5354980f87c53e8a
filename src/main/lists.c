/* spacerelay spaces and requests: tables of what a person sees of a relay. */
#include "codec/json.h"
#include "main/commands.h"
#include "main/person.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_BYTES  4096
#define WORDS_BYTES 16384

/* ---- what both do ---- */

/* GETs a list and has it printed. */
static int print_list(const struct options *o, const char *path, const char *member,
                      void (*print)(const struct json_t *list))
{
    struct person p;
    struct remote_answer a;
    struct json_t *all = NULL;
    int status = person_open(&p, o, -1);
    if (!status) {
        remote_get(&p.remote, path, &a);
        status = remote_done(&a) ? STATUS_DONE : STATUS_FAILED;
        if (!status && o->json) {
            print_raw_json(buf_str(&a.body));
        } else if (!status && (json_parse(buf_str(&a.body), &all, NULL) ||
                               !json_is_array(json_at(all, member)))) {
            complain("%s does not answer as a relay does", p.place.url);
            status = STATUS_FAILED;
        } else if (!status) {
            print(json_at(all, member));
        }
        json_free(all);
        remote_release(&a);
    }
    person_release(&p);
    return status;
}

static void put_member(struct buf *b, const struct json_t *o, const char *key)
{
    struct str s;
    int64_t n;
    if (json_to_str(json_at(o, key), &s))
        buf_str_append(b, s);
    else if (json_to_int(json_at(o, key), &n))
        buf_printf(b, "%lld", (long long)n);
    else
        buf_putc(b, '-');
}

/* A row of members as they are, the last one aside. */
static void add_row(struct text_table *t, const struct json_t *o, const char *const *keys,
                    const char *last)
{
    struct buf cells[COLUMNS_MAX];
    const char *texts[COLUMNS_MAX];
    for (size_t i = 0; i < t->columns; i++) {
        cells[i] = BUF_INIT(WORDS_BYTES);
        if (i < t->columns - 1)
            put_member(&cells[i], o, keys[i]);
        texts[i] = i < t->columns - 1 ? buf_cstr(&cells[i]) : last;
    }
    table_add(t, texts);
    for (size_t i = 0; i < t->columns; i++)
        buf_release(&cells[i]);
}

/* ---- spaces ---- */

static const char *state_of(const struct json_t *space)
{
    bool connected = false, draining = false;
    (void)json_to_bool(json_at(space, "connected"), &connected);
    (void)json_to_bool(json_at(space, "draining"), &draining);
    return !connected ? "no app" : draining ? "draining" : "connected";
}

static void print_spaces(const struct json_t *list)
{
    static const char *const keys[] = {"name", "slots_free", "slots", "queue_length"};
    struct text_table t = {.columns = 5};
    table_add(&t, (const char *[]){"NAME", "FREE", "SLOTS", "QUEUE", "STATE"});
    for (size_t i = 0; i < json_count(list); i++)
        add_row(&t, json_nth(list, i), keys, state_of(json_nth(list, i)));
    table_print(&t);
    table_release(&t);
}

int spaces(const struct options *o)
{
    return print_list(o, "/api/v1/spaces", "spaces", print_spaces);
}

/* ---- requests ---- */

static void print_requests(const struct json_t *list)
{
    static const char *const keys[] = {"request_id", "created_at", "status"};
    struct text_table t = {.columns = 4};
    table_add(&t, (const char *[]){"ID", "CREATED", "STATUS", "SPACE"});
    for (size_t i = 0; i < json_count(list); i++) {
        struct buf space = BUF_INIT(WORDS_BYTES);
        put_member(&space, json_nth(list, i), "space");
        add_row(&t, json_nth(list, i), keys, buf_cstr(&space));
        buf_release(&space);
    }
    table_print(&t);
    table_release(&t);
}

int requests(const struct options *o)
{
    struct buf path = BUF_INIT(PATH_BYTES);
    buf_printf(&path, "/api/v1/requests?limit=%u", o->limit);
    if (o->status)
        buf_printf(&path, "&status=%s", o->status);
    if (o->space) {
        buf_puts(&path, "&space=");
        buf_uri(&path, str_of(o->space));
    }
    int status = STATUS_USAGE;
    if (path.failed)
        complain("--space is too long");
    else
        status = print_list(o, buf_cstr(&path), "requests", print_requests);
    buf_release(&path);
    return status;
}
