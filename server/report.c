/* What is kept about a round for people: candidates, verdict, stages, labels. */
#include <stdlib.h>

#include "common/doors/json.h"
#include "server/trial.h"

void srv_report(const struct srv_trial *t, const struct srv_gate_verdict *v, struct cn_buf *out)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_json *list = cn_json_set_array(j, "candidates");

    for (uint32_t i = 0; i < t->result.n_candidates; i++) {
        const struct srv_gate_judgement *g = &v->candidate[i];
        struct cn_json *c = cn_json_push_object(list);
        cn_json_set_string(c, "name", t->result.candidate[i].name);
        cn_json_set_real(c, "score", g->score);
        cn_json_set_int(c, "evidence", g->evidence);
        cn_json_set_bool(c, "taken", g->taken);
        cn_json_set_string(c, "why", g->why);
    }
    cn_json_set_string(j, "judged_by", v->by_held_out ? "held-out" : "synthesized");
    cn_json_set_int(j, "devices_scored", t->n_devices_scored);
    cn_json_set_string(j, "synth", t->result.synth);
    struct cn_json *stages = cn_json_set_object(j, "stages");
    cn_json_set_int(stages, "merge_ms", (int64_t)t->merge_ms);
    cn_json_set_int(stages, "solve_ms", (int64_t)t->result.ms_solve);
    cn_json_set_int(stages, "tune_ms", (int64_t)t->result.ms_tune);
    cn_json_set_int(stages, "tune_steps", t->result.n_steps);
    cn_json_set_int(stages, "score_ms", (int64_t)t->score_ms);
    cn_json_dump(j, false, out);
}

static struct srv_release_label *label_at(struct srv_release_label *l, uint32_t *n, uint32_t label)
{
    for (uint32_t i = 0; i < *n; i++)
        if (l[i].label == label)
            return &l[i];
    l[*n] = (struct srv_release_label){.label = label};
    return &l[(*n)++];
}

uint32_t srv_report_labels(const struct srv_trial *t, uint32_t taken,
                           struct srv_release_label **ret)
{
    const struct srv_trial_model *m = &t->models[1 + taken];
    uint32_t n = 0, most = m->n_labels + t->n_counts + t->result.n_synthesized_labels + m->n_held;
    struct srv_release_label *l = cn_calloc(most, sizeof *l);

    for (uint32_t i = 0; i < m->n_labels; i++)
        label_at(l, &n, m->labels[i]);
    for (uint32_t i = 0; i < t->n_counts; i++)
        label_at(l, &n, t->counts[i].label)->images = t->counts[i].n;
    for (uint32_t i = 0; i < t->result.n_synthesized_labels; i++)
        label_at(l, &n, t->result.n_synthesized[i].label)->synthesized =
            t->result.n_synthesized[i].n;
    for (uint32_t i = 0; i < m->n_held; i++) {
        struct srv_release_label *at = label_at(l, &n, m->held[i].label);
        at->right = m->held[i].right;
        at->wrong = m->held[i].wrong;
    }
    *ret = l;
    return n;
}
