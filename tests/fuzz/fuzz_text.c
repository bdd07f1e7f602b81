/* Hostile label names: an accepted one is its own normal form, and fits a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/doors/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char out[CN_MAX_LABEL_NAME_BYTES + 1], key[CN_MAX_LABEL_KEY_BYTES + 1];
    char out2[CN_MAX_LABEL_NAME_BYTES + 1], key2[CN_MAX_LABEL_KEY_BYTES + 1];

    cn_text_is_line((const char *)p, n);
    if (cn_text_normalize_label((const char *)p, n, out, key, NULL) != CN_OK)
        return 0;
    must(cn_text_is_line(out, strlen(out)));
    must(cn_text_normalize_label(out, strlen(out), out2, key2, NULL) == CN_OK);
    must(strcmp(out, out2) == 0 && strcmp(key, key2) == 0);
    must(cn_text_display_width(out) <= 2 * strlen(out));
    return 0;
}
