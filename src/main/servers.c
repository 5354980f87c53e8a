#include "main/servers.h"

#include "base/alloc.h"
#include "base/secret.h"
#include "codec/json.h"
#include "main/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES   8192
#define CONFIG_BYTES (1u << 20)
#define CONFIG_NAME  "config.json"

/* ---- where ---- */

static enum err find_folder(struct buf *path, struct buf *why)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/') { /* a relative one is to be ignored, says the specification */
        buf_printf(path, "%s/spacerelay", config);
    } else if (home && home[0] == '/') {
        buf_printf(path, "%s/.config/spacerelay", home);
    } else {
        buf_puts(why, "there is no home folder: HOME is not set");
        return ERR_NOT_FOUND;
    }
    return path->failed;
}

/* The folder and those above it. */
static enum err make_folder(struct buf *path, struct buf *why)
{
    char *p = str_dup(buf_str(path));
    for (char *slash = strchr(p + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(p, 0700);
        *slash = '/';
    }
    bool made = (mkdir(p, 0700) == 0 || errno == EEXIST) && chmod(p, 0700) == 0;
    if (!made)
        buf_printf(why, "cannot make %s: %s", p, strerror(errno));
    free(p);
    return made ? OK : ERR_IO;
}

/* ---- the list ---- */

static void server_release(struct server *s)
{
    if (s->key)
        secret_wipe(s->key, strlen(s->key));
    free(s->url);
    free(s->key);
    free(s->name);
}

void servers_release(struct servers *s)
{
    while (s->count)
        server_release(&s->list[--s->count]);
    free(s->list);
    s->list = NULL;
}

const struct server *servers_find(const struct servers *s, const char *url)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->list[i].url, url) == 0)
            return &s->list[i];
    return NULL;
}

void servers_remove(struct servers *s, const char *url)
{
    const struct server *found = servers_find(s, url);
    if (!found)
        return;
    size_t at = (size_t)(found - s->list);
    server_release(&s->list[at]);
    memmove(&s->list[at], &s->list[at + 1], (--s->count - at) * sizeof *s->list);
}

static void append(struct servers *s, struct str url, struct str key, struct str name)
{
    s->list = xrealloc(s->list, s->count + 1, sizeof *s->list);
    s->list[s->count++] = (struct server){str_dup(url), str_dup(key), str_dup(name)};
}

void servers_put(struct servers *s, const char *url, const char *key, struct str name)
{
    servers_remove(s, url);
    append(s, str_of(url), str_of(key), name);
    struct server last = s->list[s->count - 1];
    memmove(&s->list[1], &s->list[0], (s->count - 1) * sizeof *s->list);
    s->list[0] = last;
}

/* ---- on the disk ---- */

static enum err read_list(struct servers *s, struct str text, struct buf *why)
{
    struct json_t *j = NULL;
    enum err e = json_parse(text, &j, why);
    const struct json_t *list = e ? NULL : json_at(j, "servers");
    if (!e && !json_is_array(list)) {
        buf_puts(why, "it holds no servers");
        e = ERR_SYNTAX;
    }
    for (size_t i = 0; i < json_count(list); i++) {
        struct str url, key, name = STR("");
        const struct json_t *one = json_nth(list, i);
        (void)json_to_str(json_at(one, "name"), &name);
        if (json_to_str(json_at(one, "url"), &url) && json_to_str(json_at(one, "key"), &key))
            append(s, url, key, name);
    }
    json_free(j);
    return e ? ERR_SYNTAX : OK;
}

static enum err read_file(struct servers *s, const char *path, struct buf *why)
{
    struct buf text = BUF_INIT(CONFIG_BYTES), trouble = BUF_INIT(PATH_BYTES);
    enum err e = file_read(path, &text, why);
    if (!e && read_list(s, buf_str(&text), &trouble)) {
        e = ERR_SYNTAX;
        buf_printf(why, "cannot use %s: %s", path, buf_cstr(&trouble));
    }
    secret_wipe(text.data, text.cap);
    buf_release(&text);
    buf_release(&trouble);
    return e;
}

enum err servers_load(struct servers *s, struct buf *why)
{
    struct buf path = BUF_INIT(PATH_BYTES);
    *s = (struct servers){0};
    enum err e = find_folder(&path, why);
    buf_puts(&path, "/" CONFIG_NAME);
    if (!e && (access(buf_cstr(&path), F_OK) == 0 || errno != ENOENT))
        e = read_file(s, buf_cstr(&path), why);
    buf_release(&path);
    return e;
}

static void write_list(const struct servers *s, struct buf *text)
{
    struct json_t *o = json_object_new(), *list = json_put(o, "servers", json_array_new());
    for (size_t i = 0; i < s->count; i++) {
        struct json_t *one = json_add(list, json_object_new());
        json_put_text(one, "url", s->list[i].url);
        json_put_text(one, "name", s->list[i].name);
        json_put_text(one, "key", s->list[i].key);
    }
    (void)json_write_pretty(text, o);
    buf_putc(text, '\n');
    json_free(o);
}

static enum err replace_file(const char *folder, struct str text, struct buf *why)
{
    struct buf path = BUF_INIT(PATH_BYTES), fresh = BUF_INIT(PATH_BYTES);
    buf_printf(&path, "%s/" CONFIG_NAME, folder);
    buf_printf(&fresh, "%s/" CONFIG_NAME ".%016llx", folder, (unsigned long long)random_u64());
    enum err e = file_write(buf_cstr(&fresh), text, why);
    if (!e) {
        e = file_rename(buf_cstr(&fresh), buf_cstr(&path), true, why);
        if (e)
            unlink(buf_cstr(&fresh));
    }
    buf_release(&path);
    buf_release(&fresh);
    return e;
}

enum err servers_save(const struct servers *s, struct buf *why)
{
    struct buf folder = BUF_INIT(PATH_BYTES), text = BUF_INIT(CONFIG_BYTES);
    write_list(s, &text);
    enum err e = text.failed;
    if (!e)
        e = find_folder(&folder, why);
    if (!e)
        e = make_folder(&folder, why);
    if (!e)
        e = replace_file(buf_cstr(&folder), buf_str(&text), why);
    secret_wipe(text.data, text.cap);
    buf_release(&text);
    buf_release(&folder);
    return e;
}
