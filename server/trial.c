/* Candidates on trial: their state and the devices' answers. */
#include "server/trial.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/pack.h"
#include "server/merge.h"

void srv_trial_clear(struct srv_trial *t)
{
    cn_consolidation_fini(&t->result);
    for (size_t i = 0; i < CN_COUNT(t->models); i++) {
        free(t->models[i].labels);
        free(t->models[i].held);
    }
    free(t->counts);
    *t = (struct srv_trial){0};
}

void srv_trial_destroy(struct srv_trial **p)
{
    struct srv_trial *t = cn_steal(*p);

    if (!t)
        return;
    srv_trial_clear(t);
    free(t);
}

/* Adds the devices' counts to those that are there, both ascending by label. */
static void add_up(struct srv_trial_model *m, const struct cn_label_tally *t, uint32_t n)
{
    struct cn_label_tally *sum = cn_calloc(m->n_held + n, sizeof *sum);
    uint32_t i = 0, k = 0, n_sum = 0;

    while (i < m->n_held || k < n) {
        struct cn_label_tally *to = &sum[n_sum++];
        bool mine = i < m->n_held && (k == n || m->held[i].label <= t[k].label);
        bool both = mine && k < n && m->held[i].label == t[k].label;
        *to = mine ? m->held[i++] : (struct cn_label_tally){.label = t[k].label};
        if (!mine || both) {
            to->right += t[k].right;
            to->wrong += t[k].wrong;
            k++;
        }
    }
    free(m->held);
    m->held = sum;
    m->n_held = n_sum;
}

void srv_trial_scored(struct srv_server *s, const struct srv_action *a)
{
    struct srv_trial *t = s->trial;

    if (t->round != a->tallies.round || a->tallies.index >= t->n_models)
        return;
    add_up(&t->models[a->tallies.index], a->tallies.at, a->tallies.n);
    if (a->tallies.index == 0 && a->tallies.n > 0)
        t->n_devices_scored++;
}

void srv_trial_discard(struct srv_server *s)
{
    srv_blobs_drop_held(&s->blobs);
    srv_trial_clear(s->trial);
    srv_merge_discard(s);
}

uint32_t srv_trial_labels(struct cn_blob *model, uint32_t **ret)
{
    struct cn_pack *CN_CLEANUP(cn_pack_close) pack = NULL;
    struct cn_error err;

    *ret = NULL;
    if (!model || cn_pack_open(&pack, cn_blob_bytes(model), &err) != CN_OK)
        return 0;
    const struct cn_pack_head *head = cn_pack_head(pack);
    *ret = cn_calloc(head->n_labels, sizeof **ret);
    if (head->n_labels)
        memcpy(*ret, head->labels, head->n_labels * sizeof **ret);
    return head->n_labels;
}
