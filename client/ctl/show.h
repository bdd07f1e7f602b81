/* Answers of the coordinator, for people. One thread. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "client/ctl/command.h"
#include "common/doors/json.h"

/* As a table, or as lines of "key  value", as the command's columns say; without columns everything
   that the answer holds. */
void ctl_show(const struct ctl_command *c, const struct cn_json *answer, bool colour);

#endif
