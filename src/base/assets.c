#include "base/assets.h"

const struct asset *assets_get(struct str path)
{
    size_t low = 0, high = assets_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(str_of(assets_table[middle].path), path);
        if (order == 0)
            return &assets_table[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void assets_each(struct str prefix, void (*visit)(void *ctx, const struct asset *a), void *ctx)
{
    for (size_t i = 0; i < assets_count; i++)
        if (str_starts(str_of(assets_table[i].path), prefix))
            visit(ctx, &assets_table[i]);
}
