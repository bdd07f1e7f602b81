/* Convolutions by oneDNN: three compiled primitives per batch size, made when first used. Images
   are (h, w, c) for it and for us; only the weights live in a layout of its choice, which may
   differ from one primitive to the next. */
#include "common/doors/conv.h"

#include <assert.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

#include "common/doors/matrix.h"

/* One primitive with the memory that it works on; x, y and b point into the caller's. */
struct step {
    dnnl_primitive_t primitive; /* NULL: not made yet */
    dnnl_memory_t x, y, w, b;   /* w (blocked) is the plan's own; b is NULL where there is none */
    bool fresh;                 /* w holds the weights as they are */
};

struct cn_conv {
    struct cn_conv_shape shape;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_desc_t x, y, b, w, w_plain; /* w: any layout */
    dnnl_dims_t stride, pad;
    const float *weights, *bias; /* borrowed, plain */
    struct step forward, backward_data, backward_weights;
};

/* Sizes were checked and every shape has a reference implementation: what is left is our bug. */
static void must(dnnl_status_t s)
{
    assert(s == dnnl_success);
}

/* ---- descriptions ---- */

static void describe(dnnl_memory_desc_t *md, int n_dims, const dnnl_dims_t dims,
                     dnnl_format_tag_t tag)
{
    must(dnnl_memory_desc_init_by_tag(md, n_dims, dims, dnnl_f32, tag));
}

static void describe_all(struct cn_conv *c)
{
    const struct cn_conv_shape *s = &c->shape;
    dnnl_dims_t x = {s->n, s->in, s->in_h, s->in_w}, y = {s->n, s->out, s->out_h, s->out_w},
                b = {s->out}, w = {s->out, s->in, s->kernel_h, s->kernel_w},
                w_grouped = {s->groups, s->out / s->groups, s->in / s->groups, s->kernel_h,
                             s->kernel_w};
    bool grouped = s->groups > 1;

    describe(&c->x, 4, x, dnnl_nhwc);
    describe(&c->y, 4, y, dnnl_nhwc);
    describe(&c->b, 1, b, dnnl_a);
    describe(&c->w, grouped ? 5 : 4, grouped ? w_grouped : w, dnnl_format_tag_any);
    describe(&c->w_plain, grouped ? 5 : 4, grouped ? w_grouped : w,
             grouped ? dnnl_goihw : dnnl_oihw);
    for (int i = 0; i < 2; i++) {
        c->stride[i] = s->stride;
        c->pad[i] = s->pad;
    }
}

static dnnl_memory_t memory(const struct cn_conv *c, const dnnl_memory_desc_t *md, void *at)
{
    dnnl_memory_t m;

    must(dnnl_memory_create(&m, md, c->engine, at));
    return m;
}

/* ---- steps ---- */

static void make(struct cn_conv *c, struct step *s, const void *desc, dnnl_query_t weights,
                 bool with_bias)
{
    dnnl_primitive_desc_t pd;

    must(dnnl_primitive_desc_create(&pd, desc, NULL, c->engine, NULL));
    must(dnnl_primitive_create(&s->primitive, pd));
    s->x = memory(c, &c->x, DNNL_MEMORY_NONE);
    s->y = memory(c, &c->y, DNNL_MEMORY_NONE);
    s->w = memory(c, dnnl_primitive_desc_query_md(pd, weights, 0), DNNL_MEMORY_ALLOCATE);
    s->b = with_bias ? memory(c, &c->b, DNNL_MEMORY_NONE) : NULL;
    must(dnnl_primitive_desc_destroy(pd));
}

static void make_forward(struct cn_conv *c)
{
    dnnl_convolution_desc_t d;

    must(dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct,
                                            &c->x, &c->w, &c->b, &c->y, c->stride, c->pad, c->pad));
    make(c, &c->forward, &d, dnnl_query_weights_md, true);
}

static void make_backward_data(struct cn_conv *c)
{
    dnnl_convolution_desc_t d;

    must(dnnl_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &c->x, &c->w, &c->y,
                                                  c->stride, c->pad, c->pad));
    make(c, &c->backward_data, &d, dnnl_query_weights_md, false);
}

static void make_backward_weights(struct cn_conv *c)
{
    dnnl_convolution_desc_t d;

    must(dnnl_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, &c->x, &c->w,
                                                     &c->b, &c->y, c->stride, c->pad, c->pad));
    make(c, &c->backward_weights, &d, dnnl_query_diff_weights_md, true);
}

static void close_step(struct step *s)
{
    dnnl_memory_t m[] = {s->x, s->y, s->w, s->b};

    if (!s->primitive)
        return;
    for (size_t i = 0; i < CN_COUNT(m); i++)
        if (m[i])
            must(dnnl_memory_destroy(m[i]));
    must(dnnl_primitive_destroy(s->primitive));
}

static void reorder(struct cn_conv *c, dnnl_memory_t from, dnnl_memory_t to)
{
    const dnnl_memory_desc_t *from_md, *to_md;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;

    must(dnnl_memory_get_memory_desc(from, &from_md));
    must(dnnl_memory_get_memory_desc(to, &to_md));
    must(dnnl_reorder_primitive_desc_create(&pd, from_md, c->engine, to_md, c->engine, NULL));
    must(dnnl_primitive_create(&p, pd));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    must(dnnl_primitive_execute(p, c->stream, CN_COUNT(args), args));
    must(dnnl_primitive_destroy(p));
    must(dnnl_primitive_desc_destroy(pd));
}

static void refresh(struct cn_conv *c, struct step *s)
{
    if (s->fresh)
        return;
    assert(c->weights);
    dnnl_memory_t plain = memory(c, &c->w_plain, (void *)c->weights);
    reorder(c, plain, s->w);
    must(dnnl_memory_destroy(plain));
    s->fresh = true;
}

/* ---- the plan ---- */

struct cn_conv *cn_conv_new(const struct cn_conv_shape *shape)
{
    struct cn_conv *c = cn_calloc(1, sizeof *c);

    cn_matrix_enter();
    c->shape = *shape;
    must(dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    must(dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags));
    describe_all(c);
    return c;
}

void cn_conv_destroy(struct cn_conv **p)
{
    struct cn_conv *c = cn_steal(*p);

    if (!c)
        return;
    close_step(&c->forward);
    close_step(&c->backward_data);
    close_step(&c->backward_weights);
    must(dnnl_stream_destroy(c->stream));
    must(dnnl_engine_destroy(c->engine));
    free(c);
}

void cn_conv_load(struct cn_conv *c, const float *w, const float *b)
{
    c->weights = w;
    c->bias = b;
    c->forward.fresh = c->backward_data.fresh = false;
}

static void point(dnnl_memory_t m, const float *at)
{
    must(dnnl_memory_set_data_handle(m, (void *)at));
}

void cn_conv_forward(struct cn_conv *c, const float *x, float *y)
{
    struct step *s = &c->forward;

    cn_matrix_enter();
    if (!s->primitive)
        make_forward(c);
    refresh(c, s);
    point(s->x, x);
    point(s->y, y);
    point(s->b, c->bias);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, s->x},
                              {DNNL_ARG_WEIGHTS, s->w},
                              {DNNL_ARG_BIAS, s->b},
                              {DNNL_ARG_DST, s->y}};
    must(dnnl_primitive_execute(s->primitive, c->stream, CN_COUNT(args), args));
    must(dnnl_stream_wait(c->stream));
}

void cn_conv_backward_data(struct cn_conv *c, const float *dy, float *dx)
{
    struct step *s = &c->backward_data;

    cn_matrix_enter();
    if (!s->primitive)
        make_backward_data(c);
    refresh(c, s);
    point(s->x, dx);
    point(s->y, dy);
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_DIFF_DST, s->y}, {DNNL_ARG_WEIGHTS, s->w}, {DNNL_ARG_DIFF_SRC, s->x}};
    must(dnnl_primitive_execute(s->primitive, c->stream, CN_COUNT(args), args));
    must(dnnl_stream_wait(c->stream));
}

void cn_conv_backward_weights(struct cn_conv *c, const float *x, const float *dy, float *dw,
                              float *db)
{
    struct step *s = &c->backward_weights;

    cn_matrix_enter();
    if (!s->primitive)
        make_backward_weights(c);
    point(s->x, x);
    point(s->y, dy);
    point(s->b, db);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, s->x},
                              {DNNL_ARG_DIFF_DST, s->y},
                              {DNNL_ARG_DIFF_WEIGHTS, s->w},
                              {DNNL_ARG_DIFF_BIAS, s->b}};
    must(dnnl_primitive_execute(s->primitive, c->stream, CN_COUNT(args), args));
    dnnl_memory_t plain = memory(c, &c->w_plain, dw);
    reorder(c, s->w, plain);
    must(dnnl_stream_wait(c->stream));
    must(dnnl_memory_destroy(plain));
}
