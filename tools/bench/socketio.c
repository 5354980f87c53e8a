/* Engine.IO 4 and Socket.IO over a WebSocket, as far as the plain relays under tests/bench speak
 * it:
 *
 *   person  submit {n, prompt}                 ->  submitted {n}, later progress {n, ...}, result
 * {n, ...} app     register, then inference_request   ->  inference_progress {n, ...},
 * inference_result {n, ...} */
#include "bench/load.h"
#include "bench/text.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER STR("\"n\":")

static void say(struct peer *p)
{
    socket_text(&p->socket, buf_str(&p->load->message));
}

/* 42["name",{"n":7,"field":"..." */
static struct buf *begin(struct peer *p, const char *name, uint64_t n)
{
    struct buf *b = &p->load->message;
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    buf_clear(b);
    buf_puts(b, "42[\"");
    buf_puts(b, name);
    buf_puts(b, "\",{\"n\":");
    buf_append(b, digits, (size_t)length);
    return b;
}

static void say_filled(struct peer *p, struct buf *b, const char *field, uint32_t bytes)
{
    buf_puts(b, field);
    buf_append(b, buf_str(&p->load->filler).p, bytes);
    buf_puts(b, "\"}]");
    say(p);
}

/* True when text belonged to the transport. */
static bool transport(struct peer *p, struct str text)
{
    if (str_starts(text, STR("0"))) /* open: now join the namespace */
        socket_text(&p->socket, STR("40"));
    else if (str_eq(text, STR("2"))) /* ping */
        socket_text(&p->socket, STR("3"));
    else
        return false;
    return true;
}

/* ---- the app ---- */

static void nothing(struct peer *p)
{
    (void)p;
}

static void on_request(struct peer *app, struct str text)
{
    struct load *l = app->load;
    uint64_t n;
    if (!text_number_after(text, NUMBER, &n) || !load_dispatched(l, n))
        return;
    for (uint32_t i = 0; i < l->options.progress; i++) {
        struct buf *b = begin(app, "inference_progress", n);
        buf_puts(b, ",\"percent\":50,\"message\":\"on the way\"}]");
        say(app);
    }
    say_filled(app, begin(app, "inference_result", n), ",\"text_output\":\"",
               l->options.result_bytes);
    load_answered(l, n);
}

static void app_text(struct peer *app, struct str text)
{
    if (transport(app, text))
        return;
    if (str_starts(text, STR("40")))
        socket_text(&app->socket, STR("42[\"register\",{}]"));
    else if (str_starts(text, STR("42[\"inference_request\"")))
        on_request(app, text);
    else if (str_starts(text, STR("42[\"registered\"")))
        load_ready(app);
    else
        load_error(app->load, text);
}

/* ---- the person ---- */

static void submit(struct peer *person, const struct slot *s)
{
    say_filled(person, begin(person, "submit", s->n), ",\"prompt\":\"",
               person->load->options.payload_bytes);
}

static void person_text(struct peer *person, struct str text)
{
    uint64_t n = 0;
    if (transport(person, text) || str_starts(text, STR("42[\"progress\"")))
        return;
    bool numbered = text_number_after(text, NUMBER, &n);
    if (str_starts(text, STR("40")))
        load_ready(person);
    else if (numbered && str_starts(text, STR("42[\"submitted\"")))
        load_acknowledged(person->load, n, STR(""));
    else if (numbered && str_starts(text, STR("42[\"result\"")))
        load_seen(person->load, n);
    else
        load_error(person->load, text);
}

const struct dialect dialect_socketio = {.app_path = "/socket.io/?EIO=4&transport=websocket",
                                         .person_path = "/socket.io/?EIO=4&transport=websocket",
                                         .app_open = nothing,
                                         .app_text = app_text,
                                         .person_open = nothing,
                                         .person_text = person_text,
                                         .submit = submit};
