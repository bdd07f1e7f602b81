/* Any bytes as JSON, hex and base64url: refused, or read into something that is written and read
   back the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/doors/crypto.h"
#include "common/doors/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_json(struct cn_bytes text)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) first = NULL;
    struct cn_json *CN_CLEANUP(cn_json_destroy) second = NULL;
    struct cn_buf CN_CLEANUP(cn_buf_fini) once = {0}, CN_CLEANUP(cn_buf_fini) twice = {0};

    if (cn_json_parse(text, CN_MAX_JSON_BYTES, &first, NULL) != CN_OK)
        return;
    cn_json_dump(first, true, &once);
    enum cn_err code =
        cn_json_parse((struct cn_bytes){once.at, once.n}, CN_MAX_JSON_BYTES, &second, NULL);
    assert(code == CN_OK);
    cn_json_dump(second, true, &twice);
    assert(once.n == twice.n && memcmp(once.at, twice.at, once.n) == 0);
}

static void try_encodings(const char *text)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) bytes = {0}, CN_CLEANUP(cn_buf_fini) again = {0};
    struct cn_error err;
    uint8_t digest[4];

    if (cn_base64_decode(&bytes, 1024, text, "token", &err) == CN_OK) {
        cn_base64_encode(&again, bytes.at, bytes.n);
        const char *start = text + strspn(text, " \t\r\n");
        assert(strncmp(start, cn_buf_cstr(&again), again.n) == 0);
        assert(start[again.n + strspn(start + again.n, " \t\r\n")] == 0);
    }
    if (cn_hex_decode(digest, sizeof digest, text, "digest", &err) == CN_OK)
        assert(strlen(text) == 2 * sizeof digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};

    cn_buf_append(&text, data, size);
    try_json((struct cn_bytes){data, size});
    try_encodings(cn_buf_cstr(&text));
    return 0;
}
