#include "base/log.h"
#include "web/view.h"

#include <civetweb.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define IMAGE_ORIGINS_BYTES                                                                        \
    4000                       /* a page with more than these shows the others without a picture */
#define SMALL_BODY_BYTES 65536 /* sent with the head in one write */

static const char security_fields[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "img-src 'self'%.*s\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: same-origin\r\n";

static void write_all(struct mg_connection *conn, struct str s)
{
    /* A failure means that the edge is gone; civetweb notices by itself. */
    if (s.n > 0)
        (void)mg_write(conn, s.p, s.n);
}

void page_reply(struct page_request *p, unsigned status, const char *type, struct str body)
{
    struct buf head = BUF_INIT(32768 + SMALL_BODY_BYTES);
    if (p->replied) {
        log_error("web", "a second reply to %.*s", STR_ARG(p->path));
        return;
    }
    p->replied = true;
    buf_printf(&head, "HTTP/1.1 %u %s\r\n", status, http_reason(status));
    if (status != 304 && status != 204)
        buf_printf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.n);
    buf_printf(&head, security_fields, STR_ARG(buf_str(&p->image_origins)));
    buf_str_append(&head, buf_str(&p->headers));
    buf_puts(&head, "\r\n");
    if (p->head_only || status == 304)
        body = STR("");
    bool small = body.n <= SMALL_BODY_BYTES;
    if (small)
        buf_str_append(&head, body);
    write_all(p->conn, buf_str(&head));
    if (!small)
        write_all(p->conn, body);
    buf_release(&head);
}

void page_allow_images(struct page_request *p, struct str origin)
{
    struct str known = buf_str(&p->image_origins), word;
    while (known.n) {
        str_split(known, ' ', &word, &known);
        if (str_eq(word, origin))
            return;
    }
    if (p->image_origins.len + origin.n < IMAGE_ORIGINS_BYTES)
        buf_printf(&p->image_origins, " %.*s", STR_ARG(origin));
}

void page_header(struct page_request *p, const char *name, const char *fmt, ...)
{
    char value[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof value || str_has_control(str_of(value))) {
        log_error("web", "a %s field that cannot be sent", name);
        return;
    }
    buf_printf(&p->headers, "%s: %s\r\n", name, value);
}

void page_redirect(struct page_request *p, unsigned status, struct str target)
{
    flash_send(p, target);
    page_header(p, "Location", "%.*s", STR_ARG(target));
    page_header(p, "Cache-Control", "no-store");
    page_reply(p, status, "text/plain; charset=utf-8", STR(""));
}

void page_redirect_login(struct page_request *p)
{
    struct buf here = BUF_INIT(4000), target = BUF_INIT(4000);
    buf_puts(&target, "/login");
    /* The contract with old scripts has /admin/ without a way back. */
    if (p->method == HTTP_GET && !str_eq(p->path, STR("/")) && !str_eq(p->path, STR("/admin/"))) {
        buf_str_append(&here, p->path);
        if (p->query_text.n > 0)
            buf_printf(&here, "?%.*s", STR_ARG(p->query_text));
        if (!here.failed && path_is_local(buf_str(&here))) {
            buf_puts(&target, "?next=");
            buf_uri(&target, buf_str(&here));
        }
    }
    page_redirect(p, 302, target.failed ? STR("/login") : buf_str(&target));
    buf_release(&here);
    buf_release(&target);
}

void page_set_cookie(struct page_request *p, const char *name, struct str value, int64_t max_age_s,
                     bool http_only)
{
    bool secure = str_starts(p->origin, STR("https://"));
    page_header(p, "Set-Cookie", "%s=%.*s; Path=/; Max-Age=%" PRId64 "; SameSite=Lax%s%s", name,
                STR_ARG(value), max_age_s, http_only ? "; HttpOnly" : "", secure ? "; Secure" : "");
}
