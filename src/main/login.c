/* spacerelay login and logout. */
#include "codec/json.h"
#include "main/commands.h"
#include "main/person.h"

#include <stdlib.h>
#include <string.h>

#define WHY_BYTES    16384
#define SCOPES_BYTES 1024

static int keep(struct person *p, const char *key, struct str name)
{
    struct buf why = BUF_INIT(WHY_BYTES);
    servers_put(&p->servers, p->place.url, key, name);
    enum err e = servers_save(&p->servers, &why);
    if (e)
        complain("%s", why.len ? buf_cstr(&why) : err_message(e));
    buf_release(&why);
    return e ? STATUS_FAILED : STATUS_DONE;
}

static void say_who(const struct person *p, struct str name, const struct json_t *me)
{
    struct buf words = BUF_INIT(SCOPES_BYTES), scopes = BUF_INIT(SCOPES_BYTES);
    const struct json_t *list = json_at(me, "scopes");
    struct str one;
    bool submits = false;
    for (size_t i = 0; i < json_count(list); i++) {
        if (!json_to_str(json_nth(list, i), &one))
            continue;
        buf_printf(&scopes, "%s%.*s", i ? ", " : "", STR_ARG(one));
        submits = submits || str_eq(one, STR("submit"));
    }
    text_clean(&words, name, true);
    buf_puts(&words, "; the API key may: ");
    text_clean(&words, buf_str(&scopes), true);
    say("logged in to %s as %s", p->place.url, buf_cstr(&words));
    if (!submits)
        say("spacerelay run and cancel need the scope submit; make a key that has it at "
            "%s/account#keys",
            p->place.url);
    buf_release(&words);
    buf_release(&scopes);
}

static int check(struct person *p, const char *key)
{
    struct remote_answer a;
    struct json_t *me = NULL;
    struct str name;
    int status = STATUS_FAILED;
    remote_get(&p->remote, "/api/v1/me", &a);
    if (a.how != REMOTE_DONE)
        complain("%s", buf_cstr(&a.words));
    else if (json_parse(buf_str(&a.body), &me, NULL) || !json_to_str(json_at(me, "name"), &name))
        complain("%s does not answer as a relay does", p->place.url);
    else
        status = keep(p, key, name);
    if (!status)
        say_who(p, name, me);
    json_free(me);
    remote_release(&a);
    return status;
}

static int take_key(const struct options *o, const char *url, char key[API_KEY_BYTES])
{
    const char *given = getenv("SPACERELAY_KEY");
    if (o->key_stdin || !given || !given[0])
        return read_api_key(o, url, key);
    if (str_copy(key, API_KEY_BYTES, str_of(given)))
        return STATUS_DONE;
    complain("an API key is not as long as that");
    return STATUS_FAILED;
}

int login(const struct options *o)
{
    struct person p = {0};
    struct options to = *o;
    char key[API_KEY_BYTES] = "";
    to.server = o->arg;
    int status = person_find(&p, &to);
    if (!status)
        status = person_check_way(&p, &to);
    if (!status)
        status = take_key(o, p.place.url, key);
    if (!status)
        status = person_connect(&p, &to, key, -1);
    if (!status)
        status = check(&p, key);
    person_release(&p);
    secret_wipe(key, sizeof key);
    return status;
}

int logout(const struct options *o)
{
    struct person p = {0};
    struct buf why = BUF_INIT(WHY_BYTES);
    int status = person_find(&p, o);
    bool known = !status && servers_find(&p.servers, p.place.url);
    if (!status && !known) {
        complain("you are not logged in to %s", p.place.url);
        status = STATUS_FAILED;
    } else if (known) {
        servers_remove(&p.servers, p.place.url);
        enum err e = servers_save(&p.servers, &why);
        if (e)
            complain("%s", why.len ? buf_cstr(&why) : err_message(e));
        else
            say("logged out of %s; the API key is valid until it is revoked there", p.place.url);
        status = e ? STATUS_FAILED : STATUS_DONE;
    }
    person_release(&p);
    buf_release(&why);
    return status;
}
