#include "web/settings.h"

#include "base/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void settings_want(struct command *c, const char *name, struct str value)
{
    if (!c->settings)
        c->settings = xcalloc(SETTINGS_MAX, sizeof *c->settings);
    assert(c->setting_count < SETTINGS_MAX);
    struct setting_record *s = &c->settings[c->setting_count++];
    (void)str_copy(s->name, sizeof s->name, str_of(name));
    (void)str_copy(s->value, sizeof s->value, value);
}

void settings_want_limits(struct command *c, const struct limits *now, const struct limits *wanted)
{
    for (size_t i = 0; i < limits_count; i++) {
        char name[SETTING_NAME_BYTES], text[24];
        uint64_t value = limits_value(wanted, &limits_info[i]);
        if (value == limits_value(now, &limits_info[i]))
            continue;
        (void)snprintf(name, sizeof name, "limit.%s", limits_info[i].name);
        (void)snprintf(text, sizeof text, "%" PRIu64, value);
        settings_want(c, name, str_of(text));
    }
}
