/* Users, spaces, tokens and connected apps as JSON objects with the protocol's names (`space_id`,
 * `name`, ...): what control.sock carries and the command line's --json prints. Any thread. */
#ifndef CODEC_RECORDS_H
#define CODEC_RECORDS_H

#include "base/buf.h"
#include "model/command.h"

struct json_t;

/* Owned by the caller. Never a password's hash. */
struct json_t *record_user_json(const struct user_record *u);
struct json_t *record_space_json(const struct space_record *s);
/* Of which space: the caller puts that in, since the record knows only its key. */
struct json_t *record_token_json(const struct token_record *t);

struct json_t *record_api_key_json(const struct api_key_view *k);
struct json_t *record_app_json(const struct app_view *a);
/* The protocol's space state. */
struct json_t *record_state_json(const struct space_view *s);
struct json_t *record_finding_json(const struct finding *f);

/* The reverse; *out is complete or untouched. ERR_BAD_MESSAGE; why gets a sentence. */
MUST_USE enum err record_user_take(const struct json_t *object, struct user_record *out,
                                   struct buf *why);
MUST_USE enum err record_space_take(const struct json_t *object, struct space_record *out,
                                    struct buf *why);
MUST_USE enum err record_token_take(const struct json_t *object, struct token_record *out,
                                    struct buf *why);
MUST_USE enum err record_api_key_take(const struct json_t *object, struct api_key_view *out,
                                      struct buf *why);
MUST_USE enum err record_app_take(const struct json_t *object, struct app_view *out,
                                  struct buf *why);
MUST_USE enum err record_state_take(const struct json_t *object, struct space_view *out,
                                    struct buf *why);
MUST_USE enum err record_finding_take(const struct json_t *object, struct finding *out,
                                      struct buf *why);

#endif
