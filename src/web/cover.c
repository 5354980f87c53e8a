#include "web/cover.h"

#include "codec/json.h"

#include <ctype.h>
#include <string.h>

#define EMOJI_BYTES  32
#define COLOUR_BYTES 24

enum kind { KIND_IMAGE, KIND_EMOJI, KIND_COLOUR, KIND_GRADIENT, KIND_OTHER };

static enum kind kind_of(struct str type)
{
    static const struct {
        const char *type;
        enum kind kind;
    } kinds[] = {{"", KIND_IMAGE},           {"image", KIND_IMAGE},  {"url", KIND_IMAGE},
                 {"emoji", KIND_EMOJI},      {"color", KIND_COLOUR}, {"colour", KIND_COLOUR},
                 {"gradient", KIND_GRADIENT}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_eq_nocase(type, str_of(kinds[i].type)))
            return kinds[i].kind;
    return KIND_OTHER;
}

/* ---- addresses ---- */

/* The start of an http(s) address up to its path, as a Content-Security-Policy can name it: a name
 * or an IPv4 address, and a port. "" when it cannot. */
static struct str origin_of(struct str address)
{
    size_t scheme = str_starts(address, STR("https://"))  ? 8
                    : str_starts(address, STR("http://")) ? 7
                                                          : 0;
    size_t n = scheme;
    while (scheme && n < address.n &&
           (isalnum((unsigned char)address.p[n]) || address.p[n] == '-' || address.p[n] == '.'))
        n++;
    bool named = n > scheme;
    if (named && n < address.n && address.p[n] == ':')
        while (++n < address.n && isdigit((unsigned char)address.p[n]))
            ;
    bool ends = n == address.n || memchr("/?#", address.p[n], 3);
    return named && ends ? str_slice(address.p, n) : STR("");
}

static bool has_scheme(struct str s)
{
    size_t colon = str_find(s, ':'), slash = str_find(s, '/');
    return colon < s.n && colon < slash;
}

/* The address for an img element: as it is, or from this site's root. False when there is none. */
static bool image_of(struct str cover, char out[COVER_BYTES + 1])
{
    bool rooted = str_starts(cover, STR("/")) || has_scheme(cover);
    if (!str_copy(out + !rooted, COVER_BYTES + 1 - (size_t)!rooted, cover) ||
        str_has_control(cover))
        return false;
    if (!rooted)
        out[0] = '/';
    return has_scheme(cover) ? origin_of(cover).n > 0 && str_find(cover, ' ') == cover.n
                             : path_is_local(str_of(out));
}

/* ---- colours ---- */

static bool is_hex_colour(struct str s)
{
    bool digits = s.n > 0 && s.p[0] == '#';
    for (size_t i = 1; digits && i < s.n; i++)
        digits = isxdigit((unsigned char)s.p[i]);
    return digits && (s.n == 4 || s.n == 5 || s.n == 7 || s.n == 9);
}

static bool is_colour(struct str s)
{
    bool letters = s.n > 0 && s.n < COLOUR_BYTES;
    for (size_t i = 0; letters && i < s.n; i++)
        letters = isalpha((unsigned char)s.p[i]);
    return letters || is_hex_colour(s);
}

/* The first and the last of the colours in it; false when there are not two. */
static bool gradient_of(struct str s, struct str *from, struct str *to)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++) {
        size_t n = i + 1;
        while (n < s.n && isalnum((unsigned char)s.p[n]))
            n++;
        struct str word = str_slice(s.p + i, n - i);
        if (!is_hex_colour(word))
            continue;
        if (!count++)
            *from = word;
        *to = word;
    }
    return count > 1;
}

/* ---- both ---- */

bool cover_valid(struct str type, struct str cover)
{
    char address[COVER_BYTES + 1];
    struct str from, to;
    if (!cover.n)
        return true;
    switch (kind_of(type)) {
    case KIND_IMAGE:
        return image_of(cover, address);
    case KIND_EMOJI:
        return cover.n <= EMOJI_BYTES && !str_has_control(cover);
    case KIND_COLOUR:
        return is_colour(cover);
    case KIND_GRADIENT:
        return gradient_of(cover, &from, &to);
    case KIND_OTHER:
        break;
    }
    return !str_has_control(cover);
}

void view_cover_kind(struct json_t *object, struct str type)
{
    struct json_t *is = json_put(object, "cover_is", json_object_new());
    json_put_bool(is, "image", kind_of(type) == KIND_IMAGE);
    json_put_bool(is, "emoji", kind_of(type) == KIND_EMOJI);
    json_put_bool(is, "color", kind_of(type) == KIND_COLOUR);
    json_put_bool(is, "gradient", kind_of(type) == KIND_GRADIENT);
    json_put_bool(is, "other", kind_of(type) == KIND_OTHER);
}

static void put_picture(struct json_t *object, struct str image, struct str emoji, struct str from,
                        struct str to)
{
    struct json_t *picture = json_put(object, "picture", json_object_new());
    json_put_str(picture, "image", image);
    json_put_str(picture, "emoji", emoji);
    json_put_str(picture, "from", from);
    json_put_str(picture, "to", to);
}

void view_cover(struct page_request *p, struct json_t *object, const struct space_record *s)
{
    struct str type = str_of(s->cover_type), cover = str_of(s->cover), from = cover, to = cover;
    const struct str none = STR("");
    enum kind kind = kind_of(type);
    if (!cover.n || kind == KIND_OTHER || !cover_valid(type, cover)) {
        json_put_null(object, "picture");
        return;
    }
    char address[COVER_BYTES + 1];
    if (kind == KIND_IMAGE && image_of(cover, address)) {
        put_picture(object, str_of(address), none, none, none);
        if (has_scheme(cover))
            page_allow_images(p, origin_of(cover));
    } else if (kind == KIND_EMOJI) {
        put_picture(object, none, cover, none, none);
    } else {
        if (kind == KIND_GRADIENT)
            (void)gradient_of(cover, &from, &to);
        put_picture(object, none, none, from, to);
    }
}
