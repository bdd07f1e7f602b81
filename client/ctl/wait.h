/* Commands that ask again and again: wait and watch. One thread. */
#ifndef CTL_WAIT_H
#define CTL_WAIT_H

#include "client/ctl/call.h"

/* Until what args ask for is true of the fleet. Returns an exit code. */
int ctl_wait(struct ctl_line *line, const struct cn_json *args);
/* Shows the status every second until interrupted. Returns an exit code. */
int ctl_watch(struct ctl_line *line, bool json, bool colour);

#endif
