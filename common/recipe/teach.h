/* Teaching weights by examples: what a device does at once after a correction and again when it
   builds an update, for either recipe. One owner, one thread. */
#ifndef CN_TEACH_H
#define CN_TEACH_H

#include "common/recipe/learner.h"
#include "common/recipe/weights.h"

struct cn_lesson {
    const struct cn_example *fresh, *others; /* as in cn_learner_train */
    uint32_t n_fresh, n_others;
    bool promise; /* every fresh image must be right afterwards, whatever it takes: a person waits
                     for it; an update does without, and does not chase outliers */
    uint64_t seed;
};

/* Every label of the lesson has a row; it is no longer absent afterwards. CN_E_NUMERIC leaves w as
   it was. */
enum cn_err cn_teach(struct cn_weights *w, const struct cn_lesson *lesson,
                     struct cn_train_report *report, struct cn_error *err) CN_NODISCARD;

/* The metric of w's moments, or of the examples phi[i] when there are none. */
enum cn_err cn_teach_metric(const struct cn_weights *w, const float *const *phi, uint32_t n,
                            struct cn_metric **ret, struct cn_error *err) CN_NODISCARD;

/* Whether one of later[0..n) gives the same image another label: the newest answer wins. */
bool cn_teach_is_overruled(const struct cn_weights *w, const struct cn_example *e,
                           const struct cn_example *later, uint32_t n);
/* Of examples that nothing later overrules, how many w predicts wrong. */
uint32_t cn_teach_count_wrong(const struct cn_weights *w, const struct cn_example *fresh,
                              uint32_t n);

/* ---- the two ways, chosen by cn_teach ---- */

enum cn_err cn_teach_features(struct cn_weights *w, const struct cn_lesson *lesson,
                              struct cn_train_report *report, struct cn_error *err) CN_NODISCARD;
enum cn_err cn_teach_article(struct cn_weights *w, const struct cn_lesson *lesson,
                             struct cn_train_report *report, struct cn_error *err) CN_NODISCARD;
/* Adam's rate for the article's network, by its size. */
float cn_teach_article_rate(const struct cn_weights *w);

#endif
