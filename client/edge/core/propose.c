/* Proposals: the device's own labels that wait for a canonical id. Each is proposed once a session,
   and again from time to time until the coordinator has decided; asking twice changes nothing. */
#include <string.h>

#include "client/edge/core/parts.h"

enum { PROPOSALS_PER_STEP = 8 };

static uint32_t find(const struct edge_proposals *p, uint32_t request)
{
    uint32_t i = 0;

    while (i < p->n && p->at[i].request != request)
        i++;
    return i;
}

void edge_propose_add(struct edge_core *c, const struct edge_event *ev)
{
    struct edge_proposals *p = &c->proposals;
    uint32_t i = find(p, ev->propose.request);

    if (i == EDGE_MAX_PROPOSALS) {
        p->missed = true;
        return;
    }
    if (i < p->n && strcmp(p->at[i].name, ev->propose.name) == 0)
        return; /* already waiting */
    p->n += i == p->n;
    p->at[i].request = ev->propose.request;
    p->at[i].due_ms = c->now_ms;
    memset(p->at[i].name, 0, sizeof p->at[i].name);
    memcpy(p->at[i].name, ev->propose.name, strnlen(ev->propose.name, CN_MAX_LABEL_NAME_BYTES));
}

static bool is_decided(enum cn_label_state state)
{
    switch (state) {
    case CN_LABEL_PROPOSED: return false;
    case CN_LABEL_PLACEHOLDER:
    case CN_LABEL_ACCEPTED:
    case CN_LABEL_REJECTED:
    case CN_LABEL_MERGED:
    case CN_LABEL_RETIRED:
    case CN_LABEL_NSTATES: return true;
    }
    return true;
}

static void on_label(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    struct edge_proposals *p = &c->proposals;
    uint32_t i = find(p, m->label.request);

    if (i == p->n)
        return;
    struct edge_action *a = edge_act(out, EDGE_ACT_LABEL);
    a->label.request = m->label.request;
    a->label.id = m->label.id;
    a->label.state = m->label.state;
    a->label.text = m->label.text;
    if (!is_decided(m->label.state)) {
        p->at[i].due_ms = c->now_ms + c->conf.propose_ms;
        return;
    }
    p->at[i] = p->at[--p->n];
    if (p->missed) {
        p->missed = false;
        edge_act(out, EDGE_ACT_UNRESOLVED);
    }
}

void edge_propose_receive(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out)
{
    if (m->kind == CN_MSG_LABEL) {
        on_label(c, m, out);
    } else if (m->kind == CN_MSG_WAIT && m->wait.about == CN_ABOUT_PROPOSE) {
        uint32_t i = find(&c->proposals, (uint32_t)m->wait.ref);
        if (i < c->proposals.n)
            c->proposals.at[i].due_ms = c->now_ms + m->wait.retry_ms;
    }
}

void edge_propose_online(struct edge_core *c)
{
    for (uint32_t i = 0; i < c->proposals.n; i++)
        c->proposals.at[i].due_ms = c->now_ms;
}

void edge_propose_tick(struct edge_core *c, struct edge_actions *out)
{
    struct edge_proposals *p = &c->proposals;
    uint32_t n_sent = 0;

    for (uint32_t i = 0; edge_core_is_online(c) && i < p->n && n_sent < PROPOSALS_PER_STEP; i++) {
        if (c->now_ms < p->at[i].due_ms)
            continue;
        struct cn_msg *m = edge_say(c, CN_MSG_PROPOSE, out);
        m->propose.request = p->at[i].request;
        memcpy(m->propose.name, p->at[i].name, sizeof m->propose.name);
        p->at[i].due_ms = c->now_ms + c->conf.propose_ms;
        n_sent++;
    }
}

uint64_t edge_propose_deadline(const struct edge_core *c)
{
    uint64_t first = 0;

    for (uint32_t i = 0; edge_core_is_online(c) && i < c->proposals.n; i++)
        first = edge_earlier(first, c->proposals.at[i].due_ms);
    return first;
}
