#include "model/message.h"

static const char *const names[ENDPOINT__MAX] = {[ENDPOINT_CHAT] = "chat.completions",
                                                 [ENDPOINT_COMPLETIONS] = "completions",
                                                 [ENDPOINT_EMBEDDINGS] = "embeddings"};

uint32_t endpoint_parse(struct str name)
{
    for (unsigned i = 0; i < ENDPOINT__MAX; i++)
        if (str_eq(name, str_of(names[i])))
            return ENDPOINT_BIT(i);
    return 0;
}

const char *endpoint_name(enum endpoint e)
{
    return names[e];
}
