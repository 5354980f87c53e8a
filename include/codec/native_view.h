/* States as watchers see them, written for both events and `subscribed`. Private to
 * codec/native_*.c. */
#ifndef CODEC_NATIVE_VIEW_H
#define CODEC_NATIVE_VIEW_H

#include "codec/native.h"

void put_space(struct buf *b, const struct space_view *s);
void put_admin(struct buf *b, const struct admin_view *a);
/* The whole of a request: what is gone is left out. */
void put_request(struct buf *b, const struct request_view *v);

#endif
