/* Settings that are changed together. Private to the web layer. */
#ifndef WEB_SETTINGS_H
#define WEB_SETTINGS_H

#include "model/command.h"
#include "model/limits.h"

/* c: a CMD_SETTINGS_SET; so many may be wanted of one. */
#define SETTINGS_MAX 256

void settings_want(struct command *c, const char *name, struct str value);
/* The limits in which wanted differs from now. */
void settings_want_limits(struct command *c, const struct limits *now, const struct limits *wanted);

#endif
