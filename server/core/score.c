/* Scoring: devices try the release before and the candidates on the examples that they held out,
   and answer with counts. It ends when all that were asked and are online have answered, or in
   time. A device that leaves is not waited for; if it comes back it may still answer. */
#include "server/core/parts.h"

static bool is_awaited(const struct srv_core *c, const struct srv_device *d)
{
    return d->session && d->asked_round == c->round.number && d->unscored;
}

static uint32_t every_model(const struct srv_core *c)
{
    return (1u << c->round.n_models) - 1;
}

static void ask(struct srv_core *c, struct srv_device *d)
{
    d->asked_round = c->round.number;
    d->unscored = every_model(c);
    c->round.n_asked++;
}

static struct cn_msg request(const struct srv_core *c)
{
    struct cn_msg m = {.kind = CN_MSG_SCORE};

    m.score.round = c->round.number;
    m.score.deadline_ms = c->round.deadline_ms > c->now_ms ? c->round.deadline_ms - c->now_ms : 0;
    m.score.n_models = c->round.n_models;
    for (uint32_t i = 0; i < c->round.n_models; i++)
        m.score.models[i] = c->round.models[i];
    return m;
}

/* The devices heard of last are asked first: they are the likeliest to answer. */
void srv_score_start(struct srv_core *c, struct srv_actions *out)
{
    for (uint32_t id = c->online.tail; id && c->round.n_asked < c->conf.max_scorers;) {
        struct srv_device *d = srv_device(c, id);
        if (d->n_held_out)
            ask(c, d);
        id = d->online.prev;
    }
    c->round.n_unanswered = c->round.n_asked;
    if (c->round.n_asked == 0) {
        srv_score_advance(c, out);
        return;
    }
    struct srv_action *a = srv_act(out, SRV_ACT_BROADCAST);
    a->to = SRV_TO_SCORERS;
    a->msg = request(c);
}

/* Two of the models may be the same bytes (a candidate that changed nothing): one answer is then
   the answer for both. */
void srv_score_answer(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out)
{
    const struct cn_msg *m = ev->in.msg;
    struct srv_device *d = srv_device(c, ev->device);
    bool is_new = false;

    if (c->round.state != SRV_ROUND_SCORING || m->scored.round != c->round.number ||
        !is_awaited(c, d))
        return;
    for (uint32_t i = 0; i < c->round.n_models; i++) {
        if (!cn_digest_equal(&c->round.models[i].digest, &m->scored.model) ||
            !(d->unscored & (1u << i)))
            continue; /* another model, or counted already */
        is_new = true;
        d->unscored &= ~(1u << i);
        if (m->scored.n_tallies == 0)
            continue;
        struct srv_action *a = srv_act(out, SRV_ACT_SCORED);
        a->device = ev->device;
        a->tallies.round = c->round.number;
        a->tallies.index = i;
        a->tallies.n = m->scored.n_tallies;
        a->tallies.at = m->scored.tallies;
    }
    if (!is_new)
        return;
    c->round.n_unanswered -= d->unscored == 0;
    srv_score_advance(c, out);
}

void srv_score_advance(struct srv_core *c, struct srv_actions *out)
{
    if (c->round.state == SRV_ROUND_SCORING && c->round.n_unanswered == 0)
        srv_round_scored(c, out);
}

void srv_score_join(struct srv_core *c, uint32_t device, struct srv_actions *out)
{
    struct srv_device *d = srv_device(c, device);

    if (c->round.state != SRV_ROUND_SCORING)
        return;
    if (d->asked_round != c->round.number) {
        if (!d->n_held_out || c->round.n_asked >= c->conf.max_scorers)
            return;
        ask(c, d);
    } else if (!d->unscored) {
        return;
    }
    c->round.n_unanswered++;
    struct cn_msg m = request(c);
    srv_tell(c, device, CN_MSG_SCORE, out)->score = m.score;
}

void srv_score_leave(struct srv_core *c, uint32_t device)
{
    if (c->round.state == SRV_ROUND_SCORING && is_awaited(c, srv_device(c, device)))
        c->round.n_unanswered--;
}

bool srv_score_awaits(const struct srv_core *c, uint32_t device)
{
    return c->round.state == SRV_ROUND_SCORING && is_awaited(c, srv_device(c, device));
}

const char *srv_score_broken(const struct srv_core *c)
{
    uint32_t n = 0;

    for (uint32_t id = 1; id <= c->n_devices; id++)
        n += srv_score_awaits(c, id);
    if (c->round.state == SRV_ROUND_SCORING && (n != c->round.n_unanswered || n == 0))
        return "the devices that still score are miscounted";
    return NULL;
}
