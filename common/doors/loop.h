/* The event loop of a process: descriptors, links, timers and signals, on one thread, over epoll.
   Callbacks run on the thread of cn_loop_run, may add and remove anything, and return soon. */
#ifndef CN_LOOP_H
#define CN_LOOP_H

#include "common/base/err.h"
#include "common/doors/link.h"

struct cn_loop;

enum cn_loop_events { CN_LOOP_READ = 1, CN_LOOP_WRITE = 2, CN_LOOP_ERROR = 4 /* always on */ };

typedef void (*cn_loop_fd_fn)(void *user, int fd, unsigned events);
typedef void (*cn_loop_fn)(void *user);
typedef void (*cn_loop_signal_fn)(void *user, int signal);

enum cn_err cn_loop_new(struct cn_loop **ret, struct cn_error *err) CN_NODISCARD;
void cn_loop_destroy(struct cn_loop **loop);

/* Level-triggered. The caller keeps owning fd and removes it before closing it. */
enum cn_err cn_loop_add_fd(struct cn_loop *loop, int fd, unsigned events, cn_loop_fd_fn fn,
                           void *user, struct cn_error *err) CN_NODISCARD;
void cn_loop_remove_fd(struct cn_loop *loop, int fd);

/* Every event of the link goes to fn. Remove the link before closing it. */
enum cn_err cn_loop_add_link(struct cn_loop *loop, struct cn_link *link, cn_link_event_fn fn,
                             void *user, struct cn_error *err) CN_NODISCARD;
void cn_loop_remove_link(struct cn_loop *loop, struct cn_link *link);

/* One shot at deadline_ms of cn_clock_mono_ms. There is one timer per (fn, user): setting it again
   moves it, 0 cancels it. */
void cn_loop_set_timer(struct cn_loop *loop, uint64_t deadline_ms, cn_loop_fn fn, void *user);

/* SIGTERM and SIGINT go to fn from now on, on the loop's thread. fn NULL: they stop the loop. One
   loop of a process at a time. */
enum cn_err cn_loop_on_signal(struct cn_loop *loop, cn_loop_signal_fn fn, void *user,
                              struct cn_error *err) CN_NODISCARD;

/* Blocks until cn_loop_stop. */
enum cn_err cn_loop_run(struct cn_loop *loop, struct cn_error *err) CN_NODISCARD;
/* One turn: waits at most timeout_ms for something to do, and does it. */
enum cn_err cn_loop_turn(struct cn_loop *loop, uint32_t timeout_ms,
                         struct cn_error *err) CN_NODISCARD;
void cn_loop_stop(struct cn_loop *loop);

#endif
