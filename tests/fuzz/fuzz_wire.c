/* Hostile frames: what can be decoded can be encoded, and means the same. The first byte chooses
   the size of the bulk frame. */
#include <stdlib.h>
#include <string.h>

#include "common/doors/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct cn_buf scratch, scratch2;
    CN_CLEANUP(cn_buf_fini) struct cn_buf first = {0}, second = {0};
    struct cn_msg m;

    if (n == 0)
        return 0;
    uint64_t n_bulk = p[0] % 2 ? p[0] : 0;
    if (cn_wire_decode((struct cn_bytes){p + 1, n - 1}, n_bulk, &scratch, &m, NULL) != CN_OK)
        return 0;
    cn_wire_encode(&m, &first);
    must(first.n <= CN_MAX_HEADER_BYTES);
    must(cn_wire_decode((struct cn_bytes){first.at, first.n}, n_bulk, &scratch2, &m, NULL) ==
         CN_OK);
    cn_wire_encode(&m, &second);
    must(first.n == second.n && memcmp(first.at, second.at, first.n) == 0);
    return 0;
}
