#include "base/clock.h"

#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)
/* What four digits of a year can say: 0000-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z. */
#define MIN_MS INT64_C(-62167219200000)
#define MAX_MS INT64_C(253402300799999)

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

struct now clock_now(void)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct now){
        .mono_ms = clock_mono_us() / 1000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

uint64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Both ways between a date and days since 1970-01-01, with years that begin in March, so that the
 * leap day is the last of its year; 400 years (an era) are 146,097 days, and 1970-01-01 is day
 * 719,468 of era 0. */
static int64_t days_of(struct civil c)
{
    int64_t year = c.year - (c.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((c.month + 9) % 12) + 2) / 5 + c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_of(int64_t days)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 = March */
    struct civil c = {
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    c.year = year_of_era + era * 400 + (c.month <= 2);
    return c;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static char *put_number(char *out, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

static char *put_text(char *out, const char *text, size_t n)
{
    memcpy(out, text, n);
    return out + n;
}

static char *put_date(char *out, struct civil c)
{
    out = put_number(out, c.year, 4);
    *out++ = '-';
    out = put_number(out, c.month, 2);
    *out++ = '-';
    return put_number(out, c.day, 2);
}

static char *put_time(char *out, int64_t seconds_of_day)
{
    out = put_number(out, seconds_of_day / 3600, 2);
    *out++ = ':';
    out = put_number(out, seconds_of_day / 60 % 60, 2);
    *out++ = ':';
    return put_number(out, seconds_of_day % 60, 2);
}

void rfc3339_format(int64_t wall_ms, char out[RFC3339_BYTES])
{
    wall_ms = clamp(wall_ms, MIN_MS, MAX_MS);
    int64_t days = floor_div(wall_ms, DAY_MS);
    int64_t ms_of_day = wall_ms - days * DAY_MS;
    out = put_date(out, civil_of(days));
    *out++ = 'T';
    out = put_time(out, ms_of_day / 1000);
    *out++ = '.';
    out = put_number(out, ms_of_day % 1000, 3);
    put_text(out, "Z", 2);
}

void http_date_format(int64_t wall_ms, char out[HTTP_DATE_BYTES])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    wall_ms = clamp(wall_ms, MIN_MS, MAX_MS);
    int64_t days = floor_div(wall_ms, DAY_MS);
    struct civil c = civil_of(days);
    out = put_text(out, weekdays + 3 * (days - 7 * floor_div(days, 7)), 3);
    out = put_text(out, ", ", 2);
    out = put_number(out, c.day, 2);
    *out++ = ' ';
    out = put_text(out, months + 3 * (c.month - 1), 3);
    *out++ = ' ';
    out = put_number(out, c.year, 4);
    *out++ = ' ';
    out = put_time(out, (wall_ms - days * DAY_MS) / 1000);
    put_text(out, " GMT", 5);
}

void local_time_format(int64_t wall_ms, char out[LOCAL_TIME_BYTES])
{
    time_t seconds = (time_t)floor_div(clamp(wall_ms, MIN_MS, MAX_MS), 1000);
    struct tm tm = {0};
    localtime_r(&seconds, &tm);
    /* The zone may push the first and last hours out of the four digits. */
    int64_t year = clamp((int64_t)tm.tm_year + 1900, 0, 9999);
    out = put_date(out, (struct civil){year, tm.tm_mon + 1, tm.tm_mday});
    *out++ = ' ';
    out = put_time(out, (int64_t)tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
    *out = '\0';
}

/* Takes n digits from the front of s. False when they are not there or their value is not in [low,
 * high]. */
static bool take_number(struct str *s, size_t n, int low, int high, int *out)
{
    if (s->n < n)
        return false;
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    *s = str_slice(s->p + n, s->n - n);
    *out = value;
    return value >= low && value <= high;
}

/* Takes one character of set from the front of s. */
static bool take_char(struct str *s, const char *set, char *out)
{
    if (s->n == 0 || s->p[0] == '\0' || !strchr(set, s->p[0]))
        return false;
    *out = s->p[0];
    *s = str_slice(s->p + 1, s->n - 1);
    return true;
}

static bool take_date(struct str *s, int64_t *days)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    char dash;
    if (!take_number(s, 4, 0, 9999, &year) || !take_char(s, "-", &dash) ||
        !take_number(s, 2, 1, 12, &month) || !take_char(s, "-", &dash) ||
        !take_number(s, 2, 1, 31, &day))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > month_days[month - 1] + (leap && month == 2))
        return false;
    *days = days_of((struct civil){year, month, day});
    return true;
}

static bool take_time(struct str *s, int64_t *seconds, bool *leap_second)
{
    int hour, minute, second;
    char colon;
    if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ":", &colon) ||
        !take_number(s, 2, 0, 59, &minute) || !take_char(s, ":", &colon) ||
        !take_number(s, 2, 0, 60, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    *leap_second = second == 60;
    return true;
}

/* The fraction, if there is one; what is finer than a millisecond is dropped. */
static bool take_fraction(struct str *s, int64_t *ms)
{
    char c;
    *ms = 0;
    if (!take_char(s, ".", &c))
        return true;
    if (!take_char(s, "0123456789", &c))
        return false;
    int64_t weight = 100;
    do {
        *ms += (c - '0') * weight;
        weight /= 10;
    } while (take_char(s, "0123456789", &c));
    return true;
}

static bool take_offset(struct str *s, int64_t *seconds)
{
    char sign, colon;
    int hour, minute;
    *seconds = 0;
    if (!take_char(s, "Zz+-", &sign))
        return false;
    if (sign == 'Z' || sign == 'z')
        return true;
    if (!take_number(s, 2, 0, 23, &hour) || !take_char(s, ":", &colon) ||
        !take_number(s, 2, 0, 59, &minute))
        return false;
    *seconds = (hour * 3600 + minute * 60) * (sign == '+' ? 1 : -1);
    return true;
}

enum err rfc3339_parse(struct str s, int64_t *wall_ms)
{
    int64_t days, seconds, ms, offset;
    bool leap_second;
    char t;
    if (!take_date(&s, &days) || !take_char(&s, "Tt", &t) ||
        !take_time(&s, &seconds, &leap_second) || !take_fraction(&s, &ms) ||
        !take_offset(&s, &offset) || s.n != 0)
        return ERR_SYNTAX;
    seconds += days * (DAY_MS / 1000) - offset;
    /* A leap second is the last second of a month in UTC, whatever the offset (RFC 3339
     * section 5.7); it counts as the first of the next, as POSIX does. */
    if (leap_second &&
        (seconds % (DAY_MS / 1000) != 0 || civil_of(seconds * 1000 / DAY_MS).day != 1))
        return ERR_SYNTAX;
    int64_t value = seconds * 1000 + ms;
    if (value < MIN_MS || value > MAX_MS)
        return ERR_SYNTAX;
    *wall_ms = value;
    return OK;
}
