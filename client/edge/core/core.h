/* A device as a pure machine: session, fetching, sending, labels, scoring. No I/O, no clock, no
   allocation, no randomness but what events bring. One thread. proto/README.md is the
   specification. */
#ifndef EDGE_CORE_H
#define EDGE_CORE_H

#include "client/edge/core/action.h"
#include "client/edge/core/event.h"
#include "client/edge/core/state.h"
#include "client/edge/core/why.h"

/* Sensible values for everything but fleet. */
void edge_core_conf_init(struct edge_core_conf *conf);

/* start: what the store holds. The first EDGE_EV_TICK sets the machine going. */
void edge_core_init(struct edge_core *c, const struct edge_core_conf *conf,
                    const struct edge_start *start);

/* Applies one event. Deterministic: equal state and event give equal state and actions. */
void edge_core_step(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out);

/* When the next EDGE_EV_TICK is due; never 0: a device always has something to look after. */
uint64_t edge_core_deadline(const struct edge_core *c);

bool edge_core_is_online(const struct edge_core *c);

/* The first broken invariant, in words; NULL when all hold. */
const char *edge_core_broken(const struct edge_core *c);

#endif
