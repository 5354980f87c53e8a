#include "codec/lang.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static const struct {
    const char *code, *name;
} languages[LANGUAGE__MAX] = {
    [LANGUAGE_EN] = {"en", "English"},
    [LANGUAGE_ZH] = {"zh", "中文"},
    [LANGUAGE_KO] = {"ko", "한국어"},
};

const char *language_code(enum language l)
{
    assert(l < LANGUAGE__MAX);
    return languages[l].code;
}

const char *language_name(enum language l)
{
    assert(l < LANGUAGE__MAX);
    return languages[l].name;
}

const char *language_plural(enum language l, uint64_t n)
{
    return l == LANGUAGE_EN && n == 1 ? "one" : "other";
}

void language_time(enum language l, int64_t wall_ms, char out[LANGUAGE_TIME_BYTES])
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(wall_ms / 1000);
    struct tm t = {0};
    (void)gmtime_r(&s, &t);
    int year = t.tm_year + 1900, month = t.tm_mon + 1, day = t.tm_mday;
    if (l == LANGUAGE_ZH)
        (void)snprintf(out, LANGUAGE_TIME_BYTES, "%d年%d月%d日 %02d:%02d UTC", year, month, day,
                       t.tm_hour, t.tm_min);
    else if (l == LANGUAGE_KO)
        (void)snprintf(out, LANGUAGE_TIME_BYTES, "%d년 %d월 %d일 %02d:%02d UTC", year, month, day,
                       t.tm_hour, t.tm_min);
    else
        (void)snprintf(out, LANGUAGE_TIME_BYTES, "%d %s %d, %02d:%02d UTC", day, months[month - 1],
                       year, t.tm_hour, t.tm_min);
}

bool language_parse(struct str s, enum language *out)
{
    for (unsigned l = 0; l < LANGUAGE__MAX; l++) {
        if (str_eq(s, str_of(languages[l].code))) {
            *out = (enum language)l;
            return true;
        }
    }
    return false;
}

/* A range like "zh", "zh-Hans-CN" or "*" (which we read as English). */
static bool parse_range(struct str range, enum language *out)
{
    struct str primary, rest;
    str_split(range, '-', &primary, &rest);
    if (str_eq(primary, STR("*"))) {
        *out = LANGUAGE_EN;
        return true;
    }
    for (unsigned l = 0; l < LANGUAGE__MAX; l++) {
        if (str_eq_nocase(primary, str_of(languages[l].code))) {
            *out = (enum language)l;
            return true;
        }
    }
    return false;
}

/* A weight "0" to "1" with at most three decimals, in thousandths; 0 for anything else: who sends
 * nonsense does not get preferred. */
static unsigned parse_weight(struct str s)
{
    struct str whole, decimals;
    str_split(s, '.', &whole, &decimals);
    uint64_t ones;
    if (str_to_u64(whole, 1, &ones) || decimals.n > 3)
        return 0;
    unsigned weight = 0, unit = 100;
    for (size_t i = 0; i < decimals.n; i++, unit /= 10) {
        if (decimals.p[i] < '0' || decimals.p[i] > '9')
            return 0;
        weight += unit * (unsigned)(decimals.p[i] - '0');
    }
    weight += 1000 * (unsigned)ones;
    return weight <= 1000 ? weight : 0;
}

/* The weight of one element's parameters: 1000 without "q". */
static unsigned weight_of(struct str params)
{
    while (params.n > 0) {
        struct str param, name, value;
        str_split(params, ';', &param, &params);
        str_split(param, '=', &name, &value);
        if (str_eq_nocase(str_trim(name), STR("q")))
            return parse_weight(str_trim(value));
    }
    return 1000;
}

static enum language from_browser(struct str accept)
{
    enum language best = LANGUAGE_EN;
    unsigned best_weight = 0;
    while (accept.n > 0) {
        struct str element, range, params;
        enum language l;
        str_split(accept, ',', &element, &accept);
        str_split(element, ';', &range, &params);
        unsigned weight = weight_of(params);
        if (weight > best_weight && parse_range(str_trim(range), &l)) {
            best = l;
            best_weight = weight;
        }
    }
    return best;
}

enum language language_choose(struct str account, struct str cookie, const struct str *accept)
{
    enum language l;
    if (language_parse(account, &l) || language_parse(cookie, &l))
        return l;
    return accept ? from_browser(*accept) : LANGUAGE_ZH;
}
