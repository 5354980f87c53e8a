/* One request to a page, and its reply. Private to the web layer; a request belongs to the thread
 * that serves it. */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "base/clock.h"
#include "codec/form.h"
#include "codec/http.h"
#include "model/command.h"
#include "store/reader.h"
#include "codec/lang.h"
#include "web/path.h"

struct json_t;
struct mg_connection;
struct web;
struct worker;

#define PAGE_BODY_BYTES (1024 * 1024)
#define PAGE_CALL_MS    1000  /* for questions: the page says that it does not know */
#define PAGE_SAVE_MS    10000 /* for changes, which wait for the disk */

struct page_request {
    struct web *web;
    struct worker *worker; /* reader and catalogues, this request's alone */
    struct mg_connection *conn;
    struct now now;          /* read once */
    enum http_method method; /* a HEAD is a GET here */
    bool head_only;
    struct str path, query_text; /* as sent */
    struct path_args args;
    struct form query, form;
    struct buf body; /* of a call of the API, which has no form */
    bool logged_in;
    struct identity who; /* when logged_in */
    struct str address, origin, agent;
    enum language lang;
    struct buf headers;       /* complete extra lines of the reply */
    struct buf image_origins; /* " https://host" for each that the page may load images from */
    char flash[64];           /* what the page that a redirect leads to will say; see web/view.h */
    bool replied;
};

/* ---- request.c ---- */

/* Reads what civetweb has parsed. ERR_UNAUTHORIZED: the private socket's secret is missing, nothing
 * may be answered. ERR_BAD_MESSAGE: there may be more fields than civetweb keeps (it drops the
 * others silently, Content-Length among them): answer 431 and close. ERR_SYNTAX (400),
 * ERR_TOO_LARGE (413), ERR_INPUT_REFUSED (415), ERR_CLOSED: the body is not to be had; p can be
 * answered all the same (but for ERR_CLOSED). Release with page_release in any case. */
MUST_USE enum err page_read(struct page_request *p, struct web *w, struct mg_connection *conn,
                            struct now now);
void page_release(struct page_request *p);
/* A field of the request; NULL when absent. */
const char *page_field(const struct page_request *p, const char *name);
/* False when there is no such cookie; value is untouched then. */
bool page_cookie(const struct page_request *p, const char *name, struct str *value);
/* False when Sec-Fetch-Site or Origin says that another site made the browser send this. */
bool page_same_site(const struct page_request *p);
/* A value of the form; "" when absent. */
struct str page_value(const struct page_request *p, const char *name);
/* As above without outer blanks. */
struct str page_trimmed(const struct page_request *p, const char *name);
bool page_is_admin(const struct page_request *p);
/* The id in the path's {name}; ERR_SYNTAX when it is none. */
MUST_USE enum err page_id(const struct page_request *p, const char *name, struct uuid *out);

/* ---- worker.c ---- */

/* The thread's reader; NULL when the store cannot be read (logged). */
struct reader *page_reader(struct page_request *p);
/* The language's texts, of this thread; nobody changes them. Borrowed until the request ends. */
struct json_t *page_catalogue(struct page_request *p);
struct str page_text(struct page_request *p, const char *key);
/* The text of GROUP.NAME, or fallback when the catalogue has none: for names that come from
 * elsewhere. */
struct str page_text_or(struct page_request *p, const char *group, struct str name,
                        struct str fallback);

/* ---- ask.c ---- */

/* A command from this person: actor and address are filled in, all else is zero. Heap; page_ask
 * takes it. */
struct command *page_command(const struct page_request *p, enum command_kind kind);
/* Asks the hub. cmd is taken. reply must be released, whatever comes. */
enum err page_ask(struct page_request *p, struct command *cmd_given, uint64_t timeout_ms,
                  struct reply *reply);
/* Throws away a command that is not asked after all. */
void page_drop(struct command *cmd_given);
/* For commands of which only the success matters. message (may be NULL) gets the reply's sentence.
 */
enum err page_do(struct page_request *p, struct command *cmd_given, char message[512]);

/* ---- reply.c ---- */

/* The page may load images from there ("https://host:port"), and else only from this site. The
 * origin must be one that a Content-Security-Policy can name. */
void page_allow_images(struct page_request *p, struct str origin);
/* The whole reply; once a request. */
void page_reply(struct page_request *p, unsigned status, const char *type, struct str body);
/* Adds a line to the reply's head. The value must not come from outside unchecked. */
void page_header(struct page_request *p, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void page_redirect(struct page_request *p, unsigned status, struct str target);
/* To the log-in, and back here afterwards. */
void page_redirect_login(struct page_request *p);
void page_set_cookie(struct page_request *p, const char *name, struct str value, int64_t max_age_s,
                     bool http_only);

/* ---- render.c ---- */

/* Renders templates/NAME.html with the common context added to view (taken) and replies. A template
 * that fails is logged and answered with 500. */
void page_render(struct page_request *p, unsigned status, const char *name,
                 struct json_t *view_given);
/* The page that says what went wrong; key names its texts in the catalogue's "error". */
void page_error(struct page_request *p, unsigned status, const char *key);
/* The page for an error that nothing better is known about. */
void page_fail(struct page_request *p, enum err e);

#endif
