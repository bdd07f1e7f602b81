/* One table: key, where the field lies, what it may hold. */
#include "common/recipe/settings.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum kind { U32, U64, FLAG, REAL, RECIPE, SYNTH, FIT };

/* clang-format off */
static const struct field {
    const char *key;
    enum kind kind;
    size_t at;
} fields[] = {
    {"recipe.kind",              RECIPE, offsetof(struct cn_recipe, kind)},
    {"recipe.synth",             SYNTH,  offsetof(struct cn_recipe, synth)},
    {"recipe.seed",              U64,    offsetof(struct cn_recipe, seed)},
    {"recipe.filters",           U32,    offsetof(struct cn_recipe, n_filters)},
    {"recipe.rank",              U32,    offsetof(struct cn_recipe, rank)},
    {"recipe.min_count",         U32,    offsetof(struct cn_recipe, min_count)},
    {"recipe.local_steps",       U32,    offsetof(struct cn_recipe, local_steps)},
    {"recipe.gan_steps",         U32,    offsetof(struct cn_recipe, gan_steps)},
    {"recipe.consolidate_steps", U32,    offsetof(struct cn_recipe, consolidate_steps)},
    {"pipeline.channels",        U32,    offsetof(struct cn_recipe, pipeline.channels)},
    {"pipeline.height",          U32,    offsetof(struct cn_recipe, pipeline.height)},
    {"pipeline.width",           U32,    offsetof(struct cn_recipe, pipeline.width)},
    {"pipeline.fit",             FIT,    offsetof(struct cn_recipe, pipeline.fit)},
    {"pipeline.standardize",     FLAG,   offsetof(struct cn_recipe, pipeline.standardize)},
    {"pipeline.scale",           REAL,   offsetof(struct cn_recipe, pipeline.scale)},
    {"pipeline.offset",          REAL,   offsetof(struct cn_recipe, pipeline.offset)},
};
/* clang-format on */

_Static_assert(CN_COUNT(fields) == CN_SETTINGS_N, "the header says how many");

/* The largest value that a field may hold; enums are stored as their number. */
static uint64_t max_of(enum kind kind)
{
    switch (kind) {
    case U32: return UINT32_MAX;
    case U64: return UINT64_MAX;
    case FLAG: return 1;
    case RECIPE: return CN_RECIPE_ARTICLE;
    case SYNTH: return CN_SYNTH_CGAN;
    case FIT: return CN_FIT_PAD;
    case REAL: break;
    }
    return 0;
}

static uint64_t get(const struct field *f, const struct cn_recipe *r)
{
    const void *at = (const char *)r + f->at;

    switch (f->kind) {
    case U32: return *(const uint32_t *)at;
    case U64: return *(const uint64_t *)at;
    case FLAG: return *(const bool *)at;
    case RECIPE: return *(const enum cn_recipe_kind *)at;
    case SYNTH: return *(const enum cn_synth_kind *)at;
    case FIT: return *(const enum cn_fit *)at;
    case REAL: break;
    }
    return 0;
}

static void set(const struct field *f, struct cn_recipe *r, uint64_t v)
{
    void *at = (char *)r + f->at;

    switch (f->kind) {
    case U32: *(uint32_t *)at = (uint32_t)v; break;
    case U64: *(uint64_t *)at = v; break;
    case FLAG: *(bool *)at = v != 0; break;
    case RECIPE: *(enum cn_recipe_kind *)at = (enum cn_recipe_kind)v; break;
    case SYNTH: *(enum cn_synth_kind *)at = (enum cn_synth_kind)v; break;
    case FIT: *(enum cn_fit *)at = (enum cn_fit)v; break;
    case REAL: break;
    }
}

static float real_of(const struct field *f, const struct cn_recipe *r)
{
    return *(const float *)(const void *)((const char *)r + f->at);
}

void cn_settings_write(const struct cn_recipe *r, struct cn_setting out[CN_SETTINGS_N])
{
    for (size_t i = 0; i < CN_SETTINGS_N; i++) {
        const struct field *f = &fields[i];
        out[i] = (struct cn_setting){.is_real = f->kind == REAL};
        assert(strlen(f->key) < sizeof out[i].key);
        memcpy(out[i].key, f->key, strlen(f->key));
        if (f->kind == REAL)
            out[i].real = (double)real_of(f, r);
        else
            out[i].number = get(f, r);
    }
}

static enum cn_err read_real(const struct cn_pack *p, const struct field *f, struct cn_recipe *r,
                             struct cn_error *err)
{
    double v;
    enum cn_err e = cn_pack_real(p, f->key, &v, err);

    if (e)
        return e;
    if (!isfinite((float)v))
        return cn_fail(err, CN_E_PARSE, "setting %s is not a finite number", f->key);
    *(float *)(void *)((char *)r + f->at) = (float)v;
    return CN_OK;
}

enum cn_err cn_settings_read(const struct cn_pack *p, struct cn_recipe *ret, struct cn_error *err)
{
    struct cn_recipe r = {0};
    enum cn_err e;

    for (size_t i = 0; i < CN_SETTINGS_N; i++) {
        const struct field *f = &fields[i];
        uint64_t v;
        if (f->kind == REAL) {
            if ((e = read_real(p, f, &r, err)))
                return e;
            continue;
        }
        if ((e = cn_pack_number(p, f->key, &v, err)))
            return e;
        if (v > max_of(f->kind))
            return cn_fail(err, CN_E_PARSE, "setting %s is %llu, at most %llu is known", f->key,
                           (unsigned long long)v, (unsigned long long)max_of(f->kind));
        set(f, &r, v);
    }
    if ((e = cn_recipe_check(&r, err)))
        return e;
    *ret = r;
    return CN_OK;
}

const char *cn_settings_differ(const struct cn_recipe *a, const struct cn_recipe *b)
{
    for (size_t i = 0; i < CN_SETTINGS_N; i++) {
        const struct field *f = &fields[i];
        bool same = f->kind == REAL ? real_of(f, a) == real_of(f, b) : get(f, a) == get(f, b);
        if (!same)
            return f->key;
    }
    return NULL;
}
