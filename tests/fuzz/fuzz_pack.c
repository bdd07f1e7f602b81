/* Any bytes as a pack: refused with a reason, or written again to the very same bytes; then as
   sums, as statistics, and as an update's contribution to some. */
#include <stdlib.h>
#include <string.h>

#include "common/model/stats.h"
#include "common/model/sums.h"

enum { DIM = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void write_again(const struct cn_pack *pack, struct cn_bytes in)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *w = cn_pack_writer_new();
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};
    uint32_t n_tensors;
    const struct cn_pack_tensor *t = cn_pack_tensors(pack, &n_tensors);

    for (uint32_t i = 0; i < n_tensors; i++)
        cn_pack_put_raw(w, &t[i]);
    if (cn_pack_finish(w, cn_pack_head(pack), &out, NULL) || out.n != in.n ||
        memcmp(out.at, in.at, in.n) != 0)
        abort();
}

static void add_sums(struct cn_bytes in)
{
    CN_CLEANUP(cn_sums_destroy) struct cn_sums *sums = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};

    if (cn_sums_decode(&sums, in, NULL) == CN_OK &&
        (cn_sums_encode(sums, &out, NULL) || out.n != in.n || memcmp(out.at, in.at, in.n) != 0))
        abort();
}

static void add_stats(struct cn_bytes in)
{
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *stats = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};

    if (cn_stats_decode(&stats, in, NULL) == CN_OK &&
        (cn_stats_encode(stats, &out, NULL) || out.n != in.n || memcmp(out.at, in.at, in.n) != 0))
        abort();
}

/* What can be added can be taken out again, and leaves nothing. */
static void add_update(const struct cn_pack *pack)
{
    CN_CLEANUP(cn_stats_destroy) struct cn_stats *stats = cn_stats_new(DIM);
    uint32_t n_labels;

    if (cn_stats_check(stats, pack, NULL))
        return;
    cn_stats_add(stats, pack);
    if (cn_stats_subtract(stats, pack, NULL))
        abort();
    (void)cn_stats_counts(stats, &n_labels);
    if (n_labels)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *pack = NULL;
    struct cn_bytes in = {p, n};

    if (cn_pack_open(&pack, in, NULL))
        return 0;
    write_again(pack, in);
    add_sums(in);
    add_stats(in);
    add_update(pack);
    return 0;
}
