#include "main/screen.h"

#include "main/commands.h"
#include "main/interrupt.h"
#include "remote/calls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEXT_BYTES    (256u << 20)
#define STATUS_BYTES  4096
#define USUAL_COLUMNS 80
#define CLEAR         "\r\033[K"

void screen_init(struct screen *s)
{
    *s = (struct screen){.out_terminal = isatty(STDOUT_FILENO),
                         .err_terminal = isatty(STDERR_FILENO),
                         .shown = BUF_INIT(TEXT_BYTES)};
}

void screen_release(struct screen *s)
{
    screen_status(s, STR(""));
    buf_release(&s->shown);
}

/* ---- the line ---- */

static size_t columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col : USUAL_COLUMNS;
}

/* As much of it as surely stands in one line: what may be two columns wide counts as two. */
static struct str fit(struct str line)
{
    size_t room = columns() - 1, i = 0;
    while (i < line.n) {
        unsigned char c = (unsigned char)line.p[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, width = bytes > 2 ? 2 : 1;
        if (width > room)
            break;
        room -= width;
        i += bytes;
    }
    return str_slice(line.p, i < line.n ? i : line.n);
}

void screen_status(struct screen *s, struct str line)
{
    struct buf b = BUF_INIT(STATUS_BYTES);
    bool in_the_way = s->out_terminal && s->line_open;
    if (!s->err_terminal || (!s->status_shown && (!line.n || in_the_way)))
        return;
    text_clean(&b, str_start(line, STATUS_BYTES / 2), true);
    (void)fprintf(stderr, CLEAR "%.*s", STR_ARG(fit(buf_str(&b))));
    (void)fflush(stderr);
    s->status_shown = line.n > 0;
    buf_release(&b);
}

/* ---- the text ---- */

static void await_room(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    (void)poll(&p, 1, -1);
}

/* After Ctrl+C what does not get out at once is given up. */
static void put(struct screen *s, struct str text)
{
    while (text.n && !s->broken) {
        ssize_t n = write(STDOUT_FILENO, text.p, text.n);
        if (n >= 0)
            text = str_slice(text.p + n, text.n - (size_t)n);
        else if (errno != EINTR && errno != EAGAIN)
            s->broken = true;
        else if (interrupted())
            return;
        else if (errno == EAGAIN)
            await_room();
    }
}

static void put_text(struct screen *s, struct str text)
{
    struct buf clean = BUF_INIT(TEXT_BYTES);
    if (!text.n)
        return;
    screen_status(s, STR(""));
    if (s->out_terminal)
        text_clean(&clean, text, false);
    put(s, s->out_terminal ? buf_str(&clean) : text);
    s->line_open = text.p[text.n - 1] != '\n';
    buf_str_append(&s->shown, text);
    buf_release(&clean);
}

void screen_end_line(struct screen *s)
{
    if (s->line_open)
        put(s, STR("\n"));
    s->line_open = false;
}

static void begin_anew(struct screen *s)
{
    screen_end_line(s);
    complain("the app has begun again; its answer from the start:");
    buf_clear(&s->shown);
}

void screen_text(struct screen *s, struct str text)
{
    struct str shown = buf_str(&s->shown);
    if (str_starts(shown, text)) /* an attempt that is not as far yet */
        return;
    if (!str_starts(text, shown)) {
        begin_anew(s);
        shown = STR("");
    }
    put_text(s, str_slice(text.p + shown.n, text.n - shown.n));
}
