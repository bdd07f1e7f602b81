/* The device's side of the protocol: carries events of the link, of jobs and of people to the core,
   and carries out what the core asks for. Threads: the loop's. */
#ifndef EDGE_SESSION_H
#define EDGE_SESSION_H

#include "client/edge/core/core.h"
#include "client/edge/daemon.h"

/* Dials the coordinator and starts. The store and the live release are read. */
enum cn_err edge_session_new(struct edge_session **ret, struct edge_daemon *d,
                             struct cn_error *err) CN_NODISCARD;
/* First ends the jobs that are out. */
void edge_session_destroy(struct edge_session **s);

/* Something was taught, taken back or renamed: the queue is told to the core a moment later, once
   for many. */
void edge_session_queue_changed(struct edge_session *s);
/* People's answers to predictions of the installed release were counted. */
void edge_session_counted(struct edge_session *s);
/* A name that was never used before. */
void edge_session_propose(struct edge_session *s, uint32_t local);
/* A person wants an update now; returns how many examples could go. */
uint32_t edge_session_flush(struct edge_session *s);

struct edge_session_status {
    bool is_online;
    struct edge_why why; /* until_ms in monotonic time */
    uint64_t bytes_sent, bytes_received;
    uint32_t n_eligible;
};

struct edge_session_status edge_session_status(const struct edge_session *s);
/* The sentence for a person: of a refusal, a wait or a reject, the coordinator's reason. */
const char *edge_session_why_text(const struct edge_why *why);
/* Images of this label that are still missing before an update can carry it; 0: none. */
uint32_t edge_session_short_of(const struct edge_session *s, uint32_t label);

#endif
