/* What can be told of a host's name without asking anybody. Pure. */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include "base/str.h"

/* Whether a host can be nothing but this machine: "localhost", 127.0.0.0/8 in four numbers, "::1",
 * also in brackets, as it stands in a URL. Names that a resolver would turn into one are not. */
bool host_is_loopback(struct str host);

#endif
