/* Who may connect: the ZAP handler (rfc.zeromq.org/spec/27) that all listeners of a process share.
   For link.c only. Threads: the links' thread. */
#ifndef CN_ZAP_H
#define CN_ZAP_H

#include "common/doors/link.h"

enum { CN_ZAP_MAX_DOMAINS = 8 };

/* Answers for domain from now on; the first to join binds the handler in context zmq. n_refused
   counts the handshakes that allow said no to. domain, allow, user, n_refused: lent until leave. */
enum cn_err cn_zap_join(void *zmq, const char *domain, cn_link_allow_fn allow, void *user,
                        uint64_t *n_refused, struct cn_error *err) CN_NODISCARD;
void cn_zap_leave(const char *domain);
/* The handler's socket, NULL when nobody has joined. */
void *cn_zap_socket(void);
/* Answers every request that waits; never blocks. Admitted connections get the metadata User-Id:
   their public key in hex. */
void cn_zap_serve(void);

#endif
