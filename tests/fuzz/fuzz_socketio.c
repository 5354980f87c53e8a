/* A Socket.IO packet that is understood is understood in the same way, and without mending, once it
 * was written again, and its arguments come off one by one, each of them JSON. */
#include "codec/json_scan.h"
#include "codec/socketio.h"

#include "fuzz.h"

#include <assert.h>

#define DEPTH 20

static void check_arguments(struct str values, bool array)
{
    struct json_scan scan;
    struct str one;
    uint64_t num;
    while (array && sio_arg_next(&values, &one)) {
        assert(json_scan(one, DEPTH, false, &scan) == OK);
        (void)sio_placeholder(one, &num);
    }
}

static bool is_array(const struct sio_packet *p)
{
    return p->type == SIO_EVENT || p->type == SIO_ACK || p->type == SIO_BINARY_EVENT ||
           p->type == SIO_BINARY_ACK;
}

/* The name is written as it was read: what buf_json_string makes of its bytes says the same. */
static void check_again(const struct sio_packet *p)
{
    struct buf name = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);
    struct sio_packet plain = *p, again;
    const char *why;
    bool known = !p->name.n || json_unescape(str_slice(p->name.p - 1, p->name.n + 2), &name) == OK;
    if (known && p->type != SIO_CONNECT_ERROR) {
        plain.name = buf_str(&name);
        assert(sio_encode(&out, &plain) == OK);
        enum err e = sio_decode(buf_str(&out), DEPTH, NULL, &again, &why);
        /* An escaped name may turn out to be a reserved one. */
        assert(!e || str_find(p->name, '\\') < p->name.n);
        if (!e) {
            assert(again.type == p->type && again.id == p->id && again.has_id == p->has_id);
            assert(str_eq(again.nsp, p->nsp) && again.attachments == p->attachments);
            assert(str_eq(again.data, p->data));
        }
    }
    buf_release(&name);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_slice(size ? (const char *)data : "", size);
    struct buf mended = BUF_INIT(SIZE_MAX);
    struct sio_packet p;
    const char *why = NULL;
    if (sio_decode(in, DEPTH, &mended, &p, &why)) {
        assert(why);
        buf_release(&mended);
        return 0;
    }
    assert(p.attachments <= SIO_ATTACHMENTS_MAX && p.nsp.n <= SIO_NAMESPACE_MAX &&
           p.nsp.p[0] == '/');
    assert(mended.len <= in.n + in.n / 3 && (mended.len == 0 || is_array(&p)));
    check_arguments(p.data, is_array(&p));
    check_again(&p);
    buf_release(&mended);
    return 0;
}
