/* A device as small as can be: real keys, real link, real messages, and learning by hand. It does
   what the protocol asks for and nothing on its own, so that a test decides every message. */
#ifndef TEST_DEVICE_H
#define TEST_DEVICE_H

#include "common/base/blob.h"
#include "common/base/msg.h"
#include "common/doors/link.h"
#include "common/model/release.h"
#include "common/model/token.h"

struct device {
    struct cn_secret *key;
    struct cn_token token;
    uint32_t id;
    struct cn_link *link;
    uint64_t session;
    struct cn_heads heads; /* the newest that the coordinator told */
    uint64_t last_seq;     /* as WELCOME said */
    uint32_t n_held_out;   /* what HELLO says */
    struct cn_buf scratch, bulk;
};

void device_fini(struct device *d);
/* Says JOIN with the token and returns the answer: ADMITTED (d->id is set) or REFUSED. */
struct cn_msg device_join(struct device *d, const char *token, const char *name);
/* Connects to the fleet and says HELLO: WELCOME (the session is open) or REFUSED. */
struct cn_msg device_hello(struct device *d);
/* Why the fleet's endpoint does not let it in. */
enum cn_err device_is_kept_out(struct device *d);
void device_leave(struct device *d);

void device_send(struct device *d, struct cn_msg msg);
/* The next message of that kind; others are read and dropped (ANNOUNCE updates d->heads). */
struct cn_msg device_expect(struct device *d, enum cn_msg_kind kind);
/* The next that is one of three kinds. */
struct cn_msg device_expect_one(struct device *d, enum cn_msg_kind a, enum cn_msg_kind b,
                                enum cn_msg_kind c);

/* Proposes a label and returns its id. */
uint32_t device_propose(struct device *d, const char *name);
/* Fetches whole blobs by digest. */
struct cn_blob *device_fetch(struct device *d, const struct cn_digest *digest);
/* The manifest of the newest release, verified, and its model. */
void device_fetch_release(struct device *d, struct cn_manifest *ret, struct cn_blob **ret_model);

/* Offers bytes as update seq and uploads them; the last answer: RECEIVED, REJECT or COMMITTED.
   `lie` offers another digest than the bytes have. */
struct cn_msg device_upload(struct device *d, uint64_t seq, uint32_t base, struct cn_bytes bytes,
                            bool lie);
/* Answers a SCORE message: `before` for the first model, `after` for the candidates; n tallies
 * each.
 */
void device_score(struct device *d, const struct cn_msg *score, const struct cn_label_tally *before,
                  const struct cn_label_tally *after, uint32_t n);
/* An update that teaches n images of each of two labels, against that model. */
void device_learn(struct cn_blob *model, uint32_t a, uint32_t b, uint32_t n, uint64_t seed,
                  struct cn_buf *ret);

#endif
