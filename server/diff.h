/* How two releases differ: labels come, gone and changed, tensors changed. Loop thread. */
#ifndef SRV_DIFF_H
#define SRV_DIFF_H

#include "common/doors/json.h"
#include "server/server.h"

/* Fills in `labels` and `tensors` of release.diff. A change is |to - from| / |from|, L2 norms. */
enum cn_err srv_diff(struct srv_server *s, const struct srv_release *from,
                     const struct srv_release *to, struct cn_json *ret,
                     struct cn_error *err) CN_NODISCARD;

#endif
