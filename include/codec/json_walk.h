/* Steps through the items of an array or the members of an object inside a text that json_scan has
 * accepted, without building anything. Checks nothing again. Private to codec. Pure; any thread. */
#ifndef CODEC_JSON_WALK_H
#define CODEC_JSON_WALK_H

#include "codec/json_scan.h"

struct json_walk {
    bool object;
    const char *p; /* before the next item, or at the closing bracket */
};

/* container is a value of kind JSON_ARRAY or JSON_OBJECT, from bracket to bracket. */
void json_walk_start(struct json_walk *w, struct str container);
/* False at the end. The key of an array's item is "". */
bool json_walk_next(struct json_walk *w, struct json_member *m);
/* The object's member of that (unescaped) name. False when absent. */
bool json_walk_find(struct str object, struct str key, struct json_member *m);

#endif
