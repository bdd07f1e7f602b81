/* How the files of the device's core see each other. Nobody else includes this. */
#ifndef EDGE_PARTS_H
#define EDGE_PARTS_H

#include "client/edge/core/core.h"

/* ---- core.c ---- */

struct edge_action *edge_act(struct edge_actions *out, enum edge_action_kind kind);
/* A message in the current session, for the caller to fill in. */
struct cn_msg *edge_say(struct edge_core *c, enum cn_msg_kind kind, struct edge_actions *out);
/* now + the n-th delay of the backoff, a quarter up or down. */
uint64_t edge_backoff(struct edge_core *c, uint32_t n_failures);
uint64_t edge_earlier(uint64_t a, uint64_t b); /* 0 is never */

/* ---- link.c: the session ---- */

void edge_link_up(struct edge_core *c, struct edge_actions *out);
void edge_link_down(struct edge_core *c, enum edge_down cause);
/* Takes what belongs to the session itself; true: the message is for another part, and is of this
   session. */
bool edge_link_receive(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out);
void edge_link_tick(struct edge_core *c, struct edge_actions *out);
uint64_t edge_link_deadline(const struct edge_core *c);

/* ---- send.c: from the queue to COMMITTED ---- */

void edge_send_built(struct edge_core *c, const struct edge_event *ev);
void edge_send_receive(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out);
void edge_send_offline(struct edge_core *c);
/* Another release is installed: what was told about the one before is void. */
void edge_send_installed(struct edge_core *c);
void edge_send_tick(struct edge_core *c, struct edge_actions *out);
uint64_t edge_send_deadline(const struct edge_core *c);
const char *edge_send_broken(const struct edge_core *c);

/* ---- fetch.c: registry, manifest, model, candidates; one at a time ---- */

void edge_fetch_heads(struct edge_core *c, const struct cn_heads *heads);
/* A newer release is on its way, and nothing holds it up. */
bool edge_fetch_is_upgrading(const struct edge_core *c);
void edge_fetch_chunk(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out);
void edge_fetch_gone(struct edge_core *c, const struct cn_digest *digest);
void edge_fetch_have(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out);
void edge_fetch_verified(struct edge_core *c, const struct edge_event *ev,
                         struct edge_actions *out);
void edge_fetch_installed(struct edge_core *c, const struct edge_event *ev,
                          struct edge_actions *out);
void edge_fetch_offline(struct edge_core *c);
/* A candidate goes before everything else: a round waits for it. */
void edge_fetch_yield(struct edge_core *c);
void edge_fetch_tick(struct edge_core *c, struct edge_actions *out);
uint64_t edge_fetch_deadline(const struct edge_core *c);
const char *edge_fetch_broken(const struct edge_core *c);

/* ---- score.c: candidates on what is held out ---- */

void edge_score_asked(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out);
/* The model to fetch and score next, NULL for none. */
const struct cn_model_ref *edge_score_next(const struct edge_core *c);
void edge_score_run(struct edge_core *c, const struct cn_model_ref *model,
                    struct edge_actions *out);
void edge_score_done(struct edge_core *c, const struct edge_event *ev, struct edge_actions *out);
void edge_score_stop(struct edge_core *c);
/* The candidates of the last round are of no use any more, but for one that is or gets installed.
 */
void edge_score_forget(struct edge_core *c, struct edge_actions *out);
void edge_score_tick(struct edge_core *c);

/* ---- propose.c: labels that wait for a canonical id ---- */

void edge_propose_add(struct edge_core *c, const struct edge_event *ev);
void edge_propose_receive(struct edge_core *c, const struct cn_msg *m, struct edge_actions *out);
void edge_propose_online(struct edge_core *c);
void edge_propose_tick(struct edge_core *c, struct edge_actions *out);
uint64_t edge_propose_deadline(const struct edge_core *c);

#endif
