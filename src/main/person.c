#include "main/person.h"

#include "main/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_BYTES  16384
#define JSON_BYTES (256u << 20)
#define KEY_NAME   "SPACERELAY_KEY"
#define URL_NAME   "SPACERELAY_URL"

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* ---- which relay ---- */

int person_find(struct person *p, const struct options *o)
{
    struct buf why = BUF_INIT(WHY_BYTES);
    const char *url = o->server;
    enum err e = servers_load(&p->servers, &why);
    if (!e && !url)
        url = p->servers.count ? p->servers.list[0].url : NULL;
    if (!e && !url) {
        buf_puts(&why, "you are not logged in to a relay; see spacerelay login --help");
        e = ERR_NOT_FOUND;
    }
    if (!e)
        e = http_place_parse(&p->place, url, &why);
    if (e)
        complain("%s", why.len ? buf_cstr(&why) : err_message(e));
    buf_release(&why);
    return e ? STATUS_FAILED : STATUS_DONE;
}

/* ---- which key ---- */

/* A key in the environment is for the relay in the environment; with none there, for the one on
 * the command line. It is never sent to whichever happens to be the last one logged in to. */
static bool key_is_for(const struct person *p, const struct options *o)
{
    const char *url = environment(URL_NAME);
    struct buf why = BUF_INIT(WHY_BYTES);
    struct http_place place = {0};
    bool same = url ? !http_place_parse(&place, url, &why) && !strcmp(place.url, p->place.url)
                    : o->server != NULL;
    http_place_release(&place);
    buf_release(&why);
    return same;
}

/* NULL after complaining. */
static const char *find_key(const struct person *p, const struct options *o)
{
    const char *key = environment(KEY_NAME);
    const struct server *known = servers_find(&p->servers, p->place.url);
    if (key && key_is_for(p, o))
        return key;
    if (key && !environment(URL_NAME)) {
        complain(KEY_NAME " is set, but not for which relay: set " URL_NAME " too");
        return NULL;
    }
    if (!known)
        complain("you are not logged in to %s: spacerelay login %s", p->place.url, p->place.url);
    return known ? known->key : NULL;
}

int person_check_way(const struct person *p, const struct options *o)
{
    bool good = p->place.secure || p->place.loopback || o->insecure;
    if (!good)
        complain("not over plain http: everyone on the way to %s could read the API key and use "
                 "it; use https, or --insecure",
                 p->place.url);
    return good ? STATUS_DONE : STATUS_USAGE;
}

/* Whatever else it is: one word, so that it cannot become another header line. */
static bool key_is_good(const char *key)
{
    size_t n = 0;
    while (key[n] > ' ' && key[n] < 0x7f)
        n++;
    bool good = n > 0 && key[n] == '\0' && n < API_KEY_BYTES;
    if (!good)
        complain("that is no API key; they look like sr_... and come from the account page");
    return good;
}

int person_connect(struct person *p, const struct options *o, const char *key, int wake_fd)
{
    if (person_check_way(p, o))
        return STATUS_USAGE;
    if (!key_is_good(key))
        return STATUS_FAILED;
    p->remote = (struct remote){.place = &p->place,
                                .key = key,
                                .http = http_new(&p->place, o->ca, wake_fd),
                                .wake_fd = wake_fd};
    if (!p->remote.http)
        complain("libcurl cannot start");
    return p->remote.http ? STATUS_DONE : STATUS_FAILED;
}

int person_open(struct person *p, const struct options *o, int wake_fd)
{
    *p = (struct person){0};
    int status = person_find(p, o);
    if (status)
        return status;
    const char *key = find_key(p, o);
    return key ? person_connect(p, o, key, wake_fd) : STATUS_FAILED;
}

void person_release(struct person *p)
{
    http_free(p->remote.http);
    http_place_release(&p->place);
    servers_release(&p->servers);
}

/* ---- what came ---- */

bool remote_done(struct remote_answer *a)
{
    if (a->how != REMOTE_DONE)
        complain("%s", buf_cstr(&a->words));
    return a->how == REMOTE_DONE;
}

void print_raw_json(struct str json)
{
    struct buf b = BUF_INIT(JSON_BYTES);
    for (size_t i = 0; i < json.n; i++) {
        unsigned char c = (unsigned char)json.p[i],
                      next = i + 1 < json.n ? (unsigned char)json.p[i + 1] : 0;
        if (c == 0x7f)
            buf_puts(&b, "\\u007f");
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            buf_printf(&b, "\\u%04x", (unsigned)(unsigned char)json.p[++i]);
        else
            buf_putc(&b, json.p[i]);
    }
    buf_putc(&b, '\n');
    (void)fwrite(buf_str(&b).p, 1, b.len, stdout);
    buf_release(&b);
}
