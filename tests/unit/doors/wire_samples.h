/* One message of every kind, with nothing left at zero: what the golden bytes are of. */
#ifndef TESTS_WIRE_SAMPLES_H
#define TESTS_WIRE_SAMPLES_H

#include "common/base/msg.h"

/* kind: CN_MSG_HELLO to CN_MSG_ADMITTED. Arrays are static. */
struct cn_msg wire_sample(enum cn_msg_kind kind);

/* Size of the bulk frame that goes with the sample. */
uint64_t wire_sample_bulk(enum cn_msg_kind kind);

#endif
