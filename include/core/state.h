/* The core's inside: its structs and what its files call of each other. Nobody else includes this.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "base/alloc.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "core/detail.h"
#include "core/idempotency.h"
#include "core/looks.h"
#include "core/queue.h"
#include "core/relay.h"
#include "core/retention.h"
#include "core/saves.h"
#include "core/timer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- people ---- */

struct person {
    int64_t key;
    struct user_record rec;
    char folded[USER_NAME_BYTES];       /* the name in lower case */
    bool pending;                       /* being saved for the first time: only its name is taken */
    const struct user_record *changing; /* the row that is being saved; NULL = none */
    bool counted_admin;                 /* in relay.admins */
    uint32_t unfinished;                /* requests */
    uint64_t rate_full_us;              /* when a minute's requests are there for them again */
    struct list keys;                   /* idempotency keys, the oldest first */
    uint64_t key_count;
    struct list sessions, api_keys;
    UT_hash_handle hh, hh_name;
};

struct session {
    struct session_record rec;
    int64_t key;
    struct person *person;
    int64_t seen_saved_ms;
    bool pending;
    struct timer over_timer; /* when it expires, or was unused for too long */
    struct list link;        /* of its person */
    UT_hash_handle hh, hh_hash;
};

struct api_key {
    struct api_key_record rec;
    int64_t key;
    struct person *person;
    bool pending;            /* being saved for the first time */
    struct timer over_timer; /* when it expires */
    struct list link;        /* of its person */
    UT_hash_handle hh, hh_hash;
};

#define TRIES_NAME_BYTES (ADDRESS_BYTES + USER_NAME_BYTES)

/* Failed log-ins of one account, or of one address (IPv6: its network of 64 bits); or what was
 * registered from one. */
struct tries {
    char name[TRIES_NAME_BYTES]; /* "a:account", "i:address" or "r:address" */
    uint32_t failures, pending;
    uint64_t window_end_ms, last_ms, pending_end_ms;
    UT_hash_handle hh;
};

/* ---- spaces ---- */

/* A person's standing in a space, for turns and for seconds between requests. */
struct standing {
    int64_t user_key;
    uint64_t last_turn;
    uint64_t last_submit_ms;
    bool submitted;
    UT_hash_handle hh;
};

#define PACE_SAMPLES 16

struct space {
    struct space_record rec;
    int64_t key;
    bool pending, removed;
    bool changing;                   /* an edit or the removal is being saved */
    char renaming[SPACE_NAME_BYTES]; /* reserved while an edit is being saved; "" = none */
    struct queue waiting;
    size_t returning; /* on their way back into the queue; until they are there nobody overtakes */
    struct list apps;
    uint32_t app_count;
    struct list orphans; /* leases without a connection */
    size_t requests;     /* all in memory */
    size_t accepting;    /* of them, being saved for the first time on their way to the queue */
    uint64_t turn;       /* the highest that was handed out */
    struct standing *standings;
    uint64_t pace_ms[PACE_SAMPLES]; /* how long the last requests ran */
    size_t pace_count;
    bool shown_connected; /* as was published last */
    uint64_t shown_at_ms;
    struct timer show_timer, position_timer;
    struct list watched; /* waiting requests that somebody watches */
    struct list match_link, show_link;
    UT_hash_handle hh, hh_name;
};

struct token {
    struct token_record rec;
    int64_t key;
    bool pending;
    UT_hash_handle hh;
};

/* ---- apps ---- */

struct app_conn {
    uint64_t conn;
    struct uuid connection_id;
    struct space *space;
    int64_t token_key; /* 0 = it has none */
    char instance[INSTANCE_BYTES];
    char name[NOTE_BYTES], version[NOTE_BYTES], address[ADDRESS_BYTES];
    uint32_t concurrency, prefetch;
    uint32_t endpoints;
    uint32_t at_once; /* how many it works on at a time, so far as the relay knows */
    uint32_t taken;   /* slots: leases, those being saved, and those that linger */
    bool draining;
    int64_t connected_ms;
    struct list assigning;   /* slots taken whose attempt is being saved */
    struct list leases;      /* in the order of dispatch */
    struct list lingering;   /* final for people, slot still taken */
    struct list *first_idle; /* the first lease whose silence is not timed; the head when none */
    uint32_t timed;          /* leases before it; at most at_once */
    struct list link;        /* of its space */
    UT_hash_handle hh;
};

/* ---- requests ---- */

enum saving { SAVING_NOTHING, SAVING_NEW, SAVING_ATTEMPT, SAVING_QUEUED, SAVING_FINAL };

enum cause { BY_APP, BY_PERSON, BY_RELAY };

#define WAITERS_MAX 64

/* Where an answer goes: a socket or a ticket. */
struct waiter {
    uint64_t conn, ticket;
    char ref[REF_BYTES];
    bool watch; /* the request, once it is there */
    struct waiter *next;
};

/* A final state or a return to the queue on its way to the disk. */
struct ending {
    enum request_status status; /* REQUEST_QUEUED = back to the queue */
    enum cause cause;
    enum err code; /* OK = none; ERR_APP_ERROR uses code_text */
    char code_text[32];
    bool counts_lost, waived;
    int64_t at_ms;
    struct bytes *message, *result, *usage;
};

struct request {
    struct request_record rec; /* rec.text is unused: see text */
    struct space *space;
    struct person *person;
    enum saving saving;
    struct ending end; /* while saving QUEUED or FINAL, or waiting to try that again */
    bool end_wanted; /* end is to be saved (again) when the timer fires or the present save is done
                      */
    struct waiter *waiters;          /* of submits or of cancels */
    struct idempotency *idempotency; /* while it is being saved, when it was submitted with a key */
    bool cancel_wanted;
    bool lingering; /* final for people, but its slot is still taken */
    bool restored;  /* a lease from before the relay's start */
    bool sent;      /* this attempt has left for the app */
    unsigned saves; /* under way: never freed before they are answered */
    struct queue_node node;
    struct app_conn *app;
    struct list lease_link; /* of the app, or of the space's orphans */
    bool timed;
    bool inside;           /* waits inside its app: not timed, and no word about it has come */
    bool waited;           /* it was so when its app went: that attempt cost nothing */
    unsigned silent_conns; /* that had it since an app last said something about it */
    int64_t lease_token;   /* the app it was leased to */
    char lease_instance[INSTANCE_BYTES];
    uint64_t heard_ms, dispatched_ms, accepted_ms;
    struct timer timer;      /* silence, grace, lingering or the next try of a save */
    struct timer text_timer; /* the next save of text */
    struct buf text;
    uint64_t text_saved; /* bytes that are on disk */
    bool text_saving;
    bool has_percent, has_step, has_steps, has_message;
    double percent;
    uint32_t step, steps;
    struct bytes *message;
    unsigned watchers;
    struct list watch_link;
    uint64_t shown_position, shown_eta_ms;
    const char *shown_reason;
    struct list grave_link;
    UT_hash_handle hh;
};

/* ---- counting ---- */

#define LATENCY_SAMPLES 512
#define RATE_SECONDS    60

struct stats {
    uint64_t latency_ms[LATENCY_SAMPLES];
    size_t latency_count;
    uint32_t finished[RATE_SECONDS], failed[RATE_SECONDS];
    uint64_t second[RATE_SECONDS];
    uint64_t queued, processing;
};

struct setting {
    struct setting_record rec;
    UT_hash_handle hh;
};

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    char bytes[];
};

struct relay {
    struct limits limits;
    struct now now;
    struct effects *out;
    struct uuid_gen ids;
    uint64_t random; /* of the event under way */
    struct person *people, *people_by_name;
    unsigned admins; /* those who are, and will stay when what is being saved is saved */
    struct session *sessions, *sessions_by_hash;
    struct api_key *api_keys, *api_keys_by_hash;
    struct tries *tries;
    struct space *spaces, *spaces_by_name;
    struct token *tokens;
    struct app_conn *apps;
    struct request *requests;
    struct setting *settings;
    struct idempotency *keys;
    struct list keys_by_age;
    struct save *saves;
    struct list saves_in_order;
    struct list sure; /* changes that must be saved in the end */
    struct load *loads;
    struct loader *loaders;
    uint64_t next_save, next_load;
    uint64_t no_match_until_ms; /* the store has failed: no new attempts before then */
    struct heap timers;
    struct timer admin_timer, hourly_timer, wake_timer, keys_timer;
    struct retention retention;
    unsigned admin_watchers;
    struct list to_match;  /* spaces */
    struct list to_show;   /* spaces that may have become connected or disconnected */
    struct list graveyard; /* requests to be freed at the next step */
    struct stats stats;
    struct looks looks;
    struct arena_block *arena; /* what effects borrow; emptied at the next step */
    bool shutting_down, listening;
};

/* relay.c */
void *relay_arena(struct relay *r, size_t bytes); /* zeroed; until the next step */
struct str relay_text(struct relay *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct uuid relay_id(struct relay *r);
void timer_set(struct relay *r, struct timer *t, uint64_t at_ms);
void timer_stop(struct relay *r, struct timer *t);
struct effect *effect_new(struct relay *r, enum effect_kind kind);
void send_close(struct relay *r, uint64_t conn, uint16_t code, struct str reason);

/* request.c */
struct request *request_find(struct relay *r, struct uuid id);
struct request *request_make(struct relay *r, struct space *s, struct person *p);
void request_set_status(struct relay *r, struct request *q, enum request_status to);
void request_forget(struct relay *r, struct request *q);
void request_free(struct request *q);
void request_enqueue(struct relay *r, struct request *q);
void request_dequeue(struct relay *r, struct request *q);
struct save *request_save(struct relay *r, struct request *q, struct change *c,
                          void (*done)(struct relay *, struct save *, enum err));
void request_clear_attempt(struct relay *r, struct request *q);
/* False, and nobody was added: WAITERS_MAX wait already. */
/* NULL when there are too many. */
struct waiter *waiter_add(struct request *q, uint64_t conn, uint64_t ticket, struct str ref);

/* idempotency.c */
void keys_timer_fired(struct relay *r, struct timer *t);

/* submit.c */
void submit_message(struct relay *r, const struct relay_event *e);
void submit_command(struct relay *r, const struct relay_event *e);

/* cancel.c */
void cancel_message(struct relay *r, const struct relay_event *e);
void cancel_command(struct relay *r, const struct relay_event *e);
void cancel_loaded(struct relay *r, const struct load *l, enum err err,
                   const struct request_record *rec);

/* query.c */
void query_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec);

/* remove.c */
void remove_loaded(struct relay *r, const struct load *l, enum err err,
                   const struct request_record *rec);

/* ending.c: how a request leaves its app */
void request_end(struct relay *r, struct request *q, const struct ending *end);
void request_end_again(struct relay *r, struct request *q);
void request_cancel(struct relay *r, struct request *q);
void request_lost(struct relay *r, struct request *q);
void waiters_answer(struct relay *r, struct request *q, enum err code, const char *message);

/* lease.c */
void lease_take(struct relay *r, struct request *q, struct app_conn *a);
void lease_attach(struct relay *r, struct request *q, struct app_conn *a);
void lease_detach(struct relay *r, struct request *q);
void lease_orphan(struct relay *r, struct request *q);
void lease_inside(struct request *q);
void lease_works(struct relay *r, struct request *q);
void lease_linger(struct relay *r, struct request *q, const char *reason);
void lease_timer_fired(struct relay *r, struct timer *t);
void linger_end(struct relay *r, struct request *q);

/* frames.c: what apps say about requests */
void frame_progress(struct relay *r, struct app_conn *a, const struct app_msg *m);
void frame_delta(struct relay *r, struct app_conn *a, const struct app_msg *m);
void frame_result(struct relay *r, struct app_conn *a, const struct app_msg *m);
void frame_error(struct relay *r, struct app_conn *a, const struct app_msg *m);
void frame_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec);
void send_ack(struct relay *r, uint64_t conn, struct lease_ref lease, enum err code);

/* text.c */
MUST_USE enum err text_append(struct relay *r, struct request *q, struct str text);
void text_clear(struct relay *r, struct request *q);
void text_continue(struct relay *r, struct request *q);
void text_timer_fired(struct relay *r, struct timer *t);

/* apps.c */
void app_message(struct relay *r, const struct relay_event *e);
void app_gone(struct relay *r, struct app_conn *a, bool at_once);
struct app_conn *app_find(struct relay *r, uint64_t conn);
struct app_conn *app_by_id(struct relay *r, struct uuid connection_id);
void app_fill_view(const struct app_conn *a, struct app_view *v);
void app_drain(struct relay *r, struct app_conn *a);
void apps_drain_all(struct relay *r);

/* register.c */
void app_register(struct relay *r, const struct relay_event *e);

/* match.c */
void match_wanted(struct relay *r, struct space *s);
void match_all(struct relay *r);
/* Whether a new request, not yet saved, has taken a free slot that nobody waits for: its first
 * attempt is then saved with it. match_new_change adds that to its change; match_new_saved goes on
 * once it is on disk. */
bool match_new(struct relay *r, struct request *q);
void match_new_change(struct relay *r, const struct request *q, struct change *c);
void match_new_saved(struct relay *r, struct request *q);

/* space.c */
struct space *space_by_id(struct relay *r, struct uuid id);
struct space *space_by_key(struct relay *r, int64_t key);
struct space *space_by_name(struct relay *r, struct str name);
struct space *space_new(struct relay *r, const struct space_record *rec);
void space_free(struct relay *r, struct space *s);
void space_release_if_over(struct relay *r, struct space *s);
void space_index_name(struct relay *r, struct space *s);
void space_unindex_name(struct relay *r, struct space *s);
struct standing *space_standing(struct relay *r, struct space *s, int64_t user_key);
uint64_t space_next_turn(struct relay *r, struct space *s, int64_t user_key);
void space_ran(struct space *s, uint64_t ms);
bool space_name_free(struct relay *r, struct str name, const struct space *but);
bool space_draining(const struct space *s);
uint32_t space_slots(const struct space *s);

/* show.c: what watchers see */
void show_space(struct relay *r, struct space *s);
void show_space_soon(struct relay *r, struct space *s);
void show_connected(struct relay *r);
void show_positions_soon(struct relay *r, struct space *s);
void show_timers_init(struct space *s);
void space_fill_view(const struct space *s, struct space_view *v);
void request_fill_view(struct relay *r, struct request *q, struct request_view *v, unsigned fields);
struct request_view *view_of_record(struct relay *r, const struct request_record *rec,
                                    struct str space_name);
void show_state(struct relay *r, struct request *q, unsigned fields, unsigned gone);
void show_progress(struct relay *r, struct request *q, unsigned fields);
void show_delta(struct relay *r, struct request *q, struct str text);
void show_final(struct relay *r, struct request *q);

/* watch.c */
void watch_message(struct relay *r, const struct relay_event *e);
void watch_begin(struct request *q); /* it has one more watcher */
void watch_ended(struct relay *r, const struct relay_event *e);
void watch_loaded(struct relay *r, const struct load *l, enum err err,
                  const struct request_record *rec);
struct client_out *send_client_error(struct relay *r, uint64_t conn, struct str ref, enum err code,
                                     struct str message, uint64_t retry_after_ms);
void admin_timer_fired(struct relay *r, struct timer *t);

/* stats.c */
void stats_finished(struct relay *r, uint64_t latency_ms, bool failed);
void stats_fill(struct relay *r, struct admin_view *v);

/* people.c */
struct person *person_by_key(struct relay *r, int64_t key);
struct person *person_by_name(struct relay *r, struct str name);
struct person *person_new(struct relay *r, const struct user_record *rec);
void person_free(struct relay *r, struct person *p);
struct session *session_new(struct relay *r, struct person *p, const struct session_record *rec);
void session_free(struct relay *r, struct session *s);
void session_watch(struct relay *r,
                   struct session *s); /* ends it in time; once the clock is known */
void sessions_end(struct relay *r, struct person *p, int64_t but_key);
void sessions_prune(struct relay *r);
bool person_is_admin(struct relay *r, int64_t user_key);
/* The same for who came in by what may be a key without that scope. */
bool identity_is_admin(struct relay *r, const struct identity *who);
bool person_stays_admin(const struct person *p);
void admins_note(struct relay *r, struct person *p); /* after each change of what that rests on */
unsigned admins_but(const struct relay *r, const struct person *but);

/* api_keys.c */
struct api_key *api_key_new(struct relay *r, struct person *p, const struct api_key_record *rec);
void api_key_free(struct relay *r, struct api_key *k);
struct api_key *api_key_by_key(struct relay *r, int64_t key);
struct api_key *api_key_by_hash(struct relay *r, const struct hash *hash);
struct api_key *api_key_named(const struct person *p, const char *name);
size_t api_keys_count(const struct person *p);
/* Closes its sockets in time; once the clock is known. */
void api_key_watch(struct relay *r, struct api_key *k);
/* Forgets it and closes its sockets; saving that is the caller's. */
void api_key_end(struct relay *r, struct api_key *k);
void api_keys_end(struct relay *r, struct person *p); /* all of them, and saves that */

/* commands.c and the files of one kind of command each */
void command_run(struct relay *r, const struct relay_event *e);
struct reply *reply_send(struct relay *r, uint64_t ticket, enum err err, const char *message);
void reply_too_many(struct relay *r, uint64_t ticket, const char *message, uint64_t limit,
                    uint64_t retry_after_ms);
void reply_changing(struct relay *r, uint64_t ticket, const char *message);
struct audit_record *audit_new(struct relay *r, const struct command *c, const char *action,
                               struct str subject, const char *detail);
bool actor_is_admin(struct relay *r, const struct actor *a);
void command_saved(struct relay *r, struct save *s, enum err err);
typedef void command_fn(struct relay *r, const struct relay_event *e);
command_fn command_setup, command_user_add, command_user_password, command_user_rehash,
    command_user_disable, command_user_role, command_user_edit, command_user_language;
command_fn command_space_add, command_space_edit, command_space_remove;
command_fn command_token_add, command_token_revoke;
command_fn command_api_key_add, command_api_key_revoke, command_query_api_keys;
command_fn command_app_drain, command_app_kick;
void tries_prune(struct relay *r); /* forgets those that no longer matter */
command_fn command_login_may, command_login_failed, command_register_may, command_session_open,
    command_session_close, command_session_others;
command_fn command_setting_set, command_settings_set, command_backup;
command_fn command_request_look, command_request_remove;
command_fn command_query_spaces, command_query_space, command_query_apps, command_query_stats,
    command_query_records, command_query_request;

#endif
