/* The enrolment endpoint: whoever knows the coordinator's key may say JOIN, whoever has an unused
   token gets in. Loop thread. */
#ifndef SRV_ENROL_H
#define SRV_ENROL_H

#include "server/server.h"

enum { SRV_ENROL_MAX_BYTES = 1024 };

/* For cn_loop_add_link. */
void srv_enrol_on_link(void *server, struct cn_link *link, const struct cn_link_event *ev);

#endif
