/* Conditional GAN: a generator and a discriminator that both know the label (Mirza & Osindero,
   arXiv 1411.1784). Two forms, one training loop. One owner, one thread. */
#ifndef CN_CGAN_H
#define CN_CGAN_H

#include "common/nn/net.h"
#include "common/synth/moments.h"

enum cn_cgan_kind {
    CN_CGAN_IMAGE,   /* the article's networks: noise x label embedding -> pixels in [-1, 1] */
    CN_CGAN_RESIDUAL /* on features: a moments sample + a learnt residual that is zero at birth */
};

struct cn_cgan {
    enum cn_cgan_kind kind;
    uint32_t dim; /* numbers in one sample */
    uint64_t seed;
    struct cn_net *generator, *discriminator;
};

/* Networks for samples of dim numbers and the labels ids[0..n); equal seeds give equal networks. */
enum cn_err cn_cgan_new(struct cn_cgan **ret, enum cn_cgan_kind kind, uint32_t dim,
                        const uint32_t *ids, uint32_t n, uint64_t seed,
                        struct cn_error *err) CN_NODISCARD;
void cn_cgan_destroy(struct cn_cgan **g);

/* The same networks for another list of labels; rows are carried over by id. */
enum cn_err cn_cgan_widen(struct cn_cgan *g, const uint32_t *from, uint32_t n_from,
                          const uint32_t *to, uint32_t n_to, struct cn_error *err) CN_NODISCARD;

/* n samples of the labels in rows[0..n) -> out (n, dim). base: the moments under a RESIDUAL (row i
   of both belongs to the same label, and every label asked for has a mean); NULL for IMAGE. */
void cn_cgan_sample(struct cn_cgan *g, const struct cn_moments *base, const uint32_t *rows,
                    uint32_t n, struct cn_rng *rng, float *out);

/* One batch, as the training loop needs it. z: room for n * cn_cgan_latent numbers, drawn here; it
   and rows must stay for a backward of the generator. train: batch statistics. */
void cn_cgan_generate(struct cn_cgan *g, const struct cn_moments *base, const uint32_t *rows,
                      uint32_t n, bool train, struct cn_rng *rng, float *z, float *out);
uint32_t cn_cgan_latent(const struct cn_cgan *g);
/* Standard deviation per feature within a label -> std (dim). */
void cn_cgan_spread(const struct cn_moments *base, float *std);

struct cn_cgan_report {
    uint32_t n_steps;
    float loss_d, loss_g; /* of the last step */
};

/* Adversarial training: every step shows the discriminator a batch of real x (n, dim) with labels
   rows[0..n), drawn so that labels are balanced, and as many generated ones, then the generator
   learns from the discriminator. Adam(2e-4, .5), binary cross-entropy. CN_E_NUMERIC when a number
   is not finite: the networks are then to be thrown away. */
enum cn_err cn_cgan_train(struct cn_cgan *g, const struct cn_moments *base, const float *x,
                          const uint32_t *rows, uint32_t n, uint32_t n_steps, uint64_t seed,
                          struct cn_cgan_report *report, struct cn_error *err) CN_NODISCARD;

#endif
