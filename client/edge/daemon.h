/* The edge daemon: everything that its loop thread owns, in one place, and what several of its
   parts do with it. Threads: the loop's. */
#ifndef EDGE_DAEMON_H
#define EDGE_DAEMON_H

#include "client/edge/conf.h"
#include "client/edge/identity.h"
#include "client/edge/labels.h"
#include "client/edge/phicache.h"
#include "client/edge/prediction.h"
#include "client/edge/store_read.h"
#include "client/edge/store_update.h"
#include "client/edge/trainer.h"
#include "common/doors/http.h"

/* The release that the trainer answers with. */
struct edge_live {
    struct edge_installed at; /* as the store says; at.release 0: none yet */
    bool is_open;             /* the trainer has it: the fields below are valid */
    struct cn_recipe recipe;
    uint32_t *labels; /* that it knows, ascending */
    uint32_t n_labels;
    size_t n_phi;
    struct cn_blob *model;
};

struct edge_session;

enum { EDGE_VERIFY_AT_ONCE = 128 };

struct edge_daemon {
    const char *data;
    struct edge_conf conf;
    struct edge_identity identity;
    struct cn_secret *key;
    struct cn_loop *loop;
    struct cn_http *http;
    struct edge_store *store;
    struct edge_labels *labels;
    struct edge_ring *ring;
    struct edge_phicache *phis;
    struct edge_trainer *trainer;
    struct edge_session *session;
    struct edge_live live;
    int64_t verifying[EDGE_VERIFY_AT_ONCE]; /* examples that the trainer looks at once more */
    uint32_t n_verifying;
    bool is_stopping;
    uint64_t started_ms;
};

/* Something that must be durable could not be written: the last words, and the end. What was
   answered is on the disk; the service manager starts us again. */
void edge_daemon_die(const char *what, const struct cn_error *err) __attribute__((noreturn));

/* ---- replay.c: examples of the spool on their way to the trainer ---- */

/* The example with its features where they are cached, else with its image; false when neither is
   there any more. */
bool edge_replay_lesson(struct edge_daemon *d, const struct edge_example *x,
                        struct edge_lessons *to);
/* Earlier pending examples, to be mixed into the training of a fresh one: only those whose features
   are at hand. */
void edge_replay_others(struct edge_daemon *d, int64_t but, struct edge_lessons *others);
/* Everything pending that a new model should be taught again: corrections into fresh, confirmations
   into others, bounded; without examples of update `without` (0: none), which the new release
   holds. */
void edge_replay_pending(struct edge_daemon *d, uint64_t without, struct edge_lessons *fresh,
                         struct edge_lessons *others);
/* Keeps the features that a job found. */
void edge_replay_cache(struct edge_daemon *d, const struct edge_lessons *lessons);

/* ---- install.c ---- */

typedef void (*edge_installed_fn)(struct edge_daemon *d, bool ok);

/* Makes the trainer answer with this model (taken), pending corrections on top of it. The store is
   written when the trainer has it; then fn (may be NULL) is told. */
void edge_install(struct edge_daemon *d, const struct edge_installed *release,
                  struct cn_blob **model, uint64_t without_seq, edge_installed_fn fn);
/* The same release again, without what was taken back. */
void edge_install_again(struct edge_daemon *d);
/* Looks at the images of committed examples once more with the installed release, writes down
   whether it is right, and lets the images go. */
void edge_install_verify(struct edge_daemon *d);
bool edge_live_knows(const struct edge_live *live, uint32_t label);

#endif
