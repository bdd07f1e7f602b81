/* Second-order statistics of features, from which a head is solved (RESEARCH section 2). A device
   measures; the coordinator adds in fixed point, so that order does not matter, and solves.
   Threads: one owner per cn_stats. */
#ifndef CN_STATS_H
#define CN_STATS_H

#include "common/base/label.h"
#include "common/model/pack.h"

enum {
    CN_STATS_MAX_DIM = 4096,
    CN_STATS_MAX_VALUE = 64 /* largest root mean square of a feature */
};
#define CN_STATS_MAX_IMAGES (INT64_C(1) << 27) /* in one fleet's statistics */

/* ---- on a device ---- */

/* Writes the statistics of phi (n, dim), labels (n) into an update: "stats.count", "stats.mean" by
   label, and the scatter around those means pooled over labels, as "stats.factor" (the packed
   trapezoid of R, R^T R = scatter) or, once n passes dim, "stats.scatter" (packed upper triangle).
   Labels with fewer than min_count rows are left out; when none is left nothing is written.
   CN_E_NUMERIC (not finite or too large), CN_E_LIMIT. */
enum cn_err cn_stats_measure(struct cn_pack_writer *w, const float *phi, const uint32_t *labels,
                             uint32_t n, uint32_t dim, uint32_t min_count,
                             struct cn_error *err) CN_NODISCARD;

/* ---- sums of them ---- */

struct cn_stats;

struct cn_stats *cn_stats_new(uint32_t dim) CN_NODISCARD;
void cn_stats_destroy(struct cn_stats **s);
uint32_t cn_stats_dim(const struct cn_stats *s);
/* Images per label, ascending by id; valid until the next change. */
const struct cn_label_count *cn_stats_counts(const struct cn_stats *s, uint32_t *ret_n);

/* Whether an update's statistics (none is fine) can be added: names, shapes, finite, caps, and a
   scatter whose diagonal bounds it. Changes nothing. */
enum cn_err cn_stats_check(const struct cn_stats *s, const struct cn_pack *update,
                           struct cn_error *err) CN_NODISCARD;
/* Adds what was just checked (a bug otherwise): one set of integers per update, the same on every
   machine. */
void cn_stats_add(struct cn_stats *s, const struct cn_pack *update);
/* Takes an update that was added out again, to the last bit. CN_E_STATE when it cannot be inside
   (or a label was merged or dropped since): nothing changed. */
enum cn_err cn_stats_subtract(struct cn_stats *s, const struct cn_pack *update,
                              struct cn_error *err) CN_NODISCARD;
/* Adds another sum. CN_E_SHAPE, CN_E_LIMIT: nothing changed. */
enum cn_err cn_stats_merge(struct cn_stats *into, const struct cn_stats *from,
                           struct cn_error *err) CN_NODISCARD;
/* Follows the registry: merged labels become one; a dropped label's count and mean go, what it
   taught about the spread around means stays in the pool. */
void cn_stats_move(struct cn_stats *s, const struct cn_label_move *moves, uint32_t n);

/* Appends a pack (CN_PACK_STATS); equal statistics, equal bytes. */
enum cn_err cn_stats_encode(const struct cn_stats *s, struct cn_buf *out,
                            struct cn_error *err) CN_NODISCARD;
enum cn_err cn_stats_decode(struct cn_stats **ret, struct cn_bytes in,
                            struct cn_error *err) CN_NODISCARD;

/* ---- what they are for: a job, as both take a good part of a second ---- */

/* Rows of a linear head, logits = weight phi + bias. */
struct cn_stats_head {
    uint32_t n_labels, dim;
    uint32_t *labels; /* (n_labels) ascending */
    float *weight;    /* (n_labels, dim) */
    float *bias;      /* (n_labels) */
    double lambda;    /* the shrinkage that was used */
};

/* Regularized linear discriminant: A = S/N + lam T I, W_c = A^-1 M_c, b_c = -(M_c W_c - d_eff /
   n_c) / 2 with lam = max(.003, 30/N), T = tr(S/N)/D, d_eff = D - lam T tr(A^-1). lam grows
   tenfold, a few times, when rounding left A indefinite. CN_E_STATE: no images; CN_E_NUMERIC.
   Memory 2 D^2 doubles. */
enum cn_err cn_stats_solve(const struct cn_stats *s, struct cn_stats_head *ret,
                           struct cn_error *err) CN_NODISCARD;
void cn_stats_head_fini(struct cn_stats_head *h);

/* Means and a low-rank covariance: mean (n_labels, dim) in the order of cn_stats_counts, factor
   (rank, dim) with factor^T factor the best rank-r part of S/N, noise (dim) the standard deviation
   that is left. Randomized subspace iteration (Halko et al., arXiv 0909.4061, algorithm 4.4) with
   a fixed seed. rank <= dim. CN_E_STATE: no images. */
enum cn_err cn_stats_moments(const struct cn_stats *s, uint32_t rank, float *mean, float *factor,
                             float *noise, struct cn_error *err) CN_NODISCARD;

#endif
