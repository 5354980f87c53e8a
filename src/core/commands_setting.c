/* Commands about settings. */
#include "core/state.h"

static struct setting *find(struct relay *r, const char *name)
{
    struct setting *s;
    HASH_FIND_STR(r->settings, name, s);
    return s;
}

static void apply(struct relay *r, const struct setting_record *rec)
{
    struct setting *old = find(r, rec->name);
    if (old)
        old->rec = *rec;
    else
        relay_restore_setting(r, rec);
    effect_new(r, EFFECT_SETTING)->setting = &find(r, rec->name)->rec;
}

static void saved(struct relay *r, struct save *s, enum err err)
{
    const struct setting_record *list = s->row;
    for (size_t i = 0; !err && i < s->offset; i++)
        apply(r, &list[i]);
    command_saved(r, s, err);
}

/* What holds now, or "" when that is not known here. */
static void value_now(struct relay *r, const char *name, char out[SETTING_VALUE_BYTES])
{
    const struct setting *s = find(r, name);
    out[0] = 0;
    if (s) {
        memcpy(out, s->rec.value, SETTING_VALUE_BYTES);
        return;
    }
    for (size_t i = 0; i < limits_count && strncmp(name, "limit.", 6) == 0; i++)
        if (strcmp(limits_info[i].name, name + 6) == 0)
            snprintf(out, SETTING_VALUE_BYTES, "%llu",
                     (unsigned long long)limits_value(&r->limits, &limits_info[i]));
}

static struct change *change_of(struct relay *r, const struct command *cmd,
                                const struct setting_record *rec)
{
    char old[SETTING_VALUE_BYTES], detail[2 * SETTING_VALUE_BYTES + 8];
    struct change *c = change_new(CHANGE_SETTING_PUT);
    value_now(r, rec->name, old);
    snprintf(detail, sizeof detail, "%s%s%s", old, *old ? " -> " : "", rec->value);
    c->setting = xcalloc(1, sizeof *rec);
    *c->setting = *rec;
    c->audit = audit_new(r, cmd, "setting.set", str_of(rec->name), detail);
    return c;
}

/* All of them in one transaction, each with its own row in the audit log. */
static void set(struct relay *r, const struct relay_event *e, const struct setting_record *list,
                size_t count)
{
    struct change *first = NULL;
    for (size_t i = count; i-- > 0;) {
        struct change *c = change_of(r, e->command, &list[i]);
        c->also = first;
        first = c;
    }
    struct save *s = save_start(r, first, saved);
    s->ticket = e->ticket;
    s->offset = count;
    s->row = xcalloc(count, sizeof *list);
    memcpy(s->row, list, count * sizeof *list);
}

void command_setting_set(struct relay *r, const struct relay_event *e)
{
    set(r, e, &e->command->setting, 1);
}

void command_settings_set(struct relay *r, const struct relay_event *e)
{
    assert(e->command->setting_count > 0);
    set(r, e, e->command->settings, e->command->setting_count);
}
