/* Times, numbers and the relay's own sentences, in the words of the page's language. */
#include "codec/json.h"
#include "web/catalogue.h"
#include "web/view.h"

#include <inttypes.h>
#include <stdio.h>

void view_time(struct page_request *p, struct json_t *object, const char *key, int64_t wall_ms)
{
    char iso[RFC3339_BYTES] = "", words[LANGUAGE_TIME_BYTES] = "", name[64];
    if (wall_ms) {
        rfc3339_format(wall_ms, iso);
        language_time(p->lang, wall_ms, words);
    }
    (void)snprintf(name, sizeof name, "%s_text", key);
    json_put_text(object, key, iso);
    json_put_text(object, name, words);
}

void view_numbers(struct page_request *p, struct json_t *object, const char *name, const char *key,
                  const char *first, uint64_t first_n, const char *second, uint64_t second_n)
{
    char number[24];
    struct buf half = BUF_INIT(4096), whole = BUF_INIT(4096);
    (void)snprintf(number, sizeof number, "%" PRIu64, first_n);
    catalogue_fill(&half, page_text(p, key), first, str_of(number));
    (void)snprintf(number, sizeof number, "%" PRIu64, second_n);
    if (second)
        catalogue_fill(&whole, buf_str(&half), second, str_of(number));
    json_put_str(object, name, buf_str(second ? &whole : &half));
    buf_release(&half);
    buf_release(&whole);
}

void view_count(struct page_request *p, struct json_t *object, const char *name, const char *key,
                uint64_t n)
{
    char form[64];
    (void)snprintf(form, sizeof form, "%s.%s", key, language_plural(p->lang, n));
    view_numbers(p, object, name, form, "n", n, NULL, 0);
}

/* Takes a run of digits off the front of s. */
static struct str take_number(struct str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    struct str number = str_slice(s->p, n);
    *s = str_slice(s->p + n, s->n - n);
    return number;
}

/* The sentence with {n} for each number. */
static void said_key(struct buf *key, struct str sentence)
{
    while (sentence.n > 0) {
        if (take_number(&sentence).n > 0) {
            buf_puts(key, "{n}");
            continue;
        }
        buf_putc(key, sentence.p[0]);
        sentence = str_slice(sentence.p + 1, sentence.n - 1);
    }
}

/* text with each {n} replaced by the next number of sentence. */
static void said_fill(struct buf *out, struct str text, struct str sentence)
{
    while (text.n > 0) {
        if (!str_starts(text, STR("{n}"))) {
            buf_putc(out, text.p[0]);
            text = str_slice(text.p + 1, text.n - 1);
            continue;
        }
        text = str_slice(text.p + 3, text.n - 3);
        struct str number = STR("");
        while (sentence.n > 0 && (number = take_number(&sentence)).n == 0)
            sentence = str_slice(sentence.p + 1, sentence.n - 1);
        buf_str_append(out, number);
    }
}

void view_said(struct page_request *p, struct json_t *object, const char *name, struct str sentence)
{
    struct buf key = BUF_INIT(1024), words = BUF_INIT(4096);
    struct str text;
    said_key(&key, sentence);
    const struct json_t *said = json_at(page_catalogue(p), "said");
    if (!key.failed && key.len > 0 && json_to_str(json_at(said, buf_cstr(&key)), &text)) {
        said_fill(&words, text, sentence);
        sentence = buf_str(&words);
    }
    json_put_str(object, name, sentence);
    buf_release(&key);
    buf_release(&words);
}

void view_duration(struct page_request *p, struct json_t *object, const char *key, int64_t ms)
{
    uint64_t n = ms > 0 ? (uint64_t)ms : 0, s = n / 1000, min = s / 60;
    char tenths[32];
    if (n < 1000) {
        view_numbers(p, object, key, "time.ms", "n", n, NULL, 0);
    } else if (s < 60) {
        (void)snprintf(tenths, sizeof tenths, "%" PRIu64 ".%" PRIu64, s, n % 1000 / 100);
        view_text(p, object, key, "time.seconds", "n", str_of(tenths));
    } else if (min < 60) {
        view_numbers(p, object, key, "time.minutes_seconds", "m", min, "s", s % 60);
    } else {
        view_numbers(p, object, key, "time.hours_minutes", "h", min / 60, "m", min % 60);
    }
}
