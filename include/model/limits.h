/* Every limit of the relay, in one table: name, default, unit and meaning. `serve --limits FILE`
 * overrides them, and /docs/limits shows the table. Numbers are bytes, milliseconds or counts, as
 * the name says. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* X(name, default, lowest, highest, meaning) */
#define LIMITS_TABLE(X)                                                                            \
    X(ping_every_ms, 25000, 100, 3600000, "a silent WebSocket is pinged after")                    \
    X(ping_timeout_ms, 20000, 100, 3600000, "gone when no byte at all came after a ping for")      \
    X(message_idle_ms, 30000, 100, 3600000, "a message under way is dropped after no byte for")    \
    X(pace_window_ms, 30000, 100, 3600000, "pace of a message or body is judged after")            \
    X(pace_bytes_per_s, 1024, 1, 1048576, "least pace of a message or body, bytes a second")       \
    X(app_message_bytes, 16777216, 1024, 67108864, "a message from an app")                        \
    X(client_message_bytes, 1048576, 1024, 67108864, "a message from a person")                    \
    X(message_fragments, 100000, 1, 1000000, "fragments a message")                                \
    X(payload_bytes, 1048576, 16, 16777216, "the payload of a request")                            \
    X(text_bytes, 4194304, 16, 67108864, "the streamed text of a request")                         \
    X(json_depth, 64, 4, 1000, "nesting of JSON")                                                  \
    X(json_tree_bytes, 65536, 1024, 1048576, "JSON that is built as a tree")                       \
    X(client_unsent_bytes, 1048576, 1024, 268435456, "unsent output of a person's socket")         \
    X(app_unsent_bytes, 33554432, 1024, 268435456, "unsent output of an app's socket")             \
    X(head_bytes, 16384, 1024, 1048576, "an HTTP request head")                                    \
    X(head_fields, 100, 10, 1000, "header fields of a request")                                    \
    X(head_line_bytes, 8192, 256, 1048576, "a line of a request head")                             \
    X(head_ms, 10000, 100, 600000, "time for a request head")                                      \
    X(body_bytes, 1048576, 1024, 67108864, "the body of a page's request")                         \
    X(api_body_bytes, 16777216, 1024, 67108864, "the body of an API request")                      \
    X(body_idle_ms, 30000, 100, 600000, "time between two bytes of a body")                        \
    X(keep_alive_ms, 60000, 100, 3600000, "an idle kept-alive connection")                         \
    X(connections_per_address, 256, 1, 1000000, "connections of one address (not loopback)")       \
    X(sockets_per_person, 32, 1, 10000, "open sockets of one person")                              \
    X(topics_per_socket, 256, 1, 10000, "topics a socket watches")                                 \
    X(topic_events, 256, 1, 65536, "events a topic keeps for those who come back")                 \
    X(topic_bytes, 262144, 1024, 67108864, "bytes a topic keeps for those who come back")          \
    X(topics_idle_bytes, 67108864, 0, 1099511627776,                                               \
      "bytes that all topics without a watcher keep, the oldest go first")                         \
    X(inner_waiting, 16384, 0, 65536, "page requests that wait for a web thread")                  \
    X(inner_waiting_bytes, 67108864, 0, 4294967296, "their bytes, all together")                   \
    X(inner_reply_bytes, 33554432, 65536, 268435456, "one reply of the web threads")               \
    X(inner_total_bytes, 268435456, 65536, 4294967296, "all unsent replies of the web threads")    \
    X(inner_timeout_ms, 30000, 100, 600000, "time for a web thread to answer")                     \
    X(queue_per_space, 10000, 1, 10000000, "requests waiting in one space")                        \
    X(unfinished_per_person, 100, 1, 1000000, "unfinished requests of one person")                 \
    X(requests_per_minute, 600, 0, 1000000, "requests of one person a minute (0: no limit)")       \
    X(idempotency_ms, 86400000, 1000, 2592000000, "an idempotency key stands for its request")     \
    X(idempotency_key_bytes, 128, 1, 128, "an idempotency key")                                    \
    X(idempotency_keys_per_person, 100000, 1, 10000000, "idempotency keys of one person in use")   \
    X(saves_pending, 65536, 1, 10000000, "saves under way before submits are refused")             \
    X(save_age_ms, 5000, 100, 600000, "age of the oldest save before submits are refused")         \
    X(text_save_ms, 500, 10, 60000, "streamed text is saved every")                                \
    X(publish_space_ms, 200, 1, 60000, "changes of a space are shown at most every")               \
    X(publish_position_ms, 500, 1, 60000, "positions are shown at most every")                     \
    X(sio_register_ms, 60000, 100, 600000, "time for a Socket.IO app to register")                 \
    X(register_ms, 10000, 100, 600000, "time for an app to register")                              \
    X(grace_ms, 30000, 0, 3600000, "time for a lost app to come back to its requests")             \
    X(max_attempts, 2, 1, 100, "attempts a request gets")                                          \
    X(poison_losses, 3, 1, 100, "lost connections that set a request aside")                       \
    X(request_timeout_ms, 120000, 100, 86400000, "silence after which a request fails")            \
    X(sio_message_bytes, 1000000, 1024, 67108864,                                                  \
      "a Socket.IO message, or the body of a polling request")                                     \
    X(sio_connect_ms, 45000, 100, 600000, "time for a Socket.IO client to enter a namespace")      \
    X(sio_upgrade_ms, 10000, 100, 600000, "time for an upgrade from polling to WebSocket")         \
    X(polling_sessions, 10000, 0, 10000000, "Socket.IO sessions by polling")                       \
    X(polling_per_address, 256, 0, 1000000, "those of one address (not loopback)")                 \
    X(cancel_wait_ms, 10000, 10, 600000, "a cancelled request keeps its slot at most")             \
    X(save_retry_ms, 1000, 10, 60000, "a failed save of the relay's own is tried again after")     \
    X(login_window_ms, 900000, 1000, 86400000, "failed log-ins are counted over")                  \
    X(login_failures_account, 5, 1, 10000, "failed log-ins of one account in that time")           \
    X(login_failures_address, 20, 1, 100000, "failed log-ins from one address in that time")       \
    X(registrations_per_address, 20, 1, 100000, "registrations from one address in their time")    \
    X(registration_window_ms, 3600000, 1000, 86400000, "registrations are counted over")           \
    X(session_ms, 2592000000, 1000, 31536000000, "a log-in lasts")                                 \
    X(session_idle_ms, 604800000, 1000, 31536000000, "a log-in unused ends after")                 \
    X(api_keys_per_person, 100, 1, 10000, "API keys of one person that are not revoked")           \
    X(shutdown_ms, 3000, 0, 600000, "a shutdown waits for open work")                              \
    X(web_threads, 8, 1, 256, "threads for pages")                                                 \
    X(retention_days, 0, 0, 36500, "finished requests are kept, in days (0: for ever)")

struct limits {
#define X(name, value, low, high, meaning) uint64_t name;
    LIMITS_TABLE(X)
#undef X
};

struct limit_info {
    const char *name;
    const char *meaning;
    uint64_t value, low, high; /* value is the default */
    size_t offset;             /* of the field in struct limits */
};
extern const struct limit_info limits_info[];
extern const size_t limits_count;

void limits_default(struct limits *l);
/* Sets one by name. ERR_NOT_FOUND, or ERR_SYNTAX when value is no number from low to high. */
MUST_USE enum err limits_set(struct limits *l, struct str name, struct str value);
uint64_t limits_value(const struct limits *l, const struct limit_info *info);
/* Applies lines `name = value`; '#' starts a comment. On failure why gets a sentence with the line
 * number and *l is unchanged. ERR_SYNTAX. */
MUST_USE enum err limits_parse(struct limits *l, struct str text, struct buf *why);

#endif
