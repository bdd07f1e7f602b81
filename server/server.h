/* The coordinator as one object: what is durable, what is connected, the core that decides, and the
   worker that computes. Everything here belongs to the loop's thread but sums. */
#ifndef SRV_SERVER_H
#define SRV_SERVER_H

#include "common/doors/worker.h"
#include "server/conf.h"
#include "server/core/core.h"
#include "server/data.h"
#include "server/labels.h"
#include "server/store_release.h"

struct srv_trial; /* candidates that wait for their scores (trial.h) */
struct srv_sums;  /* the round's accumulators, the worker's (merge.h) */

struct srv_queued {
    struct srv_event ev;
    char text[CN_MAX_SENTENCE_BYTES + 1];
};

/* Events on their way into the core, and actions on their way out. */
struct srv_gateway {
    struct srv_queued *queue;
    uint32_t n_queued, cap;
    bool feeding;
    struct cn_bytes bulk; /* of the message that is being handled */
    struct srv_actions actions;
    struct cn_buf header, scratch;
    struct cn_buf slots[CN_MAX_UPLOADS]; /* bytes of uploads in flight */
    uint64_t n_garbled, garbled_logged_ms;
};

/* Tokens of a bucket that fills by itself. */
struct srv_bucket {
    double n;
    uint64_t since_ms;
};

struct srv_server {
    struct srv_conf conf;
    struct srv_data data;
    struct cn_db *db;
    struct srv_blobs blobs;
    struct srv_labels labels;
    struct srv_members members;
    struct srv_release release;    /* the current one */
    struct cn_blob *model, *stats; /* of it; stats NULL: the recipe has none */

    struct cn_loop *loop;
    struct cn_worker *worker;
    struct cn_link *fleet, *enrol, *admin;
    char fleet_endpoint[CN_MAX_ENDPOINT_BYTES + 1]; /* as tokens tell devices */
    char enrol_endpoint[CN_MAX_ENDPOINT_BYTES + 1];

    struct srv_core core;
    struct srv_device *devices;
    struct srv_update *updates;
    struct srv_gateway gateway;
    struct srv_trial *trial;
    struct srv_sums *sums;
    struct srv_bucket refusals; /* of enrolment */

    uint64_t started_ms; /* monotonic */
    bool ending;         /* nothing new begins */
    int exit_code;
};

/* What devices are told is newest. */
struct cn_heads srv_server_heads(const struct srv_server *s);
/* The store cannot be written, or what is in it cannot be: says so and ends the loop, exit code 1.
   Nothing is sent any more: memory may be ahead of the store. Start-up restores the last committed
   row. */
void srv_server_fail(struct srv_server *s, const char *what, const struct cn_error *err);
/* r is durable: from now on it is the current release. Takes the two blobs. */
void srv_server_install(struct srv_server *s, const struct srv_release *r, struct cn_blob **model,
                        struct cn_blob **stats);
/* After a change of the registry: stores it and tells the core; on failure the process ends. */
enum cn_err srv_server_save_labels(struct srv_server *s, const struct srv_audit *audit,
                                   struct cn_error *err) CN_NODISCARD;

#endif
