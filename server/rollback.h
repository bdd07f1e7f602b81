/* Going back is going forward: a new, higher release with an older one's model. Loop thread. */
#ifndef SRV_ROLLBACK_H
#define SRV_ROLLBACK_H

#include "server/server.h"

/* Commits and announces it at once. The updates of the open round go back to their devices. Updates
   that were committed after `to` stay committed: their corrections are in a release, which is what
   was promised, but the model no longer shows them. CN_E_STATE: `to` is the current release, or a
   decision is being made. */
enum cn_err srv_rollback(struct srv_server *s, const struct srv_release *to, const char *reason,
                         const struct srv_audit *audit, struct cn_error *err) CN_NODISCARD;

#endif
