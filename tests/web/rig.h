/* Real web threads and a real store, with a puppet where the app layer stands: a test scripts its
 * answers and looks at what it was asked. Include it in one file of a test program; it then
 * replaces the app layer. */
#ifndef TESTS_WEB_RIG_H
#define TESTS_WEB_RIG_H

#include "app/app.h"
#include "app/inner.h"
#include "base/alloc.h"
#include "base/log.h"
#include "web/catalogue.h"
#include "web/web.h"

#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define T0          INT64_C(1767873600000) /* 2026-01-08 12:00 UTC */
#define SETUP_TOKEN "the-setup-token"
#define ORIGIN      "https://relay.example"

/* ---- the puppet ---- */

struct app {
    struct store *store;
    struct limits limits;
    const char *trouble;
    pthread_mutex_t lock; /* of all below */
    enum err answer[CMD__MAX];
    void (*fill[CMD__MAX])(struct reply *reply); /* NULL = nothing to add */
    struct command last[CMD__MAX];
    struct setting_record *settings; /* of the newest command that had some */
    unsigned asked[CMD__MAX];
};

enum err app_call(struct app *a, struct command *cmd, uint64_t timeout_ms, struct reply *reply)
{
    (void)timeout_ms;
    pthread_mutex_lock(&a->lock);
    a->last[cmd->kind] = *cmd;
    free(a->settings);
    a->settings = cmd->settings;
    cmd->settings = NULL;
    a->asked[cmd->kind]++;
    *reply = (struct reply){.err = a->answer[cmd->kind]};
    if (a->fill[cmd->kind])
        a->fill[cmd->kind](reply);
    pthread_mutex_unlock(&a->lock);
    return reply->err;
}

struct store *app_store(struct app *a)
{
    return a->store;
}

const char *app_store_trouble(const struct app *a)
{
    return a->trouble;
}

struct limits app_limits_copy(struct app *a)
{
    return a->limits;
}

enum err app_token_text(const struct app *a, struct uuid token_id, struct uuid space_id,
                        int64_t issued_ms, int64_t expires_ms, struct buf *token)
{
    char id[UUID_TEXT_BYTES];
    (void)a;
    (void)space_id;
    uuid_format(token_id, id);
    return buf_printf(token, "v4.public.fake-%s-%d", id, expires_ms > issued_ms);
}

/* ---- the rig ---- */

struct answer {
    unsigned status;
    char *text; /* the whole reply */
    const char *body;
};

struct rig {
    char dir[64];
    struct app app;
    struct web *web;
    struct uuid_gen gen;
    struct uuid ada, eve, space, request, theirs;
    struct answer got;
};

/* Who asks. */
struct asker {
    const char *name;
    struct uuid id;
    bool admin;
    unsigned scopes;
};

static inline struct uuid rig_id(struct rig *r)
{
    return uuid_next(&r->gen, T0, 0x0123456789abcdef);
}

static inline void rig_save(struct rig *r, struct change *c)
{
    assert_int_equal(store_save_now(r->app.store, c), OK);
}

static inline struct uuid rig_user(struct rig *r, const char *name, const char *password,
                                   enum role role)
{
    struct change *c = change_new(CHANGE_USER_PUT);
    c->user = xcalloc(1, sizeof *c->user);
    c->user->id = rig_id(r);
    c->user->role = role;
    c->user->created_ms = T0;
    assert_true(str_copy(c->user->name, sizeof c->user->name, str_of(name)));
    assert_int_equal(password_hash(str_of(password), c->user->password_hash), OK);
    struct uuid id = c->user->id;
    rig_save(r, c);
    return id;
}

static inline struct uuid rig_space(struct rig *r, const char *name)
{
    struct change *c = change_new(CHANGE_SPACE_PUT);
    c->space = xcalloc(1, sizeof *c->space);
    *c->space = (struct space_record){
        .id = rig_id(r), .inputs = INPUT_PROMPT, .max_apps = 1, .created_ms = T0};
    assert_true(str_copy(c->space->name, sizeof c->space->name, str_of(name)));
    struct uuid id = c->space->id;
    rig_save(r, c);
    return id;
}

static inline struct uuid rig_request(struct rig *r, struct uuid space, struct uuid user,
                                      const char *payload)
{
    struct change *c = change_new(CHANGE_REQUEST_NEW);
    c->request = xcalloc(1, sizeof *c->request);
    *c->request = (struct request_record){.id = rig_id(r),
                                          .space_key = uuid_key(space),
                                          .user_key = uuid_key(user),
                                          .username = "ada",
                                          .status = REQUEST_QUEUED,
                                          .created_ms = T0};
    c->request->payload = bytes_new(str_of(payload));
    struct uuid id = c->request->id;
    rig_save(r, c);
    return id;
}

static inline void rig_setting(struct rig *r, const char *name, const char *value)
{
    struct change *c = change_new(CHANGE_SETTING_PUT);
    c->setting = xcalloc(1, sizeof *c->setting);
    assert_true(str_copy(c->setting->name, sizeof c->setting->name, str_of(name)));
    assert_true(str_copy(c->setting->value, sizeof c->setting->value, str_of(value)));
    rig_save(r, c);
}

static inline void rig_start(struct rig *r, const char *setup_token)
{
    const struct web_config config = {
        .app = &r->app, .threads = 4, .data_dir = r->dir, .setup_token = setup_token};
    struct buf why = BUF_INIT(1000);
    if (web_start(&r->web, &config, &why))
        fail_msg("web_start: %s", buf_cstr(&why));
    buf_release(&why);
}

/* An empty store, and nothing started. */
static inline struct rig *rig_new(void)
{
    struct rig *r = xcalloc(1, sizeof *r);
    struct buf why = BUF_INIT(1000);
    assert_int_equal(secret_start(), OK);
    log_set_level(LOG_ERROR);
    snprintf(r->dir, sizeof r->dir, "/tmp/spacerelay-web-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    if (store_open(&r->app.store, r->dir, &why))
        fail_msg("store_open: %s", buf_cstr(&why));
    buf_release(&why);
    limits_default(&r->app.limits);
    pthread_mutex_init(&r->app.lock, NULL);
    return r;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static inline void rig_free(struct rig *r)
{
    web_stop(r->web);
    store_close(r->app.store);
    pthread_mutex_destroy(&r->app.lock);
    nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(r->got.text);
    free(r->app.settings);
    free(r);
}

/* With an admin ada, a user eve, a space and a request of each. */
static inline int rig_set_up(void **state)
{
    struct rig *r = rig_new();
    r->ada = rig_user(r, "ada", "ada's password", ROLE_ADMIN);
    r->eve = rig_user(r, "eve", "eve's password", ROLE_USER);
    r->space = rig_space(r, "My \"first\" <space>");
    r->request = rig_request(r, r->space, r->ada, "{\"prompt\":\"say <hi>\",\"audio\":[1,2]}");
    r->theirs = rig_request(r, r->space, r->eve, "{\"prompt\":\"eve's\"}");
    rig_start(r, NULL);
    *state = r;
    return 0;
}

static inline int rig_tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

/* ---- asking ---- */

static inline int rig_connect(const struct rig *r)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    assert_true(str_copy(to.sun_path, sizeof to.sun_path, str_of(web_socket(r->web))));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void rig_send(int fd, struct buf *request)
{
    struct str s = buf_str(request);
    assert_int_equal(request->failed, OK);
    assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), (ssize_t)s.n);
    buf_release(request);
}

/* Reads until the other side closes. */
static inline void rig_receive(struct rig *r, int fd)
{
    struct buf in = BUF_INIT(64 * 1024 * 1024);
    char *room;
    ssize_t n;
    do {
        assert_int_equal(buf_reserve(&in, 65536, &room), OK);
        n = recv(fd, room, 65536, 0);
        if (n > 0)
            buf_commit(&in, (size_t)n);
    } while (n > 0);
    close(fd);
    size_t length;
    free(r->got.text);
    r->got.text = buf_take(&in, &length);
    r->got.status = 0;
    (void)sscanf(r->got.text, "HTTP/1.1 %u", &r->got.status);
    const char *end = strstr(r->got.text, "\r\n\r\n");
    r->got.body = end ? end + 4 : "";
}

/* fields: extra lines ended with CRLF. body: NULL = none; else a form. */
static inline void rig_write(const struct rig *r, struct buf *out, const char *method,
                             const char *target, const struct asker *who, const char *fields,
                             const char *body)
{
    char id[24];
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: x\r\n" INNER_SECRET ": %s\r\n", method, target,
               web_secret(r->web));
    buf_puts(out, INNER_ADDRESS ": 192.0.2.7\r\n" INNER_ORIGIN ": " ORIGIN "\r\n");
    if (who) {
        snprintf(id, sizeof id, "%" PRId64, uuid_key(who->id));
        buf_printf(out, INNER_USER ": %s\r\n" INNER_KEY ": %s\r\n", who->name, id);
        buf_printf(out, INNER_ROLE ": %s\r\n", who->admin ? "admin" : "user");
        buf_puts(out, INNER_SESSION ": 4711\r\n");
        buf_printf(out, INNER_SCOPES ": %u\r\n", who->scopes);
    }
    buf_puts(out, fields);
    if (body)
        buf_printf(out,
                   "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                   strlen(body));
    buf_puts(out, "Connection: close\r\n\r\n");
    buf_puts(out, body ? body : "");
}

/* One request in English unless fields say otherwise. Returns the status; r->got has the reply. */
static inline unsigned ask_with(struct rig *r, const char *method, const char *target,
                                const struct asker *who, const char *fields, const char *body)
{
    struct buf request = BUF_INIT(4 * 1024 * 1024);
    int fd = rig_connect(r);
    rig_write(r, &request, method, target, who, fields, body);
    rig_send(fd, &request);
    rig_receive(r, fd);
    return r->got.status;
}

#define ENGLISH "Accept-Language: en\r\n"
static inline unsigned get(struct rig *r, const char *target, const struct asker *who)
{
    return ask_with(r, "GET", target, who, ENGLISH, NULL);
}

static inline unsigned post(struct rig *r, const char *target, const struct asker *who,
                            const char *body)
{
    return ask_with(r, "POST", target, who, ENGLISH, body);
}

static inline struct asker ada(const struct rig *r)
{
    return (struct asker){"ada", r->ada, true, SCOPES_ALL};
}

static inline struct asker eve(const struct rig *r)
{
    return (struct asker){"eve", r->eve, false, SCOPES_ALL};
}

#define assert_has(r, part)                                                                        \
    do {                                                                                           \
        if (!strstr((r)->got.text, part))                                                          \
            fail_msg("%s is missing in:\n%s", part, (r)->got.text);                                \
    } while (0)
#define assert_has_not(r, part) assert_null(strstr((r)->got.text, part))

/* "/x/{id}" with an id. */
static inline const char *path_of(char out[128], const char *format, struct uuid id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    struct buf b = BUF_INIT(127);
    catalogue_fill(&b, str_of(format), "id", str_of(text));
    assert_true(str_copy(out, 128, buf_str(&b)));
    buf_release(&b);
    return out;
}

#endif
