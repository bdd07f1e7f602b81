/* Between the fleet's link and the core: messages become events, actions become messages, jobs and
   transactions. Loop thread. */
#ifndef SRV_GATEWAY_H
#define SRV_GATEWAY_H

#include "server/server.h"

/* Gives the event to the core, carries out what it asks for, and goes on with the events that this
   leads to. Times are filled in. May be called from inside itself: the event then waits its turn.
   Texts are copied; ev->in.msg must be NULL then. */
void srv_gateway_feed(struct srv_server *s, const struct srv_event *ev);

/* For cn_link_listen and cn_loop_add_link. */
bool srv_gateway_allow(void *server, const struct cn_public_key *key, uint32_t *ret_user);
void srv_gateway_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev);

/* Sends one message to a device, counts it, and reports a connection that is gone. False: it was
   not sent, because the peer is gone or does not read. */
bool srv_gateway_send(struct srv_server *s, uint32_t device, uint64_t conn,
                      const struct cn_msg *msg, const struct cn_link_bulk *bulk);

/* Carries out gateway.actions (act.c). */
void srv_act_all(struct srv_server *s);

void srv_gateway_fini(struct srv_gateway *g);

#endif
