/* The shape of a layer's output. */
#include <math.h>

#include "common/nn/node.h"

static uint32_t or_one(uint32_t x)
{
    return x ? x : 1;
}

static enum cn_err window(const struct cn_layer *l, struct cn_shape in, struct cn_shape *out,
                          struct cn_error *err)
{
    uint64_t h = (uint64_t)in.h + 2 * (uint64_t)l->pad, w = (uint64_t)in.w + 2 * (uint64_t)l->pad;

    if (l->kernel_h == 0 || l->kernel_w == 0 || l->kernel_h > h || l->kernel_w > w)
        return cn_fail(err, CN_E_SHAPE, "a %ux%u kernel does not fit a %ux%u image", l->kernel_h,
                       l->kernel_w, in.h, in.w);
    if (l->pad >= l->kernel_h || l->pad >= l->kernel_w) /* a window could see padding alone */
        return cn_fail(err, CN_E_SHAPE, "padding %u is not smaller than the kernel", l->pad);
    out->h = (uint32_t)((h - l->kernel_h) / or_one(l->stride)) + 1;
    out->w = (uint32_t)((w - l->kernel_w) / or_one(l->stride)) + 1;
    return CN_OK;
}

static enum cn_err conv(const struct cn_layer *l, struct cn_shape in, struct cn_shape *out,
                        struct cn_error *err)
{
    uint32_t groups = or_one(l->groups);

    if (l->out == 0)
        return cn_fail(err, CN_E_SHAPE, "no output channels");
    if (in.c % groups || l->out % groups)
        return cn_fail(err, CN_E_SHAPE, "%u groups do not divide %u inputs and %u outputs", groups,
                       in.c, l->out);
    out->c = l->out;
    return window(l, in, out, err);
}

static enum cn_err dense(const struct cn_layer *l, uint32_t n_labels, struct cn_shape *out,
                         struct cn_error *err)
{
    uint32_t n = l->by_label ? n_labels : l->out;

    if (n == 0)
        return cn_fail(err, CN_E_SHAPE, l->by_label ? "no labels" : "no outputs");
    *out = (struct cn_shape){n, 1, 1};
    return CN_OK;
}

static enum cn_err grid(const struct cn_layer *l, struct cn_shape in, struct cn_shape *out,
                        struct cn_error *err)
{
    if (l->out == 0 || l->out > in.h || l->out > in.w)
        return cn_fail(err, CN_E_SHAPE, "a %ux%u grid does not fit a %ux%u image", l->out, l->out,
                       in.h, in.w);
    *out = (struct cn_shape){in.c, l->out, l->out};
    return CN_OK;
}

static enum cn_err reshape(const struct cn_layer *l, struct cn_shape in, struct cn_shape *out,
                           struct cn_error *err)
{
    *out = (struct cn_shape){l->out, l->kernel_h, l->kernel_w};
    if (cn_shape_size(*out) != cn_shape_size(in))
        return cn_fail(err, CN_E_SHAPE, "%zu numbers cannot become %ux%ux%u", cn_shape_size(in),
                       out->c, out->h, out->w);
    return CN_OK;
}

static enum cn_err upsample(const struct cn_layer *l, struct cn_shape in, struct cn_shape *out,
                            struct cn_error *err)
{
    uint64_t by = or_one(l->stride), h = in.h * by, w = in.w * by;

    if (h > CN_MAX_LAYER_SIDE || w > CN_MAX_LAYER_SIDE)
        return cn_fail(err, CN_E_LIMIT, "an image of %llux%llu is too large", (unsigned long long)h,
                       (unsigned long long)w);
    *out = (struct cn_shape){in.c, (uint32_t)h, (uint32_t)w};
    return CN_OK;
}

static enum cn_err label(uint32_t n_labels, struct cn_error *err)
{
    return n_labels ? CN_OK : cn_fail(err, CN_E_SHAPE, "no labels");
}

/* Written so that NaN fails. */
static enum cn_err within(const char *what, float x, float min, float below, struct cn_error *err)
{
    if (x >= min && x < below)
        return CN_OK;
    return cn_fail(err, CN_E_SHAPE, "%s %g is outside [%g, %g)", what, (double)x, (double)min,
                   (double)below);
}

static enum cn_err norm(const struct cn_layer *l, struct cn_error *err)
{
    enum cn_err e = within("momentum", l->momentum, 0, 1, err);
    return e ? e : within("eps", l->eps, 1e-12f, 1, err);
}

static enum cn_err next(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                        struct cn_shape *out, struct cn_error *err)
{
    switch (l->kind) {
    case CN_LAYER_CONV: return conv(l, in, out, err);
    case CN_LAYER_DENSE: return dense(l, n_labels, out, err);
    case CN_LAYER_MAX_POOL:
    case CN_LAYER_AVG_POOL: return window(l, in, out, err);
    case CN_LAYER_GRID_POOL: return grid(l, in, out, err);
    case CN_LAYER_GLOBAL_POOL: *out = (struct cn_shape){in.c, 1, 1}; return CN_OK;
    case CN_LAYER_BATCH_NORM: return norm(l, err);
    case CN_LAYER_LEAKY_RELU: return within("alpha", l->alpha, 0, 1, err);
    case CN_LAYER_DROPOUT: return within("rate", l->rate, 0, 1, err);
    case CN_LAYER_FLATTEN: *out = (struct cn_shape){in.c * in.h * in.w, 1, 1}; return CN_OK;
    case CN_LAYER_RESHAPE: return reshape(l, in, out, err);
    case CN_LAYER_UPSAMPLE: return upsample(l, in, out, err);
    case CN_LAYER_LABEL_SCALE:
    case CN_LAYER_LABEL_ADD: return label(n_labels, err);
    case CN_LAYER_RELU:
    case CN_LAYER_TANH:
    case CN_LAYER_SIGMOID: return CN_OK;
    }
    return cn_fail(err, CN_E_UNSUPPORTED, "unknown kind %d", (int)l->kind);
}

static bool is_small(uint32_t x)
{
    return x <= CN_MAX_LAYER_SIDE;
}

enum cn_err cn_shape_next(const struct cn_layer *l, struct cn_shape in, uint32_t n_labels,
                          struct cn_shape *ret, struct cn_error *err)
{
    struct cn_shape out = in;

    if (!is_small(l->out) || !is_small(l->kernel_h) || !is_small(l->kernel_w) ||
        !is_small(l->stride) || !is_small(l->pad))
        return cn_fail(err, CN_E_LIMIT, "a size is over %d", (int)CN_MAX_LAYER_SIDE);
    enum cn_err e = next(l, in, n_labels, &out, err);
    if (e)
        return e;
    /* Sides are at most 2^21 or products that were checked before, so two of them fit 64 bits. */
    if ((uint64_t)out.h * out.w > CN_MAX_LAYER_NUMBERS ||
        (uint64_t)out.h * out.w * out.c > CN_MAX_LAYER_NUMBERS)
        return cn_fail(err, CN_E_LIMIT, "an output of %ux%ux%u is too large", out.c, out.h, out.w);
    *ret = out;
    return CN_OK;
}
