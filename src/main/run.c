/* spacerelay run: follows the request of a prompt to the end. */
#include "main/commands.h"
#include "main/interrupt.h"
#include "main/run.h"
#include "remote/follow.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES  (256u << 20)
#define WORDS_BYTES 16384

/* ---- following ---- */

static void put_progress(const struct picture *p, struct buf *line)
{
    struct str percent = picture_part(p, PICTURE_PERCENT), step = picture_part(p, PICTURE_STEP);
    struct str message = picture_part(p, PICTURE_MESSAGE), steps = picture_part(p, PICTURE_STEPS);
    buf_puts(line, "running");
    if (percent.n)
        buf_printf(line, ", %.*s %%", STR_ARG(percent));
    if (step.n)
        buf_printf(line, ", step %.*s%s%.*s", STR_ARG(step), steps.n ? " of " : "", STR_ARG(steps));
    if (message.n)
        buf_printf(line, ": %.*s", STR_ARG(message));
}

static void put_place(const struct picture *p, struct buf *line)
{
    struct str place = picture_part(p, PICTURE_POSITION), eta = picture_part(p, PICTURE_ETA);
    struct str reason = picture_part(p, PICTURE_REASON);
    buf_puts(line, "queued");
    if (place.n)
        buf_printf(line, ", place %.*s", STR_ARG(place));
    if (eta.n)
        buf_printf(line, ", about %.*s s", STR_ARG(eta));
    if (str_eq(reason, STR("app_disconnected")))
        buf_puts(line, ": no app is connected");
    else if (str_eq(reason, STR("draining")))
        buf_puts(line, ": the app takes nothing new");
}

static void show_status(struct run *r, const struct picture *p)
{
    struct buf line = BUF_INIT(TEXT_BYTES);
    if (picture_is(p, "queued"))
        put_place(p, &line);
    else
        put_progress(p, &line);
    screen_status(&r->screen, buf_str(&line));
    buf_release(&line);
}

static bool on_changed(void *ctx, const struct picture *p)
{
    struct run *r = ctx;
    if (!picture_final(p))
        show_status(r, p);
    if (!r->o->json && !r->o->no_stream)
        screen_text(&r->screen, picture_part(p, PICTURE_TEXT));
    return !r->screen.broken;
}

static void on_trouble(void *ctx, const char *words)
{
    struct run *r = ctx;
    struct buf line = BUF_INIT(WORDS_BYTES);
    buf_printf(&line, "trying again: %s", words);
    screen_status(&r->screen, buf_str(&line));
    buf_release(&line);
}

/* ---- the end ---- */

static int print_answer(struct run *r)
{
    struct buf answer = BUF_INIT(TEXT_BYTES);
    if (picture_answer(&r->picture, &answer))
        complain("the answer is too large");
    else if (answer.len)
        screen_text(&r->screen, buf_str(&answer));
    screen_end_line(&r->screen);
    buf_release(&answer);
    return r->screen.broken ? STATUS_FAILED : STATUS_DONE;
}

static void complain_of_end(const struct run *r)
{
    struct buf code = BUF_INIT(WORDS_BYTES), message = BUF_INIT(TEXT_BYTES),
               words = BUF_INIT(WORDS_BYTES);
    picture_error(&r->picture, &code, &message);
    buf_puts(&words, picture_is(&r->picture, "cancelled") ? "the request was cancelled"
                                                          : "the request failed");
    if (message.len && picture_is(&r->picture, "failed")) {
        buf_puts(&words, ": ");
        text_clean(&words, str_start(buf_str(&message), WORDS_BYTES / 4), true);
        buf_puts(&words, " (");
        text_clean(&words, str_start(buf_str(&code), 100), true);
        buf_puts(&words, ")");
    }
    complain("%s", buf_cstr(&words));
    buf_release(&code);
    buf_release(&message);
    buf_release(&words);
}

static int finish(struct run *r)
{
    bool completed = picture_is(&r->picture, "completed");
    int status = r->o->json ? print_request(&r->person.remote, r->id, true) : print_answer(r);
    screen_status(&r->screen, STR(""));
    if (!completed)
        complain_of_end(r);
    return completed ? status : STATUS_FAILED;
}

/* Another Ctrl+C ends the process at once, wherever this is. */
static void cancel(struct run *r)
{
    struct remote_answer a;
    screen_end_line(&r->screen);
    screen_status(&r->screen, STR("cancelling"));
    cancel_on_relay(&r->person.remote, r->id, &a);
    screen_status(&r->screen, STR(""));
    if (a.how == REMOTE_DONE)
        say("cancelled the request %s", r->id);
    else if (strcmp(a.code, "already_final") == 0)
        say("the request %s was over already", r->id);
    else
        complain("could not cancel the request %s, which goes on: %s", r->id, buf_cstr(&a.words));
    remote_release(&a);
}

static int follow(struct run *r)
{
    struct buf why = BUF_INIT(WORDS_BYTES);
    struct follow f = {.remote = &r->person.remote,
                       .request_id = r->id,
                       .retry_for_ms = r->o->retry_for_ms,
                       .changed = on_changed,
                       .trouble = on_trouble,
                       .ctx = r};
    int status = STATUS_FAILED;
    enum follow_end end = follow_request(&f, &r->picture, &why);
    if (end == FOLLOW_FINAL) {
        status = finish(r);
    } else if (end == FOLLOW_REFUSED || end == FOLLOW_LOST) {
        screen_end_line(&r->screen);
        screen_status(&r->screen, STR(""));
        complain("%s; the request %s may go on there", buf_cstr(&why), r->id);
    } else {
        cancel(r);
        status = end == FOLLOW_WOKEN ? STATUS_INTERRUPTED : STATUS_FAILED;
    }
    buf_release(&why);
    return status;
}

static int run_all(struct run *r)
{
    int status = run_read(r);
    int wake_fd = interrupt_catch();
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a reader that has gone is noticed, and the request cancelled */
    if (!status)
        status = person_open(&r->person, r->o, wake_fd);
    if (!status)
        status = run_submit(r);
    if (status)
        return status;
    status = follow(r);
    if (r->screen.broken)
        complain("cannot write to standard output");
    return status;
}

int run_prompt(const struct options *o)
{
    struct run r = {.o = o, .body = BUF_INIT(RUN_BODY_BYTES)};
    screen_init(&r.screen);
    picture_init(&r.picture);
    int status = run_all(&r);
    picture_release(&r.picture);
    screen_release(&r.screen);
    buf_release(&r.body);
    person_release(&r.person);
    return status;
}
