/* Messages to bytes and back; protobuf-c stands behind this door. Reentrant. */
#ifndef CN_WIRE_H
#define CN_WIRE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/msg.h"

/* Appends the message's header frame to out. The bulk frame of a CHUNK is the caller's. The message
   must keep the limits that decoding checks (that is asserted). */
void cn_wire_encode(const struct cn_msg *msg, struct cn_buf *out);

/* Reads a header frame: everything that can be checked without knowing a session is checked here
   (sizes, enums, digests, text, ascending labels). n_bulk is the size of the message's bulk frame,
   0 without one. Arrays in *ret lie in scratch, whose old contents are overwritten: they are valid
   until its next use. CN_E_PARSE, CN_E_LIMIT; CN_E_UNSUPPORTED: a message of a newer minor version,
   to be ignored. On failure *ret is unchanged. */
enum cn_err cn_wire_decode(struct cn_bytes header, uint64_t n_bulk, struct cn_buf *scratch,
                           struct cn_msg *ret, struct cn_error *err) CN_NODISCARD;

#endif
