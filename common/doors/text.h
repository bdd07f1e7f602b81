/* Text of people in all scripts: names made comparable, lines made safe to show; utf8proc stands
   behind this door. Threads: no shared state. */
#ifndef CN_TEXT_H
#define CN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/limits.h"

/* Turns what a person typed (n bytes) into a label name's two forms, NUL-terminated:
   out, for people: NFKC, white space trimmed and folded to single spaces;
   key, for equality: `out` case-folded, invisible characters dropped (Unicode's NFKC_Casefold).
   Two names are the same label when their keys are equal bytes. Both are fixed points: the display
   form of `out` is `out`. CN_E_PARSE: not UTF-8, empty, a control, direction-changing or private
   character, a name like "#12" (that is how ids are written); CN_E_LIMIT: longer than
   CN_MAX_LABEL_NAME_BYTES. Written only on success. */
enum cn_err cn_text_normalize_label(const char *utf8, size_t n,
                                    char out[CN_MAX_LABEL_NAME_BYTES + 1],
                                    char key[CN_MAX_LABEL_KEY_BYTES + 1],
                                    struct cn_error *err) CN_NODISCARD;

/* n bytes that can be shown on one line as they are: valid UTF-8 without control characters, line
   breaks or direction changes. For reasons and names of people, which need no normalization. */
bool cn_text_is_line(const char *utf8, size_t n);

/* Columns that a NUL-terminated string takes in a terminal (wide characters 2, combining marks 0;
   a byte that is not UTF-8 takes 1). */
size_t cn_text_display_width(const char *utf8);

#endif
