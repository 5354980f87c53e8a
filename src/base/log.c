#include "base/log.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_BYTES 2048
#define HEAD_BYTES    80

static enum log_level least = LOG_INFO;

void log_set_level(enum log_level level)
{
    least = level;
}

/* The message cut to its array, whole characters only and with dots to show it. */
__attribute__((format(printf, 2, 0))) static size_t format_message(char out[MESSAGE_BYTES],
                                                                   const char *fmt, va_list args)
{
    int wanted = vsnprintf(out, MESSAGE_BYTES, fmt, args);
    if (wanted < 0)
        return 0;
    if (wanted < MESSAGE_BYTES)
        return (size_t)wanted;
    size_t n = MESSAGE_BYTES - 4;
    for (int tail = 0; tail < 3 && ((unsigned char)out[n] & 0xc0) == 0x80; tail++)
        n--;
    memcpy(out + n, "...", 4);
    return n + 3;
}

/* Whether byte i must not reach a terminal as it is: the control characters, and in a message that
 * is not UTF-8 everything beyond ASCII, which an 8-bit terminal could take for controls. */
static bool must_escape(struct str s, size_t i, bool is_utf8)
{
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x80)
        return c < 0x20 || c == 0x7f;
    if (!is_utf8)
        return true;
    unsigned char other = (unsigned char)(c == 0xc2 ? s.p[i + 1] : i > 0 ? s.p[i - 1] : 0);
    return c == 0xc2 ? other < 0xa0 : other == 0xc2 && c < 0xa0; /* U+0080..U+009F */
}

static size_t put_escaped(char *out, struct str s)
{
    bool is_utf8 = utf8_valid(s.p, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!must_escape(s, i, is_utf8)) {
            out[n++] = s.p[i];
            continue;
        }
        memcpy(out + n, "\\x", 2);
        hex_encode(s.p + i, 1, out + n + 2);
        n += 4;
    }
    return n;
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < least)
        return;
    int saved_errno = errno;
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    size_t message_bytes = format_message(message, fmt, args);
    va_end(args);

    char time[LOCAL_TIME_BYTES];
    local_time_format(clock_now().wall_ms, time);
    char line[HEAD_BYTES + 4 * MESSAGE_BYTES + 1];
    int head = snprintf(line, HEAD_BYTES, "%s %s %.32s: ", time, names[level], area);
    size_t n = (size_t)head;
    n += put_escaped(line + n, str_slice(message, message_bytes));
    line[n++] = '\n';
    /* One write, so that lines of several threads do not mix. Nobody could be told that it failed.
     */
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
        continue;
    errno = saved_errno;
}
