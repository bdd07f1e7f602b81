/* What the session's files share. Threads: the loop's. */
#ifndef EDGE_SESSION_IMPL_H
#define EDGE_SESSION_IMPL_H

#include "client/edge/builder.h"
#include "client/edge/core/plan.h"
#include "client/edge/fetcher.h"
#include "client/edge/session.h"
#include "common/doors/link.h"

enum { EDGE_MAX_EVENTS = 128, EDGE_N_BLOBS = EDGE_BLOB_CANDIDATE + 1 };

struct edge_session {
    struct edge_daemon *d;
    struct cn_link *link;
    struct edge_builder *builder;
    struct edge_fetcher *fetcher;

    struct edge_core core;
    struct edge_actions actions;
    bool is_stepping, is_queue_due;
    uint64_t look_ms;                          /* that the last look at the queue took */
    uint32_t n_claimed;                        /* examples of the update that is being built */
    struct edge_event events[EDGE_MAX_EVENTS]; /* that came up while actions were carried out */
    uint32_t n_events;
    struct cn_buf scratch; /* of decoding */
    struct cn_bytes bulk;  /* of the message that is being stepped */

    struct edge_plan plan; /* of the queue, when it was last told */
    struct cn_digest upload_digest;
    struct cn_blob *upload; /* bytes of the update that is being sent */

    struct edge_action verifying;  /* VERIFY that is out, INSTALL that is out, */
    struct edge_action installing; /* SCORE that is out */
    struct edge_action scoring;
    struct cn_blob *blob[EDGE_N_BLOBS]; /* verified, by what they are */
    struct cn_digest digest[EDGE_N_BLOBS];
    uint64_t our_seq; /* an update of ours that the verified manifest holds; 0: none */
};

/* The event joins the line when a step is being carried out. */
void edge_session_step(struct edge_session *s, const struct edge_event *ev);

/* session_spool.c: the queue and the update in flight */
void edge_session_fill_ready(struct edge_session *s, struct cn_msg *m, struct cn_buf *counts);
void edge_session_build(struct edge_session *s, uint64_t seq, uint32_t base);
void edge_session_upload(struct edge_session *s, const struct edge_action *a);
void edge_session_commit(struct edge_session *s, uint64_t seq, uint32_t release);
void edge_session_return(struct edge_session *s, const struct edge_action *a);
/* Takes the queue's summary anew, for status and the core. */
struct edge_queue edge_session_look(struct edge_session *s);

/* session_release.c: what is fetched, and candidates */
void edge_session_verify(struct edge_session *s, const struct edge_action *a);
void edge_session_install(struct edge_session *s, const struct edge_action *a);
void edge_session_score(struct edge_session *s, const struct edge_action *a);
enum cn_err edge_session_open_registry(struct edge_daemon *d, struct cn_bytes envelope,
                                       struct cn_registry **ret, struct cn_error *err) CN_NODISCARD;

/* session_label.c: own labels */
void edge_session_label(struct edge_session *s, uint32_t local, enum cn_label_state state,
                        uint32_t id, const char *text);
void edge_session_unresolved(struct edge_session *s);
/* The registry is a newer one: own labels and examples follow it. */
void edge_session_follow_registry(struct edge_session *s);

void edge_session_send(struct edge_session *s, const struct cn_msg *msg,
                       const struct cn_link_bulk *bulk);

#endif
