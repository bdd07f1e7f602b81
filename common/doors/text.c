/* Text of people, through utf8proc.

   Names come from phones, terminals and files of many hands, and two that look the same must be one
   label. So the equality key is Unicode's NFKC_Casefold: compatibility forms, case and invisible
   characters make no difference. What could disguise a name (direction overrides, controls) is
   refused rather than dropped: the person sees that something is wrong with it.

   Code points that this utf8proc does not know yet pass: a newer device may know them, and
   Unicode's stability policy keeps what is normalized normalized. */
#include "common/doors/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/base/own.h"

enum {
    MAX_RAW_BYTES = 4 * CN_MAX_LABEL_NAME_BYTES, /* before normalization, which may shorten */
    ZERO_WIDTH_NON_JOINER = 0x200c,
    ZERO_WIDTH_JOINER = 0x200d
};

enum fault { FINE, INVALID_UTF8, CONTROL, DIRECTION, PRIVATE };

static const char *const fault_text[] = {
    [INVALID_UTF8] = "is not valid UTF-8",
    [CONTROL] = "contains a control or formatting character",
    [DIRECTION] = "contains a character that changes the writing direction",
    [PRIVATE] = "contains a private-use or non-character code point",
};

static bool is_direction(utf8proc_int32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static bool is_noncharacter(utf8proc_int32_t c)
{
    return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

static bool is_space(utf8proc_int32_t c)
{
    if (c < 0x80)
        return isspace(c);
    utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

static bool is_mark(utf8proc_int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME;
}

/* The joiners are letters' business in many scripts, and of emoji; every other format character
   only hides something. */
static enum fault fault_of(utf8proc_int32_t c)
{
    if (is_direction(c))
        return DIRECTION;
    if (is_noncharacter(c))
        return PRIVATE;
    utf8proc_category_t category = utf8proc_category(c);
    if (category == UTF8PROC_CATEGORY_CO)
        return PRIVATE;
    if (category == UTF8PROC_CATEGORY_CC)
        return CONTROL;
    if (category == UTF8PROC_CATEGORY_CF)
        return c == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_NON_JOINER ? FINE : CONTROL;
    return FINE;
}

/* One code point from the front; 0 bytes when it is not UTF-8. */
static size_t next(const char *s, size_t n, utf8proc_int32_t *c)
{
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, c);
    return used > 0 ? (size_t)used : 0;
}

/* Copies with every white-space character as one plain space; spaces[n + 1] is NUL-terminated. */
static enum fault plain_spaces(const char *s, size_t n, char *spaces)
{
    size_t to = 0;

    for (size_t at = 0, used; at < n; at += used) {
        utf8proc_int32_t c;

        if ((used = next(s + at, n - at, &c)) == 0)
            return INVALID_UTF8;
        if (is_space(c)) {
            spaces[to++] = ' ';
            continue;
        }
        enum fault fault = fault_of(c);
        if (fault != FINE)
            return fault;
        memcpy(spaces + to, s + at, used);
        to += used;
    }
    spaces[to] = 0;
    return FINE;
}

/* Trims, and makes each run of spaces one; returns the new length. */
static size_t fold_spaces(char *s)
{
    size_t to = 0;

    for (const char *p = s; *p; p++)
        if (*p != ' ' || (to > 0 && s[to - 1] != ' '))
            s[to++] = *p;
    if (to > 0 && s[to - 1] == ' ')
        to--;
    s[to] = 0;
    return to;
}

/* Mapped text that the caller frees, spaces folded; NULL when utf8proc refuses. */
static char *map(const char *s, utf8proc_option_t more)
{
    utf8proc_uint8_t *out;
    utf8proc_option_t options =
        UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | more;

    if (utf8proc_map((const utf8proc_uint8_t *)s, 0, &out, options) < 0)
        return NULL;
    fold_spaces((char *)out);
    return (char *)out;
}

/* "#12" is how people write an id. */
static bool is_id(const char *s)
{
    return s[0] == '#' && s[1] && strspn(s + 1, "0123456789") == strlen(s + 1);
}

enum cn_err cn_text_normalize_label(const char *utf8, size_t n,
                                    char out[CN_MAX_LABEL_NAME_BYTES + 1],
                                    char key[CN_MAX_LABEL_KEY_BYTES + 1], struct cn_error *err)
{
    char spaces[MAX_RAW_BYTES + 1];
    utf8proc_int32_t first;

    if (n > MAX_RAW_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the label name has %zu bytes; at most %d are allowed", n,
                       CN_MAX_LABEL_NAME_BYTES);
    enum fault fault = plain_spaces(utf8, n, spaces);
    if (fault != FINE)
        return cn_fail(err, CN_E_PARSE, "the label name %s", fault_text[fault]);

    CN_CLEANUP(cn_freep) char *name = map(spaces, 0);
    CN_CLEANUP(cn_freep)
    char *folded = name ? map(name, UTF8PROC_CASEFOLD | UTF8PROC_IGNORE) : NULL;
    if (!name || !folded)
        return cn_fail(err, CN_E_PARSE, "the label name cannot be normalized");
    if (!*folded)
        return cn_fail(err, CN_E_PARSE, "the label name is empty");
    if (next(name, strlen(name), &first) == 0 || is_mark(first))
        return cn_fail(err, CN_E_PARSE, "the label name begins with a combining mark");
    if (is_id(name))
        return cn_fail(err, CN_E_PARSE, "\"%s\" is how a label id is written, not a name", name);
    if (strlen(name) > CN_MAX_LABEL_NAME_BYTES || strlen(folded) > CN_MAX_LABEL_KEY_BYTES)
        return cn_fail(err, CN_E_LIMIT, "the label name has %zu bytes; at most %d are allowed",
                       strlen(name), CN_MAX_LABEL_NAME_BYTES);
    memcpy(out, name, strlen(name) + 1);
    memcpy(key, folded, strlen(folded) + 1);
    return CN_OK;
}

bool cn_text_is_line(const char *utf8, size_t n)
{
    for (size_t at = 0, used; at < n; at += used) {
        utf8proc_int32_t c;

        if ((used = next(utf8 + at, n - at, &c)) == 0 || c == 0x2028 || c == 0x2029)
            return false;
        enum fault fault = fault_of(c);
        if (fault == CONTROL || fault == DIRECTION)
            return false;
    }
    return true;
}

size_t cn_text_display_width(const char *utf8)
{
    size_t n = strlen(utf8), width = 0;

    for (size_t at = 0, used; at < n; at += used) {
        utf8proc_int32_t c;

        used = next(utf8 + at, n - at, &c);
        width += used ? (size_t)utf8proc_charwidth(c) : 1;
        used += used == 0;
    }
    return width;
}
