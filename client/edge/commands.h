/* The commands of cairn-edge: each is a table entry of main.c and a file of its own. */
#ifndef EDGE_COMMANDS_H
#define EDGE_COMMANDS_H

#include "client/edge/args.h"

int edge_cmd_join(const struct edge_command *self, int argc, char **argv);
int edge_cmd_run(const struct edge_command *self, int argc, char **argv);
int edge_cmd_predict(const struct edge_command *self, int argc, char **argv);
int edge_cmd_confirm(const struct edge_command *self, int argc, char **argv);
int edge_cmd_correct(const struct edge_command *self, int argc, char **argv);
int edge_cmd_import(const struct edge_command *self, int argc, char **argv);
int edge_cmd_evaluate(const struct edge_command *self, int argc, char **argv);
int edge_cmd_status(const struct edge_command *self, int argc, char **argv);
int edge_cmd_receipts(const struct edge_command *self, int argc, char **argv);
int edge_cmd_undo(const struct edge_command *self, int argc, char **argv);
int edge_cmd_labels(const struct edge_command *self, int argc, char **argv);
int edge_cmd_flush(const struct edge_command *self, int argc, char **argv);
int edge_cmd_stop(const struct edge_command *self, int argc, char **argv);

#endif
