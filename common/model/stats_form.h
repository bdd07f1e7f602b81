/* Inside of the statistics, shared by the files stats*.c.

   Fixed point: sums of features in 2^-28, sums of their products in 2^-22. A feature's root mean
   square is at most 64, so after n images a product sum is below n * 2^12 and a feature sum below
   n * 2^6; the bound n << 35 in fixed point holds for both with room to spare, and n <= 2^27 keeps
   every sum below 2^62. */
#ifndef CN_STATS_FORM_H
#define CN_STATS_FORM_H

#include "common/model/stats.h"

enum { CN_STATS_SUM_BITS = 28, CN_STATS_PRODUCT_BITS = 22, CN_STATS_BOUND_BITS = 35 };

struct cn_stats {
    uint32_t dim;
    int64_t n_images;              /* in the products: those of dropped labels stay */
    int64_t *product;              /* (dim, dim) packed upper triangle: sum of phi phi^T */
    struct cn_label_count *counts; /* (n_labels) ascending by id, n > 0 */
    int64_t **sums;                /* (n_labels) of (dim): sum of phi */
    uint32_t n_labels, cap;
};

/* Numbers in the first m rows of the upper triangle of (dim, dim). */
static inline size_t cn_stats_packed(uint32_t m, uint32_t dim)
{
    return (size_t)m * dim - (size_t)m * (m - (m > 0)) / 2;
}

/* The label's place: its index, or UINT32_MAX. */
uint32_t cn_stats_find(const struct cn_stats *s, uint32_t label);
/* Found, or made with count 0, which the caller raises. */
uint32_t cn_stats_place(struct cn_stats *s, uint32_t label);
/* Removes the label at place i. */
void cn_stats_remove(struct cn_stats *s, uint32_t i);

/* An update's statistics, borrowed from its pack; n_labels 0 when it has none. */
struct cn_stats_part {
    uint32_t dim, n_labels;
    const uint32_t *labels;              /* (n_labels) ascending */
    const struct cn_pack_tensor *count;  /* i64 (n_labels) */
    const struct cn_pack_tensor *mean;   /* f32 (n_labels, dim) */
    const struct cn_pack_tensor *spread; /* f16: factor or scatter, or NULL: all zero */
    bool is_factor;                      /* rows of R, else the upper triangle */
    uint32_t n_rows;                     /* of R */
    double scale;                        /* what the spread's numbers are multiplied by */
    int64_t n_images;
};

/* Reads and checks everything that does not depend on what was added before. */
enum cn_err cn_stats_part_open(struct cn_stats_part *ret, const struct cn_pack *update,
                               uint32_t dim, struct cn_error *err) CN_NODISCARD;
/* Adds sign * the part's integers; places for its labels exist. */
void cn_stats_part_apply(const struct cn_stats_part *part, struct cn_stats *s, int sign);

#endif
