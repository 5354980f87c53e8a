/* A polling payload: packets that come out of it, put together again, are the same payload; and a
 * query is understood or not. */
#include "codec/engineio.h"

#include "fuzz.h"

#include <assert.h>

static void check_payload(struct str payload)
{
    struct buf scratch = BUF_INIT(payload.n), out = BUF_INIT(SIZE_MAX);
    struct str rest = payload;
    struct eio_packet p;
    enum err e;
    while (!(e = eio_payload_next(&rest, &scratch, &p))) {
        assert(p.type < EIO_TYPE__MAX && (!p.binary || p.type == EIO_MESSAGE));
        assert(p.binary || utf8_valid(p.data.p, p.data.n));
        assert(eio_payload_add(&out, &p) == OK);
    }
    assert(e == ERR_SYNTAX || e == ERR_AGAIN);
    if (e == ERR_AGAIN)
        assert(str_eq(buf_str(&out), payload));
    buf_release(&scratch);
    buf_release(&out);
}

static void check_query(struct str query)
{
    struct eio_query q;
    struct buf out = BUF_INIT(SIZE_MAX);
    eio_query_parse(query, &q);
    assert(q.has_sid == (q.sid.n > 0) && str_find(q.sid, '&') == q.sid.n);
    if (eio_query_value(query, STR("token"), &out))
        assert(out.len && utf8_valid(buf_str(&out).p, out.len));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_slice(size ? (const char *)data : "", size);
    check_payload(in);
    check_query(in);
    return 0;
}
