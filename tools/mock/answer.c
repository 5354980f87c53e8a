#include "mock/answer.h"

#include "base/secret.h"
#include "client/text.h"

#include <math.h>
#include <string.h>

#define DIMENSIONS 8

unsigned mock_count_words(struct str s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] > ' ' && (i == 0 || s.p[i - 1] <= ' ');
    return n;
}

void mock_answer(struct str prompt, double chance, struct buf *out)
{
    static const char *const sentences[] = {
        "A real model would think about this; mine only counts to a few seconds.",
        "The words arrive one by one, as from a model that writes from left to right.",
        "What matters is that your question reached the app, and its answer you.",
        "The relay in between has kept both on disk, so that neither gets lost.",
        "If you read this on a page, everything between the two of us works.",
    };
    const size_t count = sizeof sentences / sizeof *sentences;
    size_t first = (size_t)(chance * (double)count);
    buf_printf(out, "You said: “%.*s”%s", STR_ARG(text_cut(prompt, 1000)),
               prompt.n > 1000 ? " …" : "");
    for (size_t i = 0; i < 3; i++)
        buf_printf(out, " %s", sentences[(first + i) % count]);
}

/* A hash of the text as a vector of length 1. */
static void embed(struct str text, float out[DIMENSIONS])
{
    struct hash h = secret_hash(text);
    double sum = 0;
    for (int i = 0; i < DIMENSIONS; i++) {
        out[i] = (float)((h.b[2 * i] << 8 | h.b[2 * i + 1]) - 32768) / 32768;
        sum += (double)out[i] * (double)out[i];
    }
    for (int i = 0; i < DIMENSIONS && sum > 0; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
}

/* Clients that ask for base64 want the floats as they lie in memory, little-endian. */
static void put_base64(struct buf *b, const float v[DIMENSIONS])
{
    buf_putc(b, '"');
    base64_append(b, v, DIMENSIONS * sizeof *v);
    buf_putc(b, '"');
}

static void put_numbers(struct buf *b, const float v[DIMENSIONS])
{
    for (int i = 0; i < DIMENSIONS; i++)
        buf_printf(b, "%c%.9g", i ? ',' : '[', (double)v[i]);
    buf_putc(b, ']');
}

static void put_one(struct buf *b, size_t index, struct str text, bool base64)
{
    float vector[DIMENSIONS];
    embed(text, vector);
    buf_printf(b, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", index ? "," : "",
               index);
    (base64 ? put_base64 : put_numbers)(b, vector);
    buf_putc(b, '}');
}

void mock_embeddings(const struct json_t *payload, struct buf *out, unsigned *words)
{
    const struct json_t *input = json_at(payload, "input");
    struct str format = STR(""), text;
    bool list = json_is_array(input);
    bool base64 =
        json_to_str(json_at(payload, "encoding_format"), &format) && str_eq(format, STR("base64"));
    *words = 0;
    buf_putc(out, '[');
    for (size_t i = 0; i < (list ? json_count(input) : 1); i++) {
        if (!json_to_str(list ? json_nth(input, i) : input, &text))
            text = STR("");
        *words += mock_count_words(text);
        put_one(out, i, text, base64);
    }
    buf_putc(out, ']');
}
