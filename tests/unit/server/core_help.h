/* A small coordinator for the tests of its core: three devices, two slots, short times. */
#ifndef TESTS_CORE_HELP_H
#define TESTS_CORE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/core.h"

enum { HELP_DEVICES = 8, HELP_BOOT = 1000 };

struct help {
    struct srv_core core;
    struct srv_device devices[HELP_DEVICES];
    struct srv_update updates[CN_MAX_ROUND_UPDATES];
    struct srv_actions out; /* of the last step */
    struct cn_msg said;     /* the last message: actions may point into it */
    uint64_t now_ms;
};

extern struct srv_core_conf help_conf; /* reset by help_start */

/* Setup for cmocka: conf at its defaults, devices 1..3 active, release 5. */
int help_start(void **state);
/* The core again, with help_conf as it is now; devices 1..n active. */
void help_restart(struct help *h, uint32_t n);

/* Steps, and asserts that nothing is broken. */
void help_step(struct help *h, struct srv_event ev);
void help_tick(struct help *h, uint64_t later_ms);
/* A message from the device in its session. */
void help_say(struct help *h, uint32_t device, struct cn_msg m, uint64_t n_bulk);

struct cn_digest help_digest(uint8_t first);
void help_hello(struct help *h, uint32_t device);
void help_offer(struct help *h, uint32_t device, uint64_t seq);
void help_chunk(struct help *h, uint32_t device, uint64_t seq); /* the whole update */
void help_merged(struct help *h, uint32_t device, uint64_t seq, enum cn_reject reject);
/* Offer, chunk, merged. */
void help_give(struct help *h, uint32_t device, uint64_t seq);
void help_consolidated(struct help *h);
void help_decided(struct help *h, bool promoted);

/* The i-th action of that kind in the last step, NULL when there are fewer. */
const struct srv_action *help_action(const struct help *h, enum srv_action_kind kind, uint32_t i);
/* The first message of that kind to that device in the last step, or NULL. */
const struct cn_msg *help_told(const struct help *h, uint32_t device, enum cn_msg_kind kind);
/* The WAIT that it was told, CN_WAIT_NONE without one. */
enum cn_wait help_wait(const struct help *h, uint32_t device);
enum cn_reject help_reject(const struct help *h, uint32_t device);

#endif
