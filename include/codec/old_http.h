/* The two calls of the old Flask site that every script of its time makes: submit and status. Their
 * form, their JSON and their words, which those scripts compare. Pure; any thread. */
#ifndef CODEC_OLD_HTTP_H
#define CODEC_OLD_HTTP_H

#include "base/buf.h"
#include "codec/lang.h"
#include "model/record.h"

/* The form of a submit as a request's payload, {"prompt": ..., "audio": ...} with what was given;
 * *inputs says what that is. ERR_BAD_MESSAGE: not a form; ERR_INPUT_REFUSED: nothing was given;
 * ERR_TOO_LARGE: more than payload's maximum; ERR_MEMORY. */
MUST_USE enum err old_submit_read(struct str content_type, struct str body, struct buf *payload,
                                  uint32_t *inputs);

/* {"success":true,"request_id":...} */
void old_submit_write(struct buf *b, struct uuid request_id);
/* {"request_id","status","result","created_at","updated_at"}. A cancelled request reads failed, and
 * whatever failed has its reason in result. */
void old_status_write(struct buf *b, const struct request_record *r);

/* {"error": ...}, with "retry_after" in whole seconds when there is a time to wait, in Chinese or
 * else in English. inputs: what was refused with ERR_INPUT_REFUSED; 0 = there was nothing. Returns
 * the HTTP status. */
unsigned old_error_write(struct buf *b, enum language l, enum err e, uint64_t retry_after_ms,
                         uint32_t inputs);

#endif
