/* A command line turned into a request of the admin protocol. One thread. */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include "client/ctl/command.h"
#include "common/base/err.h"
#include "common/doors/json.h"

struct ctl_options {
    const char *data, *endpoint, *key;
    bool json, no_colour, yes, help;
};

/* Takes the options of every command out of argv; returns how many words are left, in order. */
enum cn_err ctl_request_options(int argc, char **argv, struct ctl_options *ret, int *ret_n,
                                struct cn_error *err) CN_NODISCARD;
/* The arguments of c from the words after its name. CN_E_PARSE says what is missing or too much. */
enum cn_err ctl_request_args(const struct ctl_command *c, char **words, int n, struct cn_json **ret,
                             struct cn_error *err) CN_NODISCARD;

#endif
