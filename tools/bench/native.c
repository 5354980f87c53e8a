/* The relay's own protocol, /ws/app and /ws/client. Messages are told apart by how the relay begins
 * them; tests/program/test_bench.py notices when that changes. */
#include "bench/native.h"
#include "bench/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER STR("\"n\":")

static void say(struct peer *p)
{
    socket_text(&p->socket, buf_str(&p->load->message));
}

/* ---- the app ---- */

void native_app_open(struct peer *app)
{
    const struct load_options *o = &app->load->options;
    struct buf *b = &app->load->message;
    buf_clear(b);
    buf_puts(b, "{\"type\":\"register\",\"space_name\":");
    buf_json_string(b, str_of(o->space));
    buf_puts(b, ",\"token\":");
    buf_json_string(b, str_of(o->token));
    buf_printf(b,
               ",\"instance\":\"bench-%u\",\"app\":{\"name\":\"relay-bench\",\"version\":\"1\"},",
               app->number);
    buf_printf(b, "\"concurrency\":%u}", o->concurrency);
    say(app);
    app->load->registering_ns = app->load->loop->now_ns;
}

static void begin(struct peer *app, const char *type, struct str id, uint64_t attempt)
{
    struct buf *b = &app->load->message;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, attempt);
    buf_clear(b);
    buf_puts(b, "{\"type\":\"");
    buf_puts(b, type);
    buf_puts(b, "\",\"request_id\":\"");
    buf_str_append(b, id);
    buf_puts(b, "\",\"attempt\":");
    buf_append(b, digits, (size_t)n);
}

static void say_progress(struct peer *app, struct str id, uint64_t attempt, uint32_t i)
{
    struct load *l = app->load;
    char rest[64];
    int n = snprintf(rest, sizeof rest, ",\"percent\":%u,\"message\":\"on the way\"}",
                     100 * (i + 1) / (l->options.progress + 1));
    begin(app, "inference_progress", id, attempt);
    buf_append(&l->message, rest, (size_t)n);
    say(app);
}

static void say_result(struct peer *app, struct str id, uint64_t attempt, uint64_t number)
{
    struct load *l = app->load;
    char middle[96];
    int n = snprintf(middle, sizeof middle,
                     ",\"status\":\"completed\",\"result\":{\"n\":%" PRIu64 ",\"text_output\":\"",
                     number);
    begin(app, "inference_result", id, attempt);
    buf_append(&l->message, middle, (size_t)n);
    buf_append(&l->message, buf_str(&l->filler).p, l->options.result_bytes);
    buf_puts(&l->message, "\"}}");
    say(app);
}

static bool number_of(struct str text, uint64_t *n)
{
    return text_number_after(text, NUMBER, n) ||
           text_number_after(text, STR("\"prompt\":\"" NATIVE_NUMBERED), n);
}

static void on_request(struct peer *app, struct str text)
{
    struct load *l = app->load;
    struct str id;
    uint64_t attempt, n;
    if (!text_quoted_after(text, STR("\"request_id\":\""), &id) ||
        !text_number_after(text, STR("\"attempt\":"), &attempt) || !number_of(text, &n)) {
        load_error(l, text);
        return;
    }
    if (!load_dispatched(l, n))
        return;
    for (uint32_t i = 0; i < l->options.progress; i++)
        say_progress(app, id, attempt, i);
    say_result(app, id, attempt, n);
    load_answered(l, n);
}

static void on_registered(struct peer *app, struct str text)
{
    struct str id;
    if (text_quoted_after(text, STR("\"space_id\":\""), &id))
        (void)str_copy(app->load->space_id, sizeof app->load->space_id, id);
    load_ready(app);
}

void native_app_text(struct peer *app, struct str text)
{
    if (str_starts(text, STR("{\"type\":\"inference_request\"")))
        on_request(app, text);
    else if (str_starts(text, STR("{\"type\":\"result_ack\"")) &&
             text_holds(text, STR("\"accepted\":true")))
        return;
    else if (text_holds(text, STR("\"register_response\"")) &&
             text_holds(text, STR("\"success\":true")))
        on_registered(app, text);
    else
        load_error(app->load, text);
}

/* ---- the person ---- */

static void say_about(struct peer *person, const char *start, struct str id)
{
    struct buf *b = &person->load->message;
    buf_clear(b);
    buf_puts(b, start);
    buf_str_append(b, id);
    buf_puts(b, "\"}");
    say(person);
}

static void submit(struct peer *person, const struct slot *s)
{
    const struct load_options *o = &person->load->options;
    struct buf *b = &person->load->message;
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, s->n);
    buf_clear(b);
    buf_puts(b, "{\"type\":\"submit\",\"space\":");
    buf_json_string(b, str_of(o->space));
    buf_puts(b, ",\"ref\":\"");
    buf_append(b, digits, n);
    buf_puts(b, "\",\"watch\":true,\"payload\":{\"n\":");
    buf_append(b, digits, n);
    buf_puts(b, ",\"prompt\":\"");
    buf_append(b, buf_str(&person->load->filler).p, o->payload_bytes);
    buf_puts(b, "\"}}");
    say(person);
}

void native_accepted(struct peer *person, uint64_t n, struct str request_id)
{
    load_acknowledged(person->load, n, request_id);
    say_about(person, "{\"type\":\"subscribe\",\"topic\":\"request:", request_id);
}

static void on_submitted(struct peer *person, struct str text)
{
    uint64_t n;
    struct str id;
    if (!text_number_after(text, STR("\"ref\":\""), &n) ||
        !text_quoted_after(text, STR("\"request_id\":\""), &id)) {
        load_error(person->load, text);
        return;
    }
    load_acknowledged(person->load, n, id);
    if (!text_holds(text, STR("\"epoch\":")))
        load_failed(person->load, n, text); /* it is not watched */
}

/* Whether requests are watched from their submit on; otherwise by `subscribe` and `unsubscribe`. */
static bool watches_at_once(const struct load *l)
{
    return l->options.dialect == &dialect_native;
}

/* A final event or state. A topic that was subscribed to is let go: a socket may watch only so
 * many. */
static void on_end(struct peer *person, struct str text)
{
    uint64_t n, found;
    struct str id;
    if (!text_quoted_after(text, STR("\"topic\":\"request:"), &id) ||
        !load_find(person, id, &found)) {
        load_error(person->load, text);
        return;
    }
    if (text_holds(text, STR("\"status\":\"completed\"")) && text_number_after(text, NUMBER, &n) &&
        n == found)
        load_seen(person->load, n);
    else
        load_failed(person->load, found, text);
    if (!watches_at_once(person->load))
        say_about(person, "{\"type\":\"unsubscribe\",\"topic\":\"request:", id);
}

static void on_event(struct peer *person, struct str text)
{
    if (text_holds(text, STR("\"event\":{\"kind\":\"final\"")))
        on_end(person, text);
}

static void on_subscribed(struct peer *person, struct str text)
{
    if (!text_holds(text, STR("\"status\":\"queued\"")) &&
        !text_holds(text, STR("\"status\":\"processing\"")))
        on_end(person, text);
}

static void on_other(struct peer *person, struct str text)
{
    uint64_t n;
    if (str_starts(text, STR("{\"type\":\"unsubscribed\"")))
        return;
    if (text_number_after(text, STR("\"ref\":\""), &n))
        load_failed(person->load, n, text);
    else
        load_error(person->load, text);
}

void native_person_text(struct peer *person, struct str text)
{
    if (str_starts(text, STR("{\"type\":\"event\"")))
        on_event(person, text);
    else if (str_starts(text, STR("{\"type\":\"submitted\"")))
        on_submitted(person, text);
    else if (str_starts(text, STR("{\"type\":\"subscribed\"")))
        on_subscribed(person, text);
    else
        on_other(person, text);
}

const struct dialect dialect_native = {.app_path = "/ws/app",
                                       .person_path = "/ws/client",
                                       .subprotocol = "spacerelay.v1",
                                       .app_open = native_app_open,
                                       .app_text = native_app_text,
                                       .person_open = load_ready,
                                       .person_text = native_person_text,
                                       .submit = submit};
