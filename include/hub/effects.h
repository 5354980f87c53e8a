/* Carries out the core's effects on sockets: the app's sink. Private to the hub; hub thread only.
 */
#ifndef HUB_EFFECTS_H
#define HUB_EFFECTS_H

#include "app/app.h"

void effects_sink(void *hub, const struct effect *e);

#endif
