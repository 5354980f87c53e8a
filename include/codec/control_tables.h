/* The fields of the records, for commands, replies and --json. Private to codec's control files. */
#ifndef CODEC_CONTROL_TABLES_H
#define CODEC_CONTROL_TABLES_H

#include "codec/control_fields.h"

/* What the writer of a space's record decides; offsets are from `base`, that of the space_record.
 */
#define CONTROL_SPACE_FIELDS(base)                                                                 \
    {"name", CONTROL_SPACE_NAME, true, (base) + offsetof(struct space_record, name),               \
     0,      SPACE_NAME_BYTES},                                                                    \
        {"description",                                                                            \
         CONTROL_TEXT,                                                                             \
         false,                                                                                    \
         (base) + offsetof(struct space_record, description),                                      \
         0,                                                                                        \
         DESCRIPTION_BYTES},                                                                       \
        {"cover", CONTROL_LINE, false, (base) + offsetof(struct space_record, cover),              \
         0,       COVER_BYTES},                                                                    \
        {"cover_type",                                                                             \
         CONTROL_TEXT,                                                                             \
         false,                                                                                    \
         (base) + offsetof(struct space_record, cover_type),                                       \
         0,                                                                                        \
         16},                                                                                      \
        {"inputs", CONTROL_INPUTS, false, (base) + offsetof(struct space_record, inputs), 0, 0},   \
        {"max_apps", CONTROL_U32,   false, (base) + offsetof(struct space_record, max_apps),       \
         1,          SPACE_APPS_MAX},                                                              \
        {"rate_limit_s",                                                                           \
         CONTROL_U32,                                                                              \
         false,                                                                                    \
         (base) + offsetof(struct space_record, rate_limit_s),                                     \
         0,                                                                                        \
         SPACE_RATE_MAX_S},                                                                        \
        {"queue_offline",                                                                          \
         CONTROL_BOOL,                                                                             \
         false,                                                                                    \
         (base) + offsetof(struct space_record, queue_offline),                                    \
         0,                                                                                        \
         0},                                                                                       \
    {                                                                                              \
        "legacy_registration", CONTROL_BOOL, false,                                                \
            (base) + offsetof(struct space_record, legacy_registration), 0, 0                      \
    }

/* As codec/records.h shows a token, and the key of its space besides. */
extern const struct control_table control_token_table;

#endif
