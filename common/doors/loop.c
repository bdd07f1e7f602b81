/* The event loop of a process.

   Links are not woken by their descriptor alone: libzmq signals it once for any number of messages,
   and a send may swallow the signal. So every turn serves every link, and asks all of them whether
   something is left before it sleeps.

   Callbacks remove what they like: entries are marked dead at once and freed at the end of the
   turn, when nobody iterates. */
#include "common/doors/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fs.h"

enum {
    EVENTS_PER_TURN = 64,
    MESSAGES_PER_TURN = 64 /* of one link, so that no link starves the others */
};

struct source {
    int fd;
    cn_loop_fd_fn fn;
    void *user;
    struct source *next;
    bool dead;
};

struct link_source {
    struct cn_link *link;
    cn_link_event_fn fn;
    void *user;
    struct link_source *next;
    bool dead;
};

struct timer {
    uint64_t deadline_ms; /* 0: off */
    cn_loop_fn fn;
    void *user;
};

struct cn_loop {
    int epoll_fd, signal_fd; /* signal_fd: the reading end of the pipe of signals */
    struct source *sources;
    struct link_source *links;
    struct timer *timers;
    size_t n_timers;
    cn_loop_signal_fn on_signal;
    void *signal_user;
    bool stopped, has_dead;
};

enum cn_err cn_loop_new(struct cn_loop **ret, struct cn_error *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0)
        return cn_fail_errno(err, "cannot create an event loop");
    struct cn_loop *loop = cn_calloc(1, sizeof *loop);
    loop->epoll_fd = fd;
    loop->signal_fd = -1;
    *ret = loop;
    return CN_OK;
}

static void sweep(struct cn_loop *loop, bool everything)
{
    for (struct source **p = &loop->sources, *s; (s = *p);) {
        if (!s->dead && !everything) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        free(s);
    }
    for (struct link_source **p = &loop->links, *s; (s = *p);) {
        if (!s->dead && !everything) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        free(s);
    }
    loop->has_dead = false;
}

/* Signals come through a pipe rather than a signalfd: libraries start threads before main
   (OpenBLAS), which block nothing, and a signal that lands on one of those must not be lost. */
static int signal_pipe = -1; /* the writing end; one loop of a process watches signals */

static void unwatch_signals(struct cn_loop *loop)
{
    if (loop->signal_fd < 0)
        return;
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    cn_fs_closep(&loop->signal_fd);
    cn_fs_closep(&signal_pipe);
}

void cn_loop_destroy(struct cn_loop **p)
{
    struct cn_loop *loop = cn_steal(*p);

    if (!loop)
        return;
    sweep(loop, true);
    unwatch_signals(loop);
    cn_fs_closep(&loop->epoll_fd);
    free(loop->timers);
    free(loop);
}

enum cn_err cn_loop_add_fd(struct cn_loop *loop, int fd, unsigned events, cn_loop_fd_fn fn,
                           void *user, struct cn_error *err)
{
    struct source *s = cn_calloc(1, sizeof *s);
    struct epoll_event e = {.data.ptr = s};

    if (events & CN_LOOP_READ)
        e.events |= EPOLLIN;
    if (events & CN_LOOP_WRITE)
        e.events |= EPOLLOUT;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
        free(s);
        return cn_fail_errno(err, "cannot watch descriptor %d", fd);
    }
    *s = (struct source){fd, fn, user, loop->sources, false};
    loop->sources = s;
    return CN_OK;
}

void cn_loop_remove_fd(struct cn_loop *loop, int fd)
{
    for (struct source *s = loop->sources; s; s = s->next) {
        if (s->fd != fd || s->dead)
            continue;
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        s->dead = loop->has_dead = true;
        return;
    }
}

static void woken(void *user, int fd, unsigned events)
{
    (void)user, (void)fd, (void)events; /* serve_links looks at every link anyway */
}

enum cn_err cn_loop_add_link(struct cn_loop *loop, struct cn_link *link, cn_link_event_fn fn,
                             void *user, struct cn_error *err)
{
    enum cn_err code = cn_loop_add_fd(loop, cn_link_fd(link), CN_LOOP_READ, woken, NULL, err);

    if (code != CN_OK)
        return code;
    struct link_source *s = cn_calloc(1, sizeof *s);
    *s = (struct link_source){link, fn, user, loop->links, false};
    loop->links = s;
    return CN_OK;
}

void cn_loop_remove_link(struct cn_loop *loop, struct cn_link *link)
{
    for (struct link_source *s = loop->links; s; s = s->next) {
        if (s->link != link || s->dead)
            continue;
        cn_loop_remove_fd(loop, cn_link_fd(link));
        s->dead = loop->has_dead = true;
        return;
    }
}

void cn_loop_set_timer(struct cn_loop *loop, uint64_t deadline_ms, cn_loop_fn fn, void *user)
{
    struct timer *unused = NULL;

    for (size_t i = 0; i < loop->n_timers; i++) {
        struct timer *t = &loop->timers[i];
        if (t->fn == fn && t->user == user) {
            t->deadline_ms = deadline_ms;
            return;
        }
        if (t->deadline_ms == 0)
            unused = t;
    }
    if (deadline_ms == 0)
        return;
    if (!unused) {
        loop->timers = cn_realloc(loop->timers, (loop->n_timers + 1) * sizeof *loop->timers);
        unused = &loop->timers[loop->n_timers++];
    }
    *unused = (struct timer){deadline_ms, fn, user};
}

static void on_raw_signal(int number)
{
    int saved = errno;
    uint8_t byte = (uint8_t)number;

    if (write(signal_pipe, &byte, 1) < 0) { /* full: as many are on their way already */
    }
    errno = saved;
}

static void on_signal_fd(void *user, int fd, unsigned events)
{
    struct cn_loop *loop = user;
    uint8_t number;

    (void)events;
    if (read(fd, &number, 1) != 1)
        return;
    if (loop->on_signal)
        loop->on_signal(loop->signal_user, number);
    else
        cn_loop_stop(loop);
}

enum cn_err cn_loop_on_signal(struct cn_loop *loop, cn_loop_signal_fn fn, void *user,
                              struct cn_error *err)
{
    struct sigaction action = {.sa_handler = on_raw_signal, .sa_flags = SA_RESTART};
    int ends[2];

    loop->on_signal = fn;
    loop->signal_user = user;
    if (loop->signal_fd >= 0)
        return CN_OK;
    assert(signal_pipe < 0);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return cn_fail_errno(err, "cannot watch signals");
    loop->signal_fd = ends[0];
    signal_pipe = ends[1];
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return cn_loop_add_fd(loop, loop->signal_fd, CN_LOOP_READ, on_signal_fd, loop, err);
}

static int sleep_ms(struct cn_loop *loop, uint32_t max_ms)
{
    uint64_t now = cn_clock_mono_ms(), wait = max_ms;

    for (struct link_source *s = loop->links; s; s = s->next)
        if (!s->dead && cn_link_is_ready(s->link))
            return 0;
    for (size_t i = 0; i < loop->n_timers; i++) {
        uint64_t at = loop->timers[i].deadline_ms;
        if (at && at <= now)
            return 0;
        if (at && at - now < wait)
            wait = at - now;
    }
    return wait < INT32_MAX ? (int)wait : INT32_MAX;
}

static void serve_fds(const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct source *s = events[i].data.ptr;
        unsigned what = (events[i].events & EPOLLIN ? CN_LOOP_READ : 0u) |
                        (events[i].events & EPOLLOUT ? CN_LOOP_WRITE : 0u) |
                        (events[i].events & (EPOLLERR | EPOLLHUP) ? CN_LOOP_ERROR : 0u);
        if (!s->dead)
            s->fn(s->user, s->fd, what);
    }
}

static void serve_links(struct cn_loop *loop)
{
    struct cn_link_event ev;

    for (struct link_source *s = loop->links; s; s = s->next)
        for (int i = 0; i < MESSAGES_PER_TURN && !s->dead && cn_link_next(s->link, &ev); i++)
            s->fn(s->user, s->link, &ev);
}

static void serve_timers(struct cn_loop *loop)
{
    uint64_t now = cn_clock_mono_ms();

    for (size_t i = 0; i < loop->n_timers; i++) { /* a timer set again is for the next turn */
        struct timer t = loop->timers[i];
        if (t.deadline_ms == 0 || t.deadline_ms > now)
            continue;
        loop->timers[i].deadline_ms = 0;
        t.fn(t.user);
    }
}

enum cn_err cn_loop_turn(struct cn_loop *loop, uint32_t timeout_ms, struct cn_error *err)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, sleep_ms(loop, timeout_ms));

    if (n < 0 && errno != EINTR)
        return cn_fail_errno(err, "cannot wait for events");
    serve_fds(events, n);
    serve_links(loop);
    serve_timers(loop);
    if (loop->has_dead)
        sweep(loop, false);
    return CN_OK;
}

enum cn_err cn_loop_run(struct cn_loop *loop, struct cn_error *err)
{
    loop->stopped = false;
    while (!loop->stopped) {
        enum cn_err code = cn_loop_turn(loop, UINT32_MAX, err);
        if (code != CN_OK)
            return code;
    }
    return CN_OK;
}

void cn_loop_stop(struct cn_loop *loop)
{
    loop->stopped = true;
}
