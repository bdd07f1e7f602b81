/* What the coordinator takes into a round's sums, and what it names and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pack.h"
#include "tests/unit/recipe/toy.h"

static const uint32_t known[] = {1, 2, 3, 4};

struct world {
    struct cn_blob *model;
    struct cn_merge *merge;
    struct cn_buf update; /* of labels 2, 3 and 4, the last one new */
};

static int set_up(void **state)
{
    struct world *w = cn_calloc(1, sizeof *w);
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {2, 3, 4};
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 8, 21);

    w->model = toy_release(&r, 3, NULL);
    w->update = toy_update(w->model, &t, 3);
    if (cn_merge_new(&w->merge, w->model, NULL))
        return -1;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cn_blob_unref(&w->model);
    cn_merge_destroy(&w->merge);
    cn_buf_fini(&w->update);
    free(w);
    return 0;
}

/* ---- an update with one thing changed ---- */

struct forgery {
    enum cn_pack_kind kind;
    const char *setting; /* gets one more */
    const char *leave_out, *put_nan, *make_huge, *reshape, *rename;
    uint32_t relabel_row_to; /* of head.weight's last row */
    struct cn_label_count counts[8];
    uint32_t n_counts; /* 0: as they are */
};

/* Big enough for the tensors of a toy. */
enum { MAX_NUMBERS = 1 << 17 };

static bool is(const char *name, const struct cn_pack_tensor *t)
{
    return name && strcmp(name, t->name) == 0;
}

static void copy_tensor(struct cn_pack_writer *w, const struct cn_pack_tensor *t,
                        const struct forgery *f, float *numbers, uint32_t *rows)
{
    struct cn_pack_tensor out = *t;

    if (is(f->leave_out, t))
        return;
    if (is(f->rename, t))
        memcpy(out.name, "head.wait", 10);
    if (t->rows && f->relabel_row_to && strcmp(t->name, "head.weight") == 0) {
        memcpy(rows, t->rows, t->dims[0] * sizeof *rows);
        rows[t->dims[0] - 1] = f->relabel_row_to;
        out.rows = rows;
    }
    if (is(f->put_nan, t) || is(f->make_huge, t)) {
        assert_true(t->n <= MAX_NUMBERS);
        cn_pack_floats(t, 0, t->n, numbers);
        numbers[t->n / 2] = is(f->put_nan, t) ? NAN : 70;
        out.type = CN_PACK_F32;
        out.data = (const uint8_t *)numbers;
    }
    if (is(f->reshape, t))
        out.dims[1]--;
    cn_pack_put_raw(w, &out);
}

static struct cn_buf forge(const struct world *w, const struct forgery *f)
{
    CN_CLEANUP(cn_pack_writer_destroy) struct cn_pack_writer *pw = cn_pack_writer_new();
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    CN_CLEANUP(cn_freep) float *numbers = cn_calloc(MAX_NUMBERS, sizeof *numbers);
    CN_CLEANUP(cn_freep) struct cn_setting *settings = NULL;
    struct cn_error err;
    struct cn_buf out = {0};
    uint32_t n, rows[8];

    if (cn_pack_open(&p, (struct cn_bytes){w->update.at, w->update.n}, &err))
        fail_msg("%s", err.text);
    struct cn_pack_head head = *cn_pack_head(p);
    const struct cn_pack_tensor *t = cn_pack_tensors(p, &n);
    for (uint32_t i = 0; i < n; i++)
        copy_tensor(pw, &t[i], f, numbers, rows);
    settings = cn_calloc(head.n_settings, sizeof *settings);
    memcpy(settings, head.settings, head.n_settings * sizeof *settings);
    for (uint32_t i = 0; f->setting && i < head.n_settings; i++)
        if (strcmp(settings[i].key, f->setting) == 0)
            settings[i].number++;
    head.settings = settings;
    if (f->kind)
        head.kind = f->kind;
    if (f->n_counts) {
        head.counts = f->counts;
        head.n_counts = f->n_counts;
    }
    if (cn_pack_finish(pw, &head, &out, &err))
        fail_msg("%s", err.text);
    return out;
}

static enum cn_err add(struct world *w, const struct cn_buf *update, uint32_t staleness,
                       struct cn_error *err)
{
    return cn_merge_add(w->merge, (struct cn_bytes){update->at, update->n}, known, CN_COUNT(known),
                        staleness, err);
}

/* The forged update is refused with that code, its error says `word`, and nothing was added. */
static void refused(void **state, const struct forgery *f, enum cn_err code, const char *word)
{
    struct world *w = *state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = forge(w, f);
    CN_CLEANUP(cn_buf_fini) struct cn_buf before = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf after = {0};
    struct cn_error err = {0};

    cn_merge_encode(w->merge, &before);
    enum cn_err e = add(w, &update, 0, &err);
    if (e != code || !strstr(err.text, word))
        fail_msg("wanted %s about %s, got %s: %s", cn_err_name(code), word, cn_err_name(e),
                 err.text);
    cn_merge_encode(w->merge, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.at, after.at, before.n);
}

/* ---- behaviours ---- */

static void a_good_update_is_taken_and_counted(void **state)
{
    struct world *w = *state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf same = forge(w, &(struct forgery){0});
    struct cn_error err;
    uint32_t n;

    assert_int_equal(same.n, w->update.n); /* the forger itself changes nothing */
    assert_memory_equal(same.at, w->update.at, same.n);
    assert_int_equal(add(w, &w->update, 0, &err), CN_OK);
    const struct cn_label_count *c = cn_merge_counts(w->merge, &n);
    assert_int_equal(n, 3);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(c[i].label, i + 2);
        assert_int_equal(c[i].n, 8);
    }
}

static void staleness_changes_the_weight(void **state)
{
    struct world *w = *state;
    CN_CLEANUP(cn_merge_destroy) struct cn_merge *other = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf fresh = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf stale = {0};

    assert_int_equal(cn_merge_new(&other, w->model, NULL), CN_OK);
    assert_int_equal(add(w, &w->update, 0, NULL), CN_OK);
    assert_int_equal(cn_merge_add(other, (struct cn_bytes){w->update.at, w->update.n}, known,
                                  CN_COUNT(known), 3, NULL),
                     CN_OK);
    cn_merge_encode(w->merge, &fresh);
    cn_merge_encode(other, &stale);
    assert_false(fresh.n == stale.n && memcmp(fresh.at, stale.at, fresh.n) == 0);
}

static void junk_is_refused(void **state)
{
    struct world *w = *state;
    struct cn_buf half = {.at = w->update.at, .n = w->update.n / 2};

    assert_int_not_equal(add(w, &half, 0, NULL), CN_OK);
    refused(state, &(struct forgery){.kind = CN_PACK_MODEL}, CN_E_PARSE, "not an update");
}

static void an_update_of_another_recipe_is_refused(void **state)
{
    refused(state, &(struct forgery){.setting = "recipe.seed"}, CN_E_VERSION, "recipe.seed");
    refused(state, &(struct forgery){.setting = "recipe.rank"}, CN_E_VERSION, "recipe.rank");
}

static void a_number_that_is_not_finite_is_refused(void **state)
{
    refused(state, &(struct forgery){.put_nan = "head.weight"}, CN_E_NUMERIC, "head.weight");
    refused(state, &(struct forgery){.put_nan = "gen.fc1.weight"}, CN_E_NUMERIC, "gen.fc1.weight");
    refused(state, &(struct forgery){.put_nan = "stats.mean"}, CN_E_NUMERIC, "mean of label");
}

static void a_number_beyond_the_cap_is_refused(void **state)
{
    refused(state, &(struct forgery){.make_huge = "head.bias"}, CN_E_NUMERIC, "head.bias");
    refused(state, &(struct forgery){.make_huge = "disc.fc1.weight"}, CN_E_NUMERIC,
            "disc.fc1.weight");
}

static void wrong_shapes_and_names_are_refused(void **state)
{
    refused(state, &(struct forgery){.reshape = "head.weight"}, CN_E_SHAPE, "head.weight");
    refused(state, &(struct forgery){.rename = "head.weight"}, CN_E_SHAPE, "head.wait");
    refused(state, &(struct forgery){.leave_out = "head.bias"}, CN_E_PARSE, "head.bias");
    refused(state, &(struct forgery){.leave_out = "disc.out.weight"}, CN_E_PARSE,
            "disc.out.weight");
}

static void unknown_labels_are_refused(void **state)
{
    refused(state, &(struct forgery){.counts = {{2, 8}, {3, 8}, {9, 8}}, .n_counts = 3},
            CN_E_NOTFOUND, "label 9");
    refused(state, &(struct forgery){.counts = {{CN_LABEL_NOISE, 8}, {3, 8}}, .n_counts = 2},
            CN_E_NOTFOUND, "label 0");
    refused(state, &(struct forgery){.relabel_row_to = 1}, CN_E_PARSE, "label 1");
}

static void absurd_counts_are_refused(void **state)
{
    /* Each within the cap of one label, too many together. */
    refused(
        state,
        &(struct forgery){.counts = {{2, CN_MAX_COUNT_PER_UPDATE}, {3, 8}, {4, 8}}, .n_counts = 3},
        CN_E_LIMIT, "1000016 images");
    /* Statistics of a label that it says to have no image of. */
    refused(state, &(struct forgery){.counts = {{2, 8}, {3, 8}}, .n_counts = 2}, CN_E_PARSE,
            "label 4");
}

/* A step of Adam moves a weight by its rate at most, far less than the weight. */
static void a_row_of_a_known_label_travels_as_a_difference(void **state)
{
    struct cn_recipe r = toy_article(CN_SYNTH_NONE);
    static const uint32_t one = 1;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &one, 1, 2, 21);
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;
    float biggest = 0;

    (void)state;
    r.local_steps = 1;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *model = toy_release(&r, 3, NULL);
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(model, &t, 1);
    assert_int_equal(cn_pack_open(&p, (struct cn_bytes){update.at, update.n}, NULL), CN_OK);
    const struct cn_pack_tensor *head = cn_pack_find(p, "head.weight");
    assert_int_equal(head->dims[0], 1);
    CN_CLEANUP(cn_freep) float *x = cn_calloc(head->n, sizeof *x);
    cn_pack_floats(head, 0, head->n, x);
    for (size_t i = 0; i < head->n; i++)
        biggest = fmaxf(biggest, fabsf(x[i]));
    assert_true(biggest > 0 && biggest < 2e-3f);
}

/* The last row of head.weight in a model; the caller's to free. */
static float *last_row(struct cn_blob *model, size_t *ret_n)
{
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;

    assert_int_equal(cn_pack_open(&p, cn_blob_bytes(model), NULL), CN_OK);
    const struct cn_pack_tensor *t = cn_pack_find(p, "head.weight");
    *ret_n = t->n / t->dims[0];
    float *row = cn_calloc(*ret_n, sizeof *row);
    cn_pack_floats(t, t->n - *ret_n, *ret_n, row);
    return row;
}

/* A device that missed a release: its new label has a row by now. */
static void a_late_row_of_a_new_label_becomes_a_difference(void **state)
{
    struct cn_recipe r = toy_features(CN_SYNTH_NONE);
    static const uint32_t four = 4;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *stats = NULL;
    CN_CLEANUP(cn_blob_unref) struct cn_blob *old = toy_release(&r, 3, &stats);
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &four, 1, 2, 21); /* too few for statistics */
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(old, &t, 3);
    CN_CLEANUP(cn_consolidation_fini)
    struct cn_consolidation first = toy_round(old, stats, &update, 1, NULL, 0);
    struct cn_blob *now = first.candidate[0].model;
    size_t n;

    (void)state;
    /* The same update again, late: the mean of twice the same row is that row. */
    CN_CLEANUP(cn_consolidation_fini)
    struct cn_consolidation second = toy_round(now, first.stats, &update, 1, NULL, 0);
    CN_CLEANUP(cn_freep) float *a = last_row(now, &n);
    CN_CLEANUP(cn_freep) float *b = last_row(second.candidate[0].model, &n);
    double size = 0, apart = 0;
    for (size_t i = 0; i < n; i++) {
        size += a[i] * a[i];
        apart += (a[i] - b[i]) * (a[i] - b[i]);
    }
    assert_true(size > 0 && apart < 1e-6 * size);
}

static void an_update_about_nothing_known_to_the_fleet_is_not_built(void **state)
{
    struct world *w = *state;
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t local = CN_LABEL_LOCAL + 1, one = 1;
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, &local, 1, 3, 21);
    CN_CLEANUP(toy_fini) struct toy bad = toy_make(&r, &one, 1, 3, 21);
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};
    struct cn_update_report report;
    struct cn_error err;

    assert_int_equal(cn_update_build(w->model, t.examples, t.n, 1, &out, &report, &err),
                     CN_E_STATE);
    assert_int_equal(cn_update_build(w->model, t.examples, 0, 1, &out, &report, &err), CN_E_STATE);
    bad.phi[5] = INFINITY;
    assert_int_equal(cn_update_build(w->model, bad.examples, bad.n, 1, &out, &report, &err),
                     CN_E_NUMERIC);
    assert_int_equal(out.n, 0);
}

static void a_label_with_few_images_sends_no_statistics(void **state)
{
    struct world *w = *state;
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {1, 2};
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 2, 3, 21);
    CN_CLEANUP(cn_pack_close) struct cn_pack *p = NULL;

    t.n = 5; /* three of label 1, two of label 2; min_count is 3 */
    CN_CLEANUP(cn_buf_fini) struct cn_buf update = toy_update(w->model, &t, 1);
    assert_int_equal(cn_pack_open(&p, (struct cn_bytes){update.at, update.n}, NULL), CN_OK);
    const struct cn_pack_tensor *mean = cn_pack_find(p, "stats.mean");
    assert_non_null(mean);
    assert_int_equal(mean->dims[0], 1);
    assert_int_equal(cn_pack_rows(p, mean)[0], 1);
    assert_int_equal(cn_pack_find(p, "head.weight")->dims[0], 2);
}

static void equal_seeds_give_equal_updates(void **state)
{
    struct world *w = *state;
    struct cn_recipe r = toy_features(CN_SYNTH_CGAN);
    static const uint32_t labels[] = {2, 3, 4};
    CN_CLEANUP(toy_fini) struct toy t = toy_make(&r, labels, 3, 8, 21);
    CN_CLEANUP(cn_buf_fini) struct cn_buf again = toy_update(w->model, &t, 3);

    assert_int_equal(again.n, w->update.n);
    assert_memory_equal(again.at, w->update.at, again.n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_update_is_taken_and_counted),
        TEST(staleness_changes_the_weight),
        TEST(junk_is_refused),
        TEST(an_update_of_another_recipe_is_refused),
        TEST(a_number_that_is_not_finite_is_refused),
        TEST(a_number_beyond_the_cap_is_refused),
        TEST(wrong_shapes_and_names_are_refused),
        TEST(unknown_labels_are_refused),
        TEST(absurd_counts_are_refused),
        TEST(a_row_of_a_known_label_travels_as_a_difference),
        TEST(a_late_row_of_a_new_label_becomes_a_difference),
        TEST(an_update_about_nothing_known_to_the_fleet_is_not_built),
        TEST(a_label_with_few_images_sends_no_statistics),
        TEST(equal_seeds_give_equal_updates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
