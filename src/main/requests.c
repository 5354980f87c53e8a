/* spacerelay show and cancel: one request of a person's own. */
#include "codec/json.h"
#include "main/commands.h"
#include "main/person.h"
#include "main/screen.h"
#include "remote/picture.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES   (256u << 20)
#define WORDS_BYTES  16384
#define RECENT       "200" /* among which the beginning of an id is looked for */
#define PREFIX_MIN   4
#define COLUMN_WIDTH 10

/* ---- which one ---- */

static bool may_begin_id(const char *s)
{
    size_t n = strspn(s, "0123456789abcdefABCDEF-");
    return s[n] == '\0' && n >= PREFIX_MIN && n < UUID_TEXT_BYTES;
}

/* How many begin so; the last of them into id. */
static size_t count_matches(const struct json_t *list, const char *prefix, char id[UUID_TEXT_BYTES])
{
    size_t found = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        struct str one;
        struct uuid u;
        if (!json_to_str(json_at(json_nth(list, i), "request_id"), &one) || uuid_parse(one, &u) ||
            strncasecmp(one.p, prefix, strlen(prefix)) != 0)
            continue;
        uuid_format(u, id);
        found++;
    }
    return found;
}

static int find_recent(const struct remote *r, const char *prefix, char id[UUID_TEXT_BYTES])
{
    struct remote_answer a;
    struct json_t *all = NULL;
    size_t found = 0;
    remote_get(r, "/api/v1/requests?limit=" RECENT, &a);
    bool good = remote_done(&a);
    if (good && !json_parse(buf_str(&a.body), &all, NULL))
        found = count_matches(json_at(all, "requests"), prefix, id);
    if (good && found == 0)
        complain("none of the last " RECENT " requests has an id that begins with %s", prefix);
    else if (good && found > 1)
        complain("the ids of %zu requests begin with %s: say more of it", found, prefix);
    json_free(all);
    remote_release(&a);
    return found == 1 ? STATUS_DONE : STATUS_FAILED;
}

static int find_request(const struct remote *r, const char *arg, char id[UUID_TEXT_BYTES])
{
    struct uuid whole;
    if (!uuid_parse(str_of(arg), &whole)) {
        uuid_format(whole, id);
        return STATUS_DONE;
    }
    if (may_begin_id(arg))
        return find_recent(r, arg, id);
    complain("%s is no request's ID", arg);
    return STATUS_USAGE;
}

/* ---- shown ---- */

static void put_row(const char *name, struct str value)
{
    struct buf clean = BUF_INIT(TEXT_BYTES);
    text_clean(&clean, value, true);
    if (clean.len)
        (void)printf("%-*s%s\n", COLUMN_WIDTH, name, buf_cstr(&clean));
    buf_release(&clean);
}

static void put_error(const struct picture *p)
{
    struct buf code = BUF_INIT(WORDS_BYTES), text = BUF_INIT(TEXT_BYTES);
    picture_error(p, &code, &text);
    if (code.len)
        buf_printf(&text, " (%s)", buf_cstr(&code));
    put_row("error", buf_str(&text));
    buf_release(&code);
    buf_release(&text);
}

static void print_answer(const struct picture *p)
{
    struct buf answer = BUF_INIT(TEXT_BYTES);
    struct screen s;
    if (picture_answer(p, &answer) || !answer.len) {
        buf_release(&answer);
        return;
    }
    (void)putchar('\n');
    (void)fflush(stdout);
    screen_init(&s);
    screen_text(&s, buf_str(&answer));
    screen_end_line(&s);
    screen_release(&s);
    buf_release(&answer);
}

static const struct {
    const char *name;
    enum picture_part part;
} rows[] = {
    {"space", PICTURE_SPACE},       {"status", PICTURE_STATUS},   {"place", PICTURE_POSITION},
    {"reason", PICTURE_REASON},     {"percent", PICTURE_PERCENT}, {"message", PICTURE_MESSAGE},
    {"attempt", PICTURE_ATTEMPT},   {"created", PICTURE_CREATED}, {"started", PICTURE_STARTED},
    {"finished", PICTURE_FINISHED}, {"usage", PICTURE_USAGE},
};

static void print_picture(const struct picture *p, const char *id)
{
    put_row("id", str_of(id));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put_row(rows[i].name, picture_part(p, rows[i].part));
    put_error(p);
    print_answer(p);
}

int print_request(const struct remote *r, const char *id, bool json)
{
    struct remote_answer a;
    struct picture p;
    char path[64];
    (void)snprintf(path, sizeof path, "/api/v1/requests/%s", id);
    remote_get(r, path, &a);
    picture_init(&p);
    int status = remote_done(&a) ? STATUS_DONE : STATUS_FAILED;
    if (!status && picture_take(&p, buf_str(&a.body))) {
        complain("%s does not answer as a relay does", r->place->url);
        status = STATUS_FAILED;
    } else if (!status && json) {
        print_raw_json(buf_str(&a.body));
    } else if (!status) {
        print_picture(&p, id);
    }
    picture_release(&p);
    remote_release(&a);
    return status;
}

int show_request(const struct options *o)
{
    struct person p;
    char id[UUID_TEXT_BYTES];
    int status = person_open(&p, o, -1);
    if (!status)
        status = find_request(&p.remote, o->arg, id);
    if (!status)
        status = print_request(&p.remote, id, o->json);
    person_release(&p);
    return status;
}

/* ---- cancelled ---- */

void cancel_on_relay(const struct remote *r, const char *id, struct remote_answer *out)
{
    char path[80];
    (void)snprintf(path, sizeof path, "/api/v1/requests/%s/cancel", id);
    remote_post(r, path, STR(""), NULL, out);
}

int cancel_request(const struct options *o)
{
    struct person p;
    struct remote_answer a;
    char id[UUID_TEXT_BYTES];
    int status = person_open(&p, o, -1);
    if (!status)
        status = find_request(&p.remote, o->arg, id);
    if (!status) {
        cancel_on_relay(&p.remote, id, &a);
        status = remote_done(&a) ? STATUS_DONE : STATUS_FAILED;
        if (!status)
            say("cancelled the request %s", id);
        remote_release(&a);
    }
    person_release(&p);
    return status;
}
