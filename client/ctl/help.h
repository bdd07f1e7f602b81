/* What --help says, at each level, and bash completion; all from the table of commands. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "client/ctl/command.h"

void ctl_help_all(void);
/* The commands of one group; false when there is no such group. */
bool ctl_help_group(const char *group);
void ctl_help_command(const struct ctl_command *c);
void ctl_help_completion(void);

#endif
