/* json_scan's verdict against jansson's, and json_write against json_parse. */
#include "codec/json.h"
#include "codec/json_check.h"

#include <jansson.h>

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEEP 3000 /* deeper than jansson goes */

/* What jansson cannot hold although it is JSON. */
static bool beyond_jansson(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_null_character || code == json_error_stack_overflow;
}

static void same_verdict(struct str text)
{
    json_error_t error;
    enum err e = json_check(text, DEEP, NULL);
    if (str_find(text, '\0') < text.n) { /* jansson takes NUL for the end */
        assert(e == ERR_BAD_JSON);
        return;
    }
    json_t *j = json_loadb(text.n ? text.p : "", text.n,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    assert(j ? e == OK : e == ERR_BAD_JSON || beyond_jansson(&error));
    json_decref(j);
}

static void written_reads_back(struct str text)
{
    struct json_t *first = NULL, *second = NULL;
    struct buf why = BUF_INIT(1000), once = BUF_INIT(SIZE_MAX), twice = BUF_INIT(SIZE_MAX);
    enum err e = json_parse(text, &first, &why);
    assert((e == OK) == (why.len == 0));
    if (!e) {
        e = json_write(&once, first);
        assert(e == OK);
        e = json_parse(buf_str(&once), &second, NULL);
        assert(e == OK);
        e = json_write(&twice, second);
        assert(e == OK && str_eq(buf_str(&once), buf_str(&twice)));
        json_free(second);
        buf_clear(&once);
        e = json_write_pretty(&once, first);
        assert(e == OK);
        e = json_parse(buf_str(&once), &second, NULL);
        assert(e == OK);
        json_free(second);
    }
    json_free(first);
    buf_release(&why);
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    same_verdict(text);
    written_reads_back(text);
    return 0;
}
