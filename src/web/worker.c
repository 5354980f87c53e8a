#include "base/alloc.h"
#include "base/assets.h"
#include "base/log.h"
#include "codec/json.h"
#include "web/catalogue.h"
#include "web/page.h"
#include "web/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ASSET_BYTES_MAX (8 * 1024 * 1024)

static void drop_catalogues(struct worker *worker)
{
    for (size_t l = 0; l < LANGUAGE__MAX; l++) {
        json_free(worker->catalogues[l]);
        worker->catalogues[l] = NULL;
    }
}

struct worker *worker_take(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    struct worker *worker = w->idle;
    if (worker)
        w->idle = worker->next;
    pthread_mutex_unlock(&w->lock);
    return worker ? worker : xcalloc(1, sizeof *worker);
}

void worker_give(struct web *w, struct worker *worker)
{
    if (w->assets_dir)
        drop_catalogues(worker); /* the next request sees what was edited */
    pthread_mutex_lock(&w->lock);
    worker->next = w->idle;
    w->idle = worker;
    pthread_mutex_unlock(&w->lock);
}

void workers_free(struct web *w)
{
    while (w->idle) {
        struct worker *worker = w->idle;
        w->idle = worker->next;
        reader_close(worker->reader);
        drop_catalogues(worker);
        free(worker);
    }
}

struct reader *page_reader(struct page_request *p)
{
    struct worker *worker = p->worker;
    if (!worker->reader && reader_open(&worker->reader, app_store(p->web->app))) {
        log_error("web", "the store cannot be opened for reading");
        worker->reader = NULL;
    }
    return worker->reader;
}

static bool read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = -1;
    char *room;
    buf_init(out, ASSET_BYTES_MAX);
    do {
        if (buf_reserve(out, 65536, &room))
            break;
        n = read(fd, room, 65536);
        if (n > 0)
            buf_commit(out, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    close(fd);
    return !out->failed && n == 0;
}

bool asset_text(const struct web *w, const char *path, struct buf *storage, struct str *text)
{
    if (!w->assets_dir) {
        const struct asset *a = assets_get(str_of(path));
        if (a)
            *text = a->content;
        return a != NULL;
    }
    struct buf whole = BUF_INIT(4096);
    buf_printf(&whole, "%s/%s", w->assets_dir, path);
    bool read_it = !whole.failed && read_file(buf_cstr(&whole), storage);
    buf_release(&whole);
    if (read_it)
        *text = buf_str(storage);
    return read_it;
}

/* The tree in static/lang/CODE.json; NULL when there is none or it is broken (logged: a catalogue
 * is ours). */
static struct json_t *read_catalogue(const struct web *w, enum language l)
{
    char path[64];
    struct buf storage = {0}, why = BUF_INIT(256);
    struct str text;
    struct json_t *tree = NULL;
    (void)snprintf(path, sizeof path, "static/lang/%s.json", language_code(l));
    if (asset_text(w, path, &storage, &text) && json_parse(text, &tree, &why))
        log_error("web", "%s: %s", path, buf_cstr(&why));
    buf_release(&storage);
    buf_release(&why);
    return tree;
}

static struct json_t *load_catalogue(const struct web *w, enum language l)
{
    struct json_t *base = read_catalogue(w, LANGUAGE_EN);
    if (!base)
        base = json_object_new();
    struct json_t *over = l == LANGUAGE_EN ? NULL : read_catalogue(w, l);
    struct json_t *merged = catalogue_merge(base, over);
    json_free(base);
    json_free(over);
    return merged;
}

struct json_t *page_catalogue(struct page_request *p)
{
    struct json_t **catalogue = &p->worker->catalogues[p->lang];
    if (!*catalogue)
        *catalogue = load_catalogue(p->web, p->lang);
    return *catalogue;
}

struct str page_text(struct page_request *p, const char *key)
{
    return catalogue_text(page_catalogue(p), key);
}

struct str page_text_or(struct page_request *p, const char *group, struct str name,
                        struct str fallback)
{
    char key[128];
    struct str text;
    if (name.n > 64 || str_find(name, '.') != name.n)
        return fallback;
    (void)snprintf(key, sizeof key, "%s.%.*s", group, STR_ARG(name));
    return catalogue_find(page_catalogue(p), key, &text) ? text : fallback;
}
