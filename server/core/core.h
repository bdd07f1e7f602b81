/* The coordinator as a pure machine: sessions, uploads and rounds. No I/O, no clock, no allocation,
   no randomness. One thread. proto/README.md is the specification. */
#ifndef SRV_CORE_H
#define SRV_CORE_H

#include "server/core/action.h"
#include "server/core/event.h"
#include "server/core/state.h"
#include "server/core/why.h"

/* Sensible values for everything but fleet, boot, round and heads. */
void srv_core_conf_init(struct srv_core_conf *conf);

/* devices: storage for device ids 1..n_devices (the store gives them densely, and never again);
   updates: storage for CN_MAX_ROUND_UPDATES. Both outlive the core; their contents are overwritten.
   Then comes one SRV_EV_DEVICE for every device of the store. */
void srv_core_init(struct srv_core *c, const struct srv_core_conf *conf, struct srv_device *devices,
                   uint32_t n_devices, struct srv_update *updates);

/* Applies one event. Deterministic: equal state and event give equal state and actions. */
void srv_core_step(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);

/* When the next SRV_EV_TICK is due, 0 for never. */
uint64_t srv_core_deadline(const struct srv_core *c);

/* Iterates over an audience: the device after `after` (0 starts), or 0. A whole walk is linear in
   devices online. */
uint32_t srv_core_next(const struct srv_core *c, enum srv_audience to, uint32_t after);

/* NULL for an id that was never enrolled. */
const struct srv_device *srv_core_device(const struct srv_core *c, uint32_t device);

/* The first broken invariant, in words; NULL when all hold. Linear in devices: for tests. */
const char *srv_core_broken(const struct srv_core *c);

#endif
