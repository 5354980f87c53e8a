/* Joins clock, core and store. The two mailboxes live here: from other threads to the hub's (calls
 * and the store's answers, with an eventfd to wake it), and from the hub's to whoever waits for a
 * reply.
 *
 * "Hub thread" below means the one thread that calls app_poll; without a hub (command line) the
 * caller is it. */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/secret.h"
#include "core/relay.h"
#include "store/reader.h"
#include "store/store.h"

struct app;

/* Opens the data folder: makes it (0700) when missing, takes its lock, opens and loads the store,
 * reads or makes the signing key, starts the writer. On failure why gets a sentence for a person.
 * ERR_LOCKED: another process has it. ERR_IO, ERR_NEWER, ERR_FORBIDDEN, ERR_INTERNAL. */
MUST_USE enum err app_open(struct app **out, const char *data_dir, const struct limits *limits,
                           struct buf *why);
/* Waits for the store to write what it was given; answers all waiting calls with ERR_SHUTTING_DOWN.
 */
void app_close(struct app *a);

const char *app_data_dir(const struct app *a);
const struct limits *
app_limits(const struct app *a);              /* hub thread only; as overridden by settings */
struct limits app_limits_copy(struct app *a); /* any thread */
const struct sign_key *app_sign_key(const struct app *a); /* any thread */
struct store *app_store(struct app *a);                   /* for reader_open; any thread */
/* Why nothing can be saved at the moment; NULL when it can. Static storage. Any thread. */
const char *app_store_trouble(const struct app *a);

/* ---- hub thread ---- */

/* Who carries out effects that concern sockets. SAVE, LOAD, REPLY and SETTING are carried out by
 * the app itself. The sink may feed EVENT_UNWATCH and EVENT_APP_GONE in turn: their effects are
 * carried out after the present ones. */
typedef void app_sink(void *ctx, const struct effect *e);
void app_set_sink(struct app *a, app_sink *sink, void *ctx);

/* Readable when app_poll has something to do. */
int app_wake_fd(const struct app *a);
/* Takes what other threads have posted and what is due. Returns milliseconds until it wants to be
 * called again. */
uint64_t app_poll(struct app *a);
/* Stops the clock until the end of the next app_poll, which must follow in the same turn of the
 * loop: hundreds of events come in a turn, and each would read it. */
void app_hold_clock(struct app *a);
/* Feeds one event (random and the clock are filled in here) and carries out its effects. */
void app_event(struct app *a, struct relay_event *e);
bool app_identify(struct app *a, const struct hash *cookie, struct identity *who);
/* The same by the hash of an API key's secret. */
bool app_identify_key(struct app *a, const struct hash *secret, struct identity *who);
bool app_needs_setup(const struct app *a);
/* A command from the hub itself (control socket): answered is called on the hub thread, possibly
 * before return. cmd is copied (its payload is taken over). */
typedef void app_answered(void *ctx, struct reply *reply); /* reply is the callee's to release */
void app_command(struct app *a, struct command *cmd, app_answered *answered, void *ctx);
size_t app_saves_pending(const struct app *a);
/* From now on all calls, those that wait too, are answered ERR_SHUTTING_DOWN: for when polling
 * ends. */
void app_refuse_calls(struct app *a);

/* ---- any thread but the hub's ---- */

/* Asks the hub and waits. *cmd is copied; its payload is given. Returns reply->err; ERR_TIMEOUT
 * when no answer came in time (what was asked may still happen). reply must be released. */
enum err app_call(struct app *a, struct command *cmd, uint64_t timeout_ms, struct reply *reply);
/* Runs fn(arg) on the hub thread soon. For the hub's own use by others, e.g. stopping. */
void app_post(struct app *a, void (*fn)(void *arg), void *arg);

/* ---- without a hub: the command line ---- */

/* As app_call, on the calling thread, polling the app itself. */
enum err app_call_alone(struct app *a, struct command *cmd, struct reply *reply);

/* Issues a token for a space: CMD_TOKEN_ADD through `call`, then signs it. token gets the text. Any
 * thread with app_call, the command line with app_call_alone. */
MUST_USE enum err app_token_text(const struct app *a, struct uuid token_id, struct uuid space_id,
                                 int64_t issued_ms, int64_t expires_ms, struct buf *token);

#endif
