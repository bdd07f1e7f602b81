/* A device for the tests of its core: release 5, registry 2, nothing queued. */
#ifndef TESTS_EDGE_CORE_HELP_H
#define TESTS_EDGE_CORE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/edge/core/core.h"

enum { HELP_SESSION = 900 };

struct help {
    struct edge_core core;
    struct edge_actions out; /* of the last step */
    struct cn_msg said;
    uint64_t now_ms;
};

extern struct edge_core_conf help_conf;
extern struct edge_start help_begin;

/* Setups for cmocka: offline; or online with nothing newer at the coordinator. */
int help_start(void **state);
int help_start_online(void **state);
void help_restart(struct help *h);
void help_online(struct help *h);

/* Steps, and asserts that nothing is broken. */
void help_step(struct help *h, struct edge_event ev);
void help_tick(struct help *h, uint64_t later_ms);
/* Ticks at the core's own deadlines until it does something; fails after a hundred. */
void help_wait(struct help *h);
void help_hear(struct help *h, struct cn_msg m, uint64_t n_bulk);

struct cn_digest help_digest(uint8_t first);
void help_queue(struct help *h, uint32_t n, uint64_t age_ms);
void help_built(struct help *h, uint64_t seq, uint64_t size_bytes);
/* From the queue to an update that was offered. */
void help_offered(struct help *h, uint64_t size_bytes);
void help_answer(struct help *h, enum cn_msg_kind kind, uint64_t seq);

const struct edge_action *help_action(const struct help *h, enum edge_action_kind kind, uint32_t i);
uint32_t help_count(const struct help *h, enum edge_action_kind kind);
/* The first message of that kind in the last step, or NULL. */
const struct cn_msg *help_said(const struct help *h, enum cn_msg_kind kind);

#endif
