/* A text that verifies is, byte by byte, what signing gives (signatures are deterministic and the
 * form is strict); what is signed verifies, and no longer after a changed bit. */
#include "codec/token.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_key key;

static void verify_text(struct str text)
{
    struct buf message = BUF_INIT(SIZE_MAX), footer = BUF_INIT(SIZE_MAX),
               again = BUF_INIT(SIZE_MAX);
    struct token_parts parts;
    enum err e = paseto_verify(key.public_key, text, STR(""), &message, &footer);
    if (e) {
        assert(e == ERR_SYNTAX || e == ERR_UNAUTHORIZED);
        assert(message.len == 0 && footer.len == 0);
        e = token_verify(key.public_key, text, &parts);
        assert(e == ERR_UNAUTHORIZED);
    } else {
        e = paseto_sign(&key, buf_str(&message), buf_str(&footer), STR(""), &again);
        assert(e == OK && str_eq(buf_str(&again), text));
    }
    buf_release(&message);
    buf_release(&footer);
    buf_release(&again);
}

/* data: message, NUL, footer, NUL, implicit assertion. */
static void sign_pieces(const uint8_t *data, size_t size)
{
    struct str message, rest, footer, implicit;
    struct buf token = BUF_INIT(SIZE_MAX), m = BUF_INIT(SIZE_MAX), f = BUF_INIT(SIZE_MAX);
    (void)str_split(str_slice((const char *)data, size), '\0', &message, &rest);
    (void)str_split(rest, '\0', &footer, &implicit);
    enum err e = paseto_sign(&key, message, footer, implicit, &token);
    assert(e == OK);
    e = paseto_verify(key.public_key, buf_str(&token), implicit, &m, &f);
    assert(e == OK && str_eq(buf_str(&m), message) && str_eq(buf_str(&f), footer));
    size_t at = 10 + (size * 31 + 7) % (token.len - 10);
    token.data[token.off + at] ^= (char)(1 << size % 7);
    buf_clear(&m);
    buf_clear(&f);
    e = paseto_verify(key.public_key, buf_str(&token), implicit, &m, &f);
    assert(e == ERR_SYNTAX || e == ERR_UNAUTHORIZED);
    buf_release(&token);
    buf_release(&m);
    buf_release(&f);
}

/* Claims as they come, well signed: taken only when they survive being signed again. */
static void verify_claims(struct str claims)
{
    struct buf token = BUF_INIT(SIZE_MAX);
    struct token_parts parts, again;
    enum err e = paseto_sign(&key, claims, STR(""), STR(""), &token);
    assert(e == OK);
    if (!token_verify(key.public_key, buf_str(&token), &parts)) {
        buf_clear(&token);
        e = token_sign(&key, &parts, &token);
        assert(e == OK);
        e = token_verify(key.public_key, buf_str(&token), &again);
        assert(e == OK && uuid_eq(parts.space_id, again.space_id) && uuid_eq(parts.id, again.id));
        assert(parts.issued_ms == again.issued_ms && parts.expires_ms == again.expires_ms);
    }
    buf_release(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = {7};
    if (key.seed[0] == 0) {
        enum err e = secret_start();
        assert(e == OK);
        sign_key_from_seed(&key, seed);
    }
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 's':
        sign_pieces(data + 1, size - 1);
        break;
    case 'c':
        verify_claims(str_slice((const char *)data + 1, size - 1));
        break;
    default:
        verify_text(str_slice((const char *)data, size));
        break;
    }
    return 0;
}
