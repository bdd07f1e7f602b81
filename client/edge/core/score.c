/* Scoring: the coordinator names the release before and some candidates; the device tries each on
   what it held out and answers with counts. A device that does not run the release before abstains:
   its answers would compare the candidates with something else. */
#include "client/edge/core/parts.h"

static void answer(struct edge_core *c, const struct cn_digest *model, uint32_t n,
                   const struct cn_label_tally *tallies, struct edge_actions *out)
{
    struct cn_msg *m = edge_say(c, CN_MSG_SCORED, out);

    m->scored.round = c->score.round;
    m->scored.model = *model;
    m->scored.n_tallies = n;
    m->scored.tallies = tallies;
}

/* Is installed, or being fetched for another reason than to be scored. */
static bool is_needed(const struct edge_core *c, const struct cn_digest *model)
{
    return cn_digest_equal(model, &c->model) || cn_digest_equal(model, &c->fetch.model.digest) ||
           cn_digest_equal(model, &c->fetch.blob.digest);
}

void edge_score_forget(struct edge_core *c, struct edge_actions *out)
{
    struct edge_score *s = &c->score;

    for (uint32_t i = 0; i < s->n_models; i++) {
        if (is_needed(c, &s->models[i].digest))
            continue;
        struct edge_action *a = edge_act(out, EDGE_ACT_FORGET);
        a->blob.what = EDGE_BLOB_CANDIDATE;
        a->blob.digest = s->models[i].digest;
    }
    s->n_models = 0;
    edge_score_stop(c);
}

void edge_score_asked(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_score *s = &c->score;

    if (s->round == m->score.round)
        return; /* at it */
    edge_score_forget(c, out);
    s->round = m->score.round;
    s->deadline_ms = c->now_ms + m->score.deadline_ms;
    s->n_models = m->score.n_models;
    s->next = 0;
    for (uint32_t i = 0; i < s->n_models; i++)
        s->models[i] = m->score.models[i];
    if (c->release && cn_digest_equal(&s->models[0].digest, &c->model)) {
        edge_fetch_yield(c);
        return;
    }
    for (uint32_t i = 0; i < s->n_models; i++)
        answer(c, &s->models[i].digest, 0, NULL, out);
    edge_score_stop(c);
}

const struct cn_model_ref *edge_score_next(const struct edge_core *c)
{
    const struct edge_score *s = &c->score;

    return s->round && s->next < s->n_models ? &s->models[s->next] : NULL;
}

void edge_score_run(struct edge_core *c, const struct cn_model_ref *model, struct edge_actions *out)
{
    struct edge_action *a = edge_act(out, EDGE_ACT_SCORE);

    a->score.round = c->score.round;
    a->score.model = *model;
    a->score.is_installed = cn_digest_equal(&model->digest, &c->model);
}

void edge_score_done(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out)
{
    struct edge_score *s = &c->score;
    const struct cn_model_ref *model = edge_score_next(c);

    if (!model || s->round != ev->scored.round ||
        !cn_digest_equal(&model->digest, &ev->scored.model))
        return; /* the round went on without us */
    answer(c, &model->digest, ev->scored.n, ev->scored.tallies, out);
    if (++s->next == s->n_models)
        edge_score_stop(c);
}

void edge_score_stop(struct edge_core *c)
{
    c->score.round = 0;
    c->score.deadline_ms = 0;
}

void edge_score_tick(struct edge_core *c)
{
    if (c->score.deadline_ms && c->now_ms >= c->score.deadline_ms)
        edge_score_stop(c);
}
