/* Who asks which relay: the one of the last login, or --server, or SPACERELAY_URL, with the key
 * that was stored, or SPACERELAY_KEY. */
#ifndef MAIN_PERSON_H
#define MAIN_PERSON_H

#include "main/options.h"
#include "main/servers.h"
#include "remote/calls.h"

struct person {
    struct http_place place;
    struct servers servers;
    struct remote remote; /* with all of the above */
};

/* For commands. An exit status, after complaining. Release it in every case. wake_fd: see
 * http_new. */
int person_open(struct person *p, const struct options *o, int wake_fd);
void person_release(struct person *p);

/* Whether a key may be sent there as the options are. The same. */
int person_check_way(const struct person *p, const struct options *o);
/* Where person_find has found: checks the way too, and that the key looks like one. The same. */
int person_connect(struct person *p, const struct options *o, const char *key, int wake_fd);
/* --server, else the first of those that are known; for logout too. The same. */
int person_find(struct person *p, const struct options *o);

/* Whether it was; complains when not. */
bool remote_done(struct remote_answer *a);
/* As it came, but what a terminal would obey is escaped. */
void print_raw_json(struct str json);
/* As JSON, or for people. An exit status, after complaining. */
int print_request(const struct remote *r, const char *id, bool json);
void cancel_on_relay(const struct remote *r, const char *id, struct remote_answer *out);

#endif
