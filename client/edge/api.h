/* The local HTTP API (proto/edge-api.md): routes to handlers, which answer at once or when a job of
   the trainer is done. Threads: the loop's. */
#ifndef EDGE_API_H
#define EDGE_API_H

#include "client/edge/daemon.h"
#include "common/doors/json.h"

/* cn_http_fn; user is the struct edge_daemon. */
void edge_api_on_request(void *user, struct cn_http_request *req);

/* ---- handlers: they own the request ---- */
typedef void (*edge_api_fn)(struct edge_daemon *d, struct cn_http_request *req);

void edge_api_predict(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_evaluate(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_confirm(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_correct(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_teach(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_status(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_labels(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_receipts(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_receipt(struct edge_daemon *d, struct cn_http_request *req);
void edge_api_undo(struct edge_daemon *d, struct cn_http_request *req);

/* ---- what several handlers say ---- */

/* A prediction as the API shows it; id 0: it is not kept. */
struct cn_json *edge_api_prediction(const struct edge_daemon *d, const struct edge_prediction *p,
                                    uint64_t id, uint32_t n_top, uint64_t ms) CN_NODISCARD;
const char *edge_api_answer_name(enum edge_answer answer);
const char *edge_api_state_name(const struct edge_example *x);
enum { EDGE_ID_BYTES = 17 };
/* The 16 hex digits of a prediction's id; returns out. */
const char *edge_api_id(char out[EDGE_ID_BYTES], uint64_t id);

#endif
