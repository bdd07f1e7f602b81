/* The two forms of the conditional GAN: their networks, and how a sample comes about.

   IMAGE is the article's, layer by layer. RESIDUAL works in feature space: the moments of a label
   already give most of its shape, and the generator adds what a Gaussian lacks. It sees the same
   latent numbers that the moments' factor sees, its output is at most one standard deviation per
   feature (tanh), and its last layer starts at zero: at birth it *is* the moments. */
#include "common/synth/cgan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/label.h"
#include "common/doors/matrix.h"
#include "common/synth/cgan_arch.h"
#include "common/synth/grow.h"

static void clear(struct cn_net *net, const char *name)
{
    uint32_t n;
    struct cn_tensor *all = cn_net_tensors(net, &n), *t = cn_tensor_find(all, n, name);

    assert(t);
    memset(t->data, 0, cn_tensor_size(t) * sizeof(float));
    cn_net_touch(net);
}

/* A pixel's embedding is Keras's (small, around zero), a feature's multiplies by about one. */
static struct cn_grow_conf row_conf(const struct cn_cgan *g)
{
    if (g->kind == CN_CGAN_IMAGE)
        return (struct cn_grow_conf){.mean = 0, .std = 0.03f, .seed = g->seed};
    return (struct cn_grow_conf){.mean = 1, .std = 0.25f, .seed = g->seed};
}

enum cn_err cn_cgan_widen(struct cn_cgan *g, const uint32_t *from, uint32_t n_from,
                          const uint32_t *to, uint32_t n_to, struct cn_error *err)
{
    struct cn_grow_conf conf = row_conf(g);
    enum cn_err e = cn_grow(g->generator, from, n_from, to, n_to, &conf, err);

    return e ? e : cn_grow(g->discriminator, from, n_from, to, n_to, &conf, err);
}

void cn_cgan_destroy(struct cn_cgan **g)
{
    if (!*g)
        return;
    cn_net_destroy(&(*g)->generator);
    cn_net_destroy(&(*g)->discriminator);
    free(cn_steal(*g));
}

enum cn_err cn_cgan_new(struct cn_cgan **ret, enum cn_cgan_kind kind, uint32_t dim,
                        const uint32_t *ids, uint32_t n, uint64_t seed, struct cn_error *err)
{
    CN_CLEANUP(cn_cgan_destroy) struct cn_cgan *g = cn_calloc(1, sizeof *g);
    bool image = kind == CN_CGAN_IMAGE;
    struct cn_arch gen =
        image ? cn_cgan_arch_image_generator(dim) : cn_cgan_arch_residual_generator(dim);
    struct cn_arch disc =
        image ? cn_cgan_arch_image_discriminator(dim) : cn_cgan_arch_residual_discriminator(dim);
    static const uint32_t nobody = CN_LABEL_NONE;
    enum cn_err e;

    *g = (struct cn_cgan){.kind = kind, .dim = dim, .seed = seed};
    if ((e = cn_net_new(&g->generator, &gen, 1, seed, err)) ||
        (e = cn_net_new(&g->discriminator, &disc, 1, seed + 1, err)) ||
        (e = cn_cgan_widen(g, &nobody, 1, ids, n, err)))
        return e;
    if (!image)
        clear(g->generator, "out.weight");
    *ret = cn_steal(g);
    return CN_OK;
}

/* ---- one batch of samples ---- */

uint32_t cn_cgan_latent(const struct cn_cgan *g)
{
    return g->kind == CN_CGAN_IMAGE ? CN_CGAN_IMAGE_LATENT : CN_CGAN_RESIDUAL_LATENT;
}

void cn_cgan_spread(const struct cn_moments *base, float *std)
{
    for (uint32_t d = 0; d < base->dim; d++) {
        double v = (double)base->noise[d] * base->noise[d];
        for (uint32_t k = 0; k < base->rank; k++) {
            double f = base->factor[(size_t)k * base->dim + d];
            v += f * f;
        }
        std[d] = v > 1e-12 ? (float)sqrt(v) : 1e-6f;
    }
}

/* out = mean + z F + e noise + std * residual, not below zero: features are means of ReLUs. The
   first numbers of the generator's latent z (n, latent) are the factor's. */
static void compose(const struct cn_moments *base, const uint32_t *rows, uint32_t n, const float *z,
                    uint32_t latent, const float *residual, struct cn_rng *rng, float *out)
{
    uint32_t dim = base->dim, shared = base->rank < latent ? base->rank : latent;
    CN_CLEANUP(cn_freep) float *std = cn_alloc_aligned(dim, sizeof *std);
    CN_CLEANUP(cn_freep)
    float *along = cn_calloc((size_t)n * (base->rank ? base->rank : 1), sizeof *along);

    cn_cgan_spread(base, std);
    cn_rng_fill_normal(rng, out, (size_t)n * dim, 1);
    for (uint32_t i = 0; i < n; i++) {
        const float *mean = base->mean + (size_t)rows[i] * dim;
        float *x = out + (size_t)i * dim, *a = along + (size_t)i * base->rank;
        memcpy(a, z + (size_t)i * latent, shared * sizeof *a);
        cn_rng_fill_normal(rng, a + shared, base->rank - shared, 1);
        for (uint32_t d = 0; d < dim; d++)
            x[d] = mean[d] + base->noise[d] * x[d] + std[d] * residual[(size_t)i * dim + d];
    }
    if (base->rank > 0)
        cn_gemm(false, false, n, dim, base->rank, 1, along, base->rank, base->factor, dim, 1, out,
                dim);
    for (size_t i = 0; i < (size_t)n * dim; i++)
        out[i] = out[i] > 0 ? out[i] : 0;
}

void cn_cgan_generate(struct cn_cgan *g, const struct cn_moments *base, const uint32_t *rows,
                      uint32_t n, bool train, struct cn_rng *rng, float *z, float *out)
{
    uint32_t latent = cn_cgan_latent(g);

    assert((g->kind == CN_CGAN_RESIDUAL) == (base != NULL));
    cn_rng_fill_normal(rng, z, (size_t)n * latent, 1);
    const float *y = cn_net_forward(g->generator, z, rows, n, train);
    if (g->kind == CN_CGAN_IMAGE)
        memcpy(out, y, (size_t)n * g->dim * sizeof *out);
    else
        compose(base, rows, n, z, latent, y, rng, out);
}

void cn_cgan_sample(struct cn_cgan *g, const struct cn_moments *base, const uint32_t *rows,
                    uint32_t n, struct cn_rng *rng, float *out)
{
    enum { SLICE = 64 };
    CN_CLEANUP(cn_freep) float *z = cn_alloc_aligned(SLICE * cn_cgan_latent(g), sizeof *z);

    for (uint32_t i = 0, k; i < n; i += k) {
        k = n - i < SLICE ? n - i : SLICE;
        cn_cgan_generate(g, base, rows + i, k, false, rng, z, out + (size_t)i * g->dim);
    }
}
