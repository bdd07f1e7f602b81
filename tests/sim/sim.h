/* The protocol in one process: the real core of the coordinator and real cores of devices, around
   them small models of their shells, a network that loses, doubles, delays and reorders, and
   virtual time. Everything follows from one seed. One thread. */
#ifndef SIM_H
#define SIM_H

#include "client/edge/core/core.h"
#include "client/edge/core/plan.h"
#include "common/base/rng.h"
#include "server/core/core.h"

enum {
    SIM_MAX_DEVICES = 6,
    SIM_MAX_CORRECTIONS = 40, /* taught to one device */
    SIM_MAX_NAMES = 6,        /* of labels, in the whole fleet */
    SIM_MAX_UPDATES = 400,    /* ever made by one device */
    SIM_MAX_RELEASES = 1500,
    SIM_MAX_BLOBS = 24, /* that one device has, whole or in part */
    SIM_MAX_WAITING = 4096
};

/* ---- what happens when ---- */

enum sim_kind {
    SIM_TO_SERVER, /* a message arrives */
    SIM_TO_DEVICE,
    SIM_SERVER_TICK,
    SIM_DEVICE_TICK,
    SIM_SERVER_JOB, /* an event for the core; of its life only */
    SIM_DEVICE_JOB,
    SIM_TRANSACTION, /* the store commits a release, then tells the core */
    SIM_CHAOS        /* the world is unkind once more */
};

struct sim_item {
    uint64_t at_ms, order;
    enum sim_kind kind;
    uint32_t device, life; /* life: of the process that it is for; other lives do not get it */
    uint32_t sent_life;    /* the coordinator's, when a message was sent */
    uint64_t conn, n_bulk;
    bool corrupt;
    struct cn_msg msg;
    struct srv_event to_server;
    struct edge_event to_device;
    uint32_t n_updates; /* TRANSACTION */
};

/* ---- the coordinator's shell ---- */

struct sim_release {
    uint32_t number;
    struct cn_model_ref model;
    uint64_t sum; /* of what was merged into it */
};

struct sim_coordinator {
    /* durable */
    struct sim_release releases[SIM_MAX_RELEASES];
    uint32_t n_releases;
    uint32_t registry_version;
    bool label_accepted[SIM_MAX_NAMES], label_proposed[SIM_MAX_NAMES];
    uint32_t label_id[SIM_MAX_NAMES], next_label;
    uint32_t first_release[SIM_MAX_NAMES]; /* that has the label, 0 for none */
    struct {
        enum srv_device_state state;
        uint64_t last_seq;
        uint32_t last_release;
    } store[SIM_MAX_DEVICES + 1];
    /* of this life */
    bool is_up;
    uint32_t life;
    struct srv_core core;
    struct srv_device devices[SIM_MAX_DEVICES];
    struct srv_update updates[CN_MAX_ROUND_UPDATES];
    struct srv_actions out;
    struct {
        bool open, corrupt;
        uint64_t size_bytes, n_bytes, moved_ms;
    } slots[CN_MAX_UPLOADS];
    uint64_t round; /* whose sums these are */
    uint64_t sum;   /* order cannot matter in it, as in the real sums */
    uint32_t n_in_sum;
    struct cn_model_ref models[CN_MAX_MODELS_SCORED];
    uint32_t n_models;
    bool answered[SIM_MAX_DEVICES + 1][CN_MAX_MODELS_SCORED];
    uint64_t tick_at_ms;
};

/* ---- a device's shell ---- */

enum sim_correction_state { SIM_QUEUED, SIM_IN_UPDATE, SIM_HELD_OUT, SIM_COMMITTED };

struct sim_correction {
    enum sim_correction_state state;
    uint32_t name; /* of its label */
    uint64_t taught_ms, seq;
    uint32_t release;    /* that the device believes it to be in */
    uint32_t in_release; /* that it is in: the judge's book, nobody else's */
};

enum sim_fate { SIM_UNSETTLED, SIM_FATE_COMMITTED, SIM_FATE_RETURNED };

struct sim_device {
    /* durable */
    struct sim_correction corrections[SIM_MAX_CORRECTIONS];
    uint32_t n_corrections;
    struct edge_update update;
    uint64_t next_seq;
    uint32_t release, registry_version;
    struct cn_digest model;
    uint32_t label_id[SIM_MAX_NAMES]; /* CN_LABEL_NONE: no canonical id yet */
    struct {
        struct cn_digest digest;
        uint64_t n_bytes;
        bool corrupt;
    } blobs[SIM_MAX_BLOBS];
    uint32_t n_blobs;
    enum sim_fate fates[SIM_MAX_UPDATES];   /* by seq: the judge's */
    uint32_t committed_in[SIM_MAX_UPDATES]; /* likewise: releases */
    /* of this life */
    bool is_up, is_connected, is_cut; /* cut: the network does not reach it */
    bool queue_changed;               /* the core is to be told */
    uint32_t life;
    uint64_t conn, tick_at_ms, slowness;
    struct edge_core core;
    struct edge_actions out;
};

/* ---- the world ---- */

/* What has come about in all seeds so far: a simulator that never sees a message proves nothing
   about it. */
struct sim_seen {
    uint64_t kinds[CN_MSG_NKINDS], waits[CN_WAIT_N], rejects[CN_REJECT_N], refusals[CN_REFUSED_N];
};

struct sim_options {
    bool verbose;
    struct sim_seen *seen;
};

struct sim {
    uint64_t seed, now_ms, heal_ms, n_events, n_conns, n_order;
    struct cn_rng rng;
    struct sim_options options;
    bool healed;
    char failure[256]; /* empty: none */
    uint32_t n_devices, n_names, min_count;
    uint32_t drop, twice, corrupt, refuse, reorder; /* chances, in 1000 */
    struct sim_item *pool;
    uint32_t *heap, *spare, n_heap, n_spare;
    struct sim_coordinator co;
    struct sim_device devices[SIM_MAX_DEVICES + 1]; /* by id, 0 unused */
    uint64_t n_same_tick;
};

/* Runs one seed; false: a promise was broken, ret->failure says which. */
bool sim_run(struct sim *s, uint64_t seed, const struct sim_options *options);

/* world.c */
void sim_start(struct sim *s, uint64_t seed, const struct sim_options *options);
struct sim_item *sim_post(struct sim *s, enum sim_kind kind, uint64_t delay_ms);
uint32_t sim_below(struct sim *s, uint32_t n);
bool sim_chance(struct sim *s, uint32_t in_1000); /* never after the world has healed */
void sim_send(struct sim *s, enum sim_kind to, uint32_t device, uint64_t conn,
              const struct cn_msg *msg, uint64_t n_bulk);
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Blobs have no bytes here: a digest says what it is the digest of. */
enum sim_blob { SIM_REGISTRY = 1, SIM_MANIFEST, SIM_MODEL, SIM_UPDATE };
struct cn_digest sim_digest(enum sim_blob what, uint64_t id);
enum sim_blob sim_digest_what(const struct cn_digest *d);
uint64_t sim_digest_id(const struct cn_digest *d);
uint64_t sim_blob_bytes(const struct cn_digest *d);
uint64_t sim_hash(uint64_t a, uint64_t b);

/* coordinator.c */
void sim_server_boot(struct sim *s);
void sim_server_crash(struct sim *s);
void sim_server_event(struct sim *s, struct srv_event *ev, bool corrupt);
void sim_server_transaction(struct sim *s, const struct sim_item *item);
void sim_server_release(struct sim *s); /* a rollback */
void sim_server_device(struct sim *s, uint32_t device, enum srv_device_state state);
void sim_server_accept(struct sim *s, uint32_t name); /* an admin accepts a label */
struct cn_heads sim_server_heads(const struct sim *s);

/* device.c */
void sim_device_boot(struct sim *s, uint32_t id);
void sim_device_crash(struct sim *s, uint32_t id);
void sim_device_teach(struct sim *s, uint32_t id, uint32_t name);
void sim_device_event(struct sim *s, uint32_t id, struct edge_event *ev, bool corrupt);
void sim_device_disconnect(struct sim *s, uint32_t id);

/* chaos.c */
void sim_chaos(struct sim *s);
void sim_heal(struct sim *s);

/* check.c */
void sim_check_commit(struct sim *s, uint32_t device, uint64_t seq, uint32_t release);
/* Before a message reaches the coordinator's core; and after any event has. */
void sim_check_message(struct sim *s, const struct sim_item *x);
void sim_check_server(struct sim *s, const struct srv_event *after);
/* After an event that found the device in session `before`. */
void sim_check_device(struct sim *s, uint32_t id, const struct edge_event *after, uint64_t before);
bool sim_is_quiet(struct sim *s);
void sim_check_end(struct sim *s);
void sim_describe(struct sim *s);

#endif
