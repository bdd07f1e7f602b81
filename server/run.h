/* cairn-coordinator run: start, serve, end. One thread, and the worker's. */
#ifndef SRV_RUN_H
#define SRV_RUN_H

#include "common/base/err.h"
#include "server/conf.h"

/* Blocks until SIGTERM, SIGINT or `stop`. Settings that the command line gave win over the file's:
   `sets` are n texts "section.key=value". */
enum cn_err srv_run(const char *dir, char *const *sets, size_t n,
                    struct cn_error *err) CN_NODISCARD;
/* Only reads the configuration and says what is wrong with it. */
enum cn_err srv_run_check_conf(const char *dir, char *const *sets, size_t n,
                               struct cn_error *err) CN_NODISCARD;

#endif
