/* Engine.IO 4, the server's side: sessions over HTTP long-polling and WebSocket, the upgrade from
 * the one to the other, heartbeat, bounded memory both ways. What the messages mean is the
 * handler's business. A waiting poll holds no thread. Hub thread only.
 *
 * A session ends for its peer when its transport does: a missed pong, a broken connection or
 * packet, two polls at once. Its number is random (120 bits) and all that a request needs to speak
 * for it, so cookies mean nothing here and any site may be let in. */
#ifndef HUB_ENGINE_H
#define HUB_ENGINE_H

#include "hub/edge.h"
#include "hub/timers.h"

struct engine;
struct engine_session;

struct engine_handler {
    void *ctx;
    void (*opened)(void *ctx, struct engine_session *s);
    /* data is borrowed for the call, which may send and end. */
    void (*message)(void *ctx, struct engine_session *s, bool binary, struct str data);
    /* The last call, straight from the loop, never from within a call to this module but
     * engine_free. clean: the peer has closed the session or its WebSocket (a Python client may say
     * no more when it goes), before we ended it. */
    void (*closed)(void *ctx, struct engine_session *s, bool clean);
};

struct engine_config {
    struct event_base *base;
    const struct limits *limits; /* borrowed; read at each use */
    const char *origins;         /* "*", or origins with blanks between them */
    size_t first_message_bytes;  /* engine_limit_message of new sessions; 0 = the general limit */
    struct engine_handler handler;
};

struct engine *engine_new(const struct engine_config *config);
/* Ends what is left. Exchanges and sockets must be gone (edge_free). NULL is fine. */
void engine_free(struct engine *e);

/* See struct edge_handler; for exchanges on the engine's path. */
enum edge_route engine_route(struct engine *e, struct exchange *x, uint64_t *max_body);
void engine_answer(struct engine *e, struct exchange *x);
void engine_upgrade(struct engine *e, struct exchange *x);
void engine_abandoned(struct engine *e, struct exchange *x);

/* New sessions get 503; those that are there are dropped. */
void engine_stop(struct engine *e);
size_t engine_count(const struct engine *e, size_t *polling);
struct timers *engine_timers(struct engine *e);

/* ---- a session: until `closed` has returned ---- */

void engine_set(struct engine_session *s, void *owner);
void *engine_owner(const struct engine_session *s); /* NULL at first */
const char *engine_address(const struct engine_session *s);
/* The query that the session was opened with, until engine_forget_query wipes it. */
struct str engine_query(const struct engine_session *s);
void engine_forget_query(struct engine_session *s);
/* True when it is over, or about to be: nothing is sent any more, nothing comes. */
bool engine_ended(const struct engine_session *s);
/* One message. Ignored when it has ended; ends it when more than limits.app_unsent_bytes wait. */
void engine_send(struct engine_session *s, bool binary, struct str data);
/* Ends it once what was sent is delivered; no message comes any more. */
void engine_finish(struct engine_session *s);
/* Ends it at once, as if the connection had broken: peers that can come back do. why is for the
 * log. */
void engine_drop(struct engine_session *s, const char *why);
/* Messages (and polling payloads) have at most so many bytes from now on, never more than
 * limits.sio_message_bytes. As long as they are fewer, what waits for a poll or is unsent is
 * limited to four times as many. */
void engine_limit_message(struct engine_session *s, size_t bytes);

#endif
