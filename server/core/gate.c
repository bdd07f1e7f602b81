/* The gate (DESIGN promise 12).

   Two models answered the same examples and only the counts came back, so the comparison is the one
   of two independent proportions. The pairs that we do not see agree more often than chance, which
   makes the true variance smaller: the test errs towards letting a candidate pass. Variances use
   one added success and one added failure per proportion (Agresti and Caffo, The American
   Statistician 54, 2000), so that 3 of 3 right is not taken for certainty. A drop d on one label
   is held against a candidate when

       (d - tolerance) / sqrt(v_before + v_candidate) > z,   1 - Phi(z) = alpha / labels tested

   (Bonferroni: testing a hundred labels must not refuse a hundred times as often), and overall when
   the same holds of the mean over labels, whose variance is sum(v) / labels^2. */
#include "server/core/gate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Which examples speak. */
struct view {
    bool held_out;
    uint32_t min_label;
    double alpha, tolerance;
};

static const struct cn_label_tally *tallies(const struct view *v, const struct srv_gate_model *m,
                                            uint32_t *ret_n)
{
    *ret_n = v->held_out ? m->n_held : m->n_synthetic;
    return v->held_out ? m->held : m->synthetic;
}

static uint32_t answers(const struct cn_label_tally *t)
{
    return t->right + t->wrong;
}

static bool has_label(const struct srv_gate_model *m, uint32_t label)
{
    for (uint32_t i = 0; i < m->n_labels; i++)
        if (m->labels[i] == label)
            return true;
    return false;
}

static const struct cn_label_tally *find(const struct view *v, const struct srv_gate_model *m,
                                         uint32_t label)
{
    uint32_t n;
    const struct cn_label_tally *t = tallies(v, m, &n);

    for (uint32_t i = 0; i < n; i++)
        if (t[i].label == label)
            return answers(&t[i]) ? &t[i] : NULL;
    return NULL;
}

static double share(const struct cn_label_tally *t)
{
    return (double)t->right / answers(t);
}

static double variance(const struct cn_label_tally *t)
{
    double n = answers(t) + 2.0, p = (t->right + 1.0) / n;

    return p * (1 - p) / n;
}

/* Chance of a drop of more than d - tolerance when there is none. */
static double p_value(const struct view *v, double d, double var)
{
    double z = (d - v->tolerance) / sqrt(var);

    return 0.5 * (1 - erf(z / sqrt(2.0)));
}

/* Balanced accuracy over the model's own labels with evidence; *ret_evidence counts the answers. */
static double balanced(const struct view *v, const struct srv_gate_model *m, uint32_t *ret_evidence,
                       uint32_t *ret_labels)
{
    uint32_t n, n_labels = 0, evidence = 0;
    const struct cn_label_tally *t = tallies(v, m, &n);
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!answers(&t[i]) || !has_label(m, t[i].label))
            continue;
        sum += share(&t[i]);
        evidence += answers(&t[i]);
        n_labels++;
    }
    *ret_evidence = evidence;
    *ret_labels = n_labels;
    return n_labels ? sum / n_labels : 0;
}

/* Of the labels that both models have: means, variance of the difference, worst label. */
struct comparison {
    uint32_t n_labels, n_tested;
    double before, candidate, var;
    double worst_p, worst_before, worst_candidate;
    uint32_t worst_label, worst_answers;
};

static struct comparison compare(const struct view *v, const struct srv_gate_model *before,
                                 const struct srv_gate_model *candidate)
{
    struct comparison c = {.worst_p = 1};
    uint32_t n;
    const struct cn_label_tally *t = tallies(v, candidate, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct cn_label_tally *b = find(v, before, t[i].label);
        if (!b || !answers(&t[i]) || !has_label(before, t[i].label) ||
            !has_label(candidate, t[i].label))
            continue;
        double var = variance(b) + variance(&t[i]), p = p_value(v, share(b) - share(&t[i]), var);
        c.n_labels++;
        c.before += share(b);
        c.candidate += share(&t[i]);
        c.var += var;
        if (answers(b) < v->min_label || answers(&t[i]) < v->min_label)
            continue;
        c.n_tested++;
        if (p < c.worst_p) {
            c.worst_p = p;
            c.worst_label = t[i].label;
            c.worst_before = share(b);
            c.worst_candidate = share(&t[i]);
            c.worst_answers = answers(&t[i]);
        }
    }
    if (c.n_labels) {
        c.before /= c.n_labels;
        c.candidate /= c.n_labels;
        c.var /= (double)c.n_labels * c.n_labels;
    }
    return c;
}

static void judge(const struct view *v, const struct srv_gate_model *before,
                  const struct srv_gate_model *candidate, struct srv_gate_judgement *j)
{
    const char *what = v->held_out ? "held-out answers" : "synthesized samples";
    struct comparison c = compare(v, before, candidate);
    uint32_t n_labels;

    j->score = balanced(v, candidate, &j->evidence, &n_labels);
    j->passed = false;
    if (c.n_labels && p_value(v, c.before - c.candidate, c.var) < v->alpha)
        snprintf(j->why, sizeof j->why,
                 "refused: %.1f %% over the %u labels of the release before, which has %.1f %% "
                 "there; that is more than noise (%u %s)",
                 100 * c.candidate, c.n_labels, 100 * c.before, j->evidence, what);
    else if (c.n_tested && c.worst_p < v->alpha / c.n_tested)
        snprintf(j->why, sizeof j->why,
                 "refused: label #%u fell from %.1f %% to %.1f %%; that is more than noise "
                 "(%u %s of it)",
                 c.worst_label, 100 * c.worst_before, 100 * c.worst_candidate, c.worst_answers,
                 what);
    else
        j->passed = true;
    if (!j->passed)
        return;
    if (!j->evidence)
        snprintf(j->why, sizeof j->why,
                 "nothing to judge it by: no held-out answers yet and no "
                 "synthesized data");
    else if (!c.n_labels)
        snprintf(j->why, sizeof j->why, "%.1f %% over %u labels (%u %s); all labels are new",
                 100 * j->score, n_labels, j->evidence, what);
    else
        snprintf(j->why, sizeof j->why,
                 "%.1f %% over %u labels (%u %s); on the %u known before: %.1f %%, was %.1f %%",
                 100 * j->score, n_labels, j->evidence, what, c.n_labels, 100 * c.candidate,
                 100 * c.before);
}

static bool brings_new_labels(const struct srv_gate_model *before, const struct srv_gate_model *m)
{
    for (uint32_t i = 0; i < m->n_labels; i++)
        if (!has_label(before, m->labels[i]))
            return true;
    return false;
}

/* Held-out answers decide only when each candidate got its share of them. */
static bool enough_held_out(const struct srv_gate_conf *conf, const struct srv_gate_model *m,
                            uint32_t n)
{
    const struct view held = {.held_out = true};
    uint32_t evidence, n_labels;

    for (uint32_t i = 0; i < n; i++) {
        balanced(&held, &m[i], &evidence, &n_labels);
        if (evidence < conf->min_evidence || evidence == 0)
            return false;
    }
    return true;
}

/* Whether held-out answers put the challenger above the one taken so far by more than noise. */
static bool is_better(const struct view *v, const struct srv_gate_model *challenger,
                      const struct srv_gate_model *taken)
{
    struct view exact = *v;
    struct comparison c = compare(v, challenger, taken);

    exact.tolerance = 0;
    return v->held_out && c.n_labels && p_value(&exact, c.before - c.candidate, c.var) < v->alpha;
}

static void say_left(const struct view *v, struct srv_gate_judgement *j, double best,
                     const char *best_name)
{
    size_t used = strlen(j->why);

    snprintf(j->why + used, sizeof j->why - used,
             j->score <= best ? "; left, %s has %.1f %%"
             : v->held_out    ? "; left, not better than %s (%.1f %%) by more than noise"
                              : "; left, synthesized data prefer nobody over %s (%.1f %%)",
             best_name, 100 * best);
}

void srv_gate_decide(const struct srv_gate_conf *conf, const struct srv_gate_model *before,
                     const struct srv_gate_model *candidates, uint32_t n,
                     struct srv_gate_verdict *ret)
{
    assert(n > 0 && n <= SRV_GATE_MAX_CANDIDATES);
    struct view v = {.held_out = enough_held_out(conf, candidates, n),
                     .min_label = conf->min_label,
                     .alpha = conf->alpha};

    memset(ret, 0, sizeof *ret);
    ret->taken = -1;
    ret->by_held_out = v.held_out;
    for (uint32_t i = 0; i < n; i++) {
        struct srv_gate_judgement *j = &ret->candidate[i];
        v.tolerance = conf->tolerance + (v.held_out ? 0 : conf->synth_tolerance) +
                      (brings_new_labels(before, &candidates[i]) ? conf->growth_tolerance : 0);
        judge(&v, before, &candidates[i], j);
        if (j->passed && (ret->taken < 0 || is_better(&v, &candidates[i], &candidates[ret->taken])))
            ret->taken = (int)i;
    }
    if (ret->taken < 0)
        return;
    ret->candidate[ret->taken].taken = true;
    for (uint32_t i = 0; i < n; i++)
        if (ret->candidate[i].passed && (int)i != ret->taken)
            say_left(&v, &ret->candidate[i], ret->candidate[ret->taken].score,
                     candidates[ret->taken].name);
}
