/* Any bytes as the manifest inside a seal: refused, or encoded again to the very same bytes. */
#include <stdlib.h>
#include <string.h>

#include "common/model/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf again = {0};

    if (cn_modelwire_manifest_decode(&m, (struct cn_bytes){p, n}, NULL))
        return 0;
    cn_modelwire_manifest_encode(&m, &again);
    if (again.n != n || (n && memcmp(again.at, p, n) != 0))
        abort();
    if (cn_release_check(&m, NULL) == CN_OK && m.number == 0)
        abort();
    return 0;
}
