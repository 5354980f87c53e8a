/* The form by which a space is made and edited. Private to the web layer. */
#ifndef WEB_SPACE_FORM_H
#define WEB_SPACE_FORM_H

#include "web/page.h"

struct json_t;

/* A space as it is before anybody has typed anything. */
struct space_record space_form_blank(void);
/* Puts "space" with everything as stored, for the form and the page around it. */
void space_form_view(struct json_t *view, const struct space_record *s);
/* Puts what was typed over that, and reads it into *s, which keeps what the form did not have.
 * False: errors has sentences, and *s is not to be used. Boxes that are not there are not ticked.
 */
bool space_form_read(struct page_request *p, struct json_t *view, struct json_t *errors,
                     struct space_record *s);
/* SPACE_ bits of what the form has. */
uint32_t space_form_members(const struct page_request *p);

#endif
