/* Requests to the coordinator's admin endpoint, and their answers. One thread. */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include "client/ctl/request.h"

struct ctl_line; /* an open connection */

/* CN_E_NOTFOUND: no data directory or key there, or nobody answers. */
enum cn_err ctl_line_open(struct ctl_line **ret, const struct ctl_options *o,
                          struct cn_error *err) CN_NODISCARD;
void ctl_line_close(struct ctl_line **line);

/* Sends one request and waits for its answer; *ret is its result, the caller's. args is lent.
 *ret_said_no: the coordinator answered, with an error (then err holds its sentence). */
enum cn_err ctl_call(struct ctl_line *line, const char *act, const struct cn_json *args,
                     struct cn_json **ret, bool *ret_said_no, struct cn_error *err) CN_NODISCARD;

#endif
