/* A space's picture: what cover and cover_type of its form mean. Private to the web layer. */
#ifndef WEB_COVER_H
#define WEB_COVER_H

#include "web/page.h"

struct json_t;

/* Whether this may be a space's cover, by its type:
 *
 *     "image" (also "url", "")   an http(s) or same-site address; without a scheme it is read from
 *                                this site's root, as old forms have it ("uploads/a.png")
 *     "emoji"                    a sign or two
 *     "color", "colour"          #rgb, #rrggbb, or with alpha; or a CSS colour's name
 *     "gradient"                 at least two such # colours, however they are written around
 *
 * "" is fine for all, and other types are kept and not shown. */
bool cover_valid(struct str type, struct str cover);

/* Puts "cover_is": for each kind whether it is this one. */
void view_cover_kind(struct json_t *object, struct str type);
/* Puts "picture": null, or {image, emoji, from, to}, of which those that are not "" are to be
 * shown, and lets the page load the image. */
void view_cover(struct page_request *p, struct json_t *object, const struct space_record *s);

#endif
