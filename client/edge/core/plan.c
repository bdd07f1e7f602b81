/* The spool's plan. */
#include "client/edge/core/plan.h"

#include <string.h>

#include "common/base/buf.h"

bool edge_plan_holds_out(const struct cn_digest *image, uint32_t n_of_label)
{
    return n_of_label >= EDGE_PLAN_MIN_LABEL && cn_get32(image->b) % EDGE_PLAN_EVERY == 0;
}

static bool is_sendable(const struct edge_plan_example *x)
{
    return x->accepted && x->label < CN_MAX_LABELS;
}

static bool is_eligible(const struct edge_plan *p, const struct edge_plan_example *x)
{
    return is_sendable(x) && p->queued[x->label] >= p->min_count;
}

/* How many of a label's n examples go, when there is room for `room`. */
static uint32_t portion(uint32_t n, uint32_t room, uint32_t min_count)
{
    if (n <= room)
        return n;
    if (n - room < min_count && n >= 2 * min_count)
        room = n - min_count; /* else too few would be left behind */
    return room >= min_count ? room : 0;
}

static void take(struct edge_plan_example *examples, uint32_t n, uint32_t label, uint32_t n_take)
{
    for (uint32_t i = 0; i < n && n_take; i++)
        if (examples[i].label == label && is_sendable(&examples[i])) {
            examples[i].chosen = true;
            n_take--;
        }
}

void edge_plan_choose(const struct edge_plan_conf *conf, struct edge_plan_example *examples,
                      uint32_t n, struct edge_plan *ret)
{
    bool seen[CN_MAX_LABELS] = {false};

    memset(ret, 0, sizeof *ret);
    ret->min_count = conf->min_count;
    for (uint32_t i = 0; i < n; i++) {
        examples[i].chosen = false;
        if (is_sendable(&examples[i]))
            ret->queued[examples[i].label]++;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct edge_plan_example *x = &examples[i];
        if (!is_eligible(ret, x))
            continue;
        if (ret->n_eligible++ == 0)
            ret->oldest_ms = x->queued_ms;
        ret->has_new_label |= !x->known;
        if (seen[x->label]) /* the label's turn came with its oldest */
            continue;
        seen[x->label] = true;
        uint32_t n_take =
            portion(ret->queued[x->label], conf->max_examples - ret->n_chosen, conf->min_count);
        take(examples, n, x->label, n_take);
        ret->n_chosen += n_take;
    }
}

uint32_t edge_plan_short_of(const struct edge_plan *plan, uint32_t label)
{
    uint32_t n = label < CN_MAX_LABELS ? plan->queued[label] : 0;

    return n && n < plan->min_count ? plan->min_count - n : 0;
}
