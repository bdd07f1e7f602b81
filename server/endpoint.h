/* Endpoints as text: which port to ask for, what to tell devices, what to leave for tools.
   One thread. */
#ifndef SRV_ENDPOINT_H
#define SRV_ENDPOINT_H

#include "common/base/proto.h"
#include "server/server.h"

/* The endpoint that other machines use: bound with its host replaced, by `advertise` if there is
   one, else by this machine's name if it listens on every address. */
enum cn_err srv_endpoint_advertise(const char *bound, const char *advertise,
                                   char out[CN_MAX_ENDPOINT_BYTES + 1],
                                   struct cn_error *err) CN_NODISCARD;

/* Opens the three listeners. Port 0 takes the port that DATA/endpoints names from an earlier life,
   if it is still free: devices remember it. */
enum cn_err srv_endpoint_listen(struct srv_server *s, struct cn_error *err) CN_NODISCARD;
/* Writes DATA/endpoints, which says that the coordinator is ready. */
enum cn_err srv_endpoint_publish(const struct srv_server *s, struct cn_error *err) CN_NODISCARD;

#endif
