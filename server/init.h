/* cairn-coordinator init: a fleet from nothing. One thread. */
#ifndef SRV_INIT_H
#define SRV_INIT_H

#include "server/conf.h"

/* Makes keys, database, genesis release and, last of all, the configuration file in dir. Cut short
   at any moment, it can be run again. */
enum cn_err srv_init(struct srv_conf *conf, const char *dir, struct cn_error *err) CN_NODISCARD;
/* The settings of [recipe] as one line, which the store keeps: a fleet's recipe does not change. */
void srv_init_recipe_line(const struct srv_conf *conf, char *out, size_t size);

#endif
