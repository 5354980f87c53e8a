/* The first byte chooses: c = a command, anything else a reply. What decodes is encoded and decoded
 * again, to the same bytes. */
#include "codec/control.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_failure(enum err e, const struct buf *why)
{
    assert(e == ERR_BAD_JSON || e == ERR_BAD_MESSAGE || e == ERR_UNKNOWN_TYPE);
    assert(why->len > 0);
}

static void check_command(const struct command *c)
{
    assert(c->actor.role == ROLE_ADMIN && strcmp(c->actor.name, "(cli)") == 0);
    assert(c->kind != CMD_SETUP && c->kind != CMD_SESSION_OPEN && c->kind != CMD_SUBMIT);
    if (c->user.name[0])
        assert(user_name_valid(str_of(c->user.name)));
    if (c->space.name[0])
        assert(space_name_valid(str_of(c->space.name)));
    assert(c->space.max_apps >= 1 && c->space.inputs != 0);
}

static void command(struct str text)
{
    struct command c;
    struct buf why = BUF_INIT(500), once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = control_decode_command(text, &c, &why);
    if (e) {
        check_failure(e, &why);
    } else {
        check_command(&c);
        e = control_encode_command(&once, &c);
        assert(e == OK);
        e = control_decode_command(buf_str(&once), &c, &why);
        assert(e == OK);
        e = control_encode_command(&twice, &c);
        assert(e == OK && str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_release(&why);
    buf_release(&once);
    buf_release(&twice);
}

static void reply(struct str text)
{
    struct reply r;
    struct buf why = BUF_INIT(500), once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = control_decode_reply(text, &r, &why);
    if (e) {
        check_failure(e, &why);
    } else {
        e = control_encode_reply(&once, &r);
        assert(e == OK);
        reply_release(&r);
        e = control_decode_reply(buf_str(&once), &r, &why);
        assert(e == OK);
        e = control_encode_reply(&twice, &r);
        assert(e == OK && str_eq(buf_str(&once), buf_str(&twice)));
        reply_release(&r);
    }
    buf_release(&why);
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    if (data[0] == 'c')
        command(text);
    else
        reply(text);
    return 0;
}
