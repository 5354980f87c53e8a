#include "model/message.h"

static const struct {
    const char *name;
    uint32_t endpoint;
} endpoints[] = {
    {"chat.completions", ENDPOINT_CHAT},
    {"completions", ENDPOINT_COMPLETIONS},
    {"embeddings", ENDPOINT_EMBEDDINGS},
};
#define COUNT (sizeof endpoints / sizeof *endpoints)

uint32_t endpoint_parse(struct str name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (str_eq(name, str_of(endpoints[i].name)))
            return endpoints[i].endpoint;
    return 0;
}

const char *endpoint_name(uint32_t endpoint)
{
    for (size_t i = 0; i < COUNT; i++)
        if (endpoint == endpoints[i].endpoint)
            return endpoints[i].name;
    return "";
}
