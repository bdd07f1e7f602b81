/* What writer and reader of packs share: the layout's constants and the rules of a header. */
#ifndef CN_PACK_FORM_H
#define CN_PACK_FORM_H

#include "common/model/pack.h"

enum { CN_PACK_VERSION = 1, CN_PACK_PREFIX_BYTES = 16, CN_PACK_ALIGN = 64 };

/* Numbers are copied as they lie. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packs need a little-endian machine");

static inline size_t cn_pack_align(size_t n)
{
    return (n + CN_PACK_ALIGN - 1) / CN_PACK_ALIGN * CN_PACK_ALIGN;
}

size_t cn_pack_type_bytes(enum cn_pack_type type);

/* Everything that must hold of a header, tensor directory included. CN_E_PARSE, CN_E_LIMIT,
   CN_E_EXISTS (something twice), CN_E_SHAPE. */
enum cn_err cn_pack_form_check(const struct cn_modelwire_pack *p,
                               struct cn_error *err) CN_NODISCARD;

/* Whether a header says nothing but its kind and its settings: sums and statistics belong to no
   fleet, release or model. */
bool cn_pack_head_is_bare(const struct cn_pack_head *head);

/* Numbers in a tensor that was checked. */
size_t cn_pack_form_numbers(const struct cn_modelwire_tensor *t);

#endif
