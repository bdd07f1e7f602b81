/* One thread with a queue of jobs.

   Two queues and one mutex: the loop appends to `waiting`, the thread moves what it ran to
   `finished` and writes to an eventfd, the loop's poll of which calls done. The mutex is all that
   orders a job's bytes between the threads. The only file that includes pthread.h. */
#include "common/doors/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/fs.h"

struct queue {
    struct cn_job *first, **end;
};

struct cn_worker {
    struct cn_loop *loop;
    size_t n_jobs; /* the loop's: submitted, not yet done */
    int event_fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t to_do, progress;
    struct queue waiting, finished;
    bool ending;
};

static void reset(struct queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void append(struct queue *q, struct cn_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct cn_job *pop(struct queue *q)
{
    struct cn_job *job = q->first;

    if (job && !(q->first = job->next))
        q->end = &q->first;
    return job;
}

static struct cn_job *take_all(struct cn_worker *w, struct queue *q)
{
    pthread_mutex_lock(&w->mutex);
    struct cn_job *first = q->first;
    reset(q);
    pthread_mutex_unlock(&w->mutex);
    return first;
}

static void *serve(void *arg)
{
    struct cn_worker *w = arg;

    pthread_mutex_lock(&w->mutex);
    for (;;) {
        while (!w->waiting.first && !w->ending)
            pthread_cond_wait(&w->to_do, &w->mutex);
        if (w->ending)
            break;
        struct cn_job *job = pop(&w->waiting);
        pthread_mutex_unlock(&w->mutex);
        job->run(job);
        pthread_mutex_lock(&w->mutex);
        append(&w->finished, job);
        pthread_cond_signal(&w->progress);
        uint64_t one = 1;
        ssize_t n = write(w->event_fd, &one, sizeof one);
        assert(n == sizeof one);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static void finish(struct cn_worker *w, struct cn_job *job, bool abandoned)
{
    while (job) {
        struct cn_job *next = job->next; /* done frees the job */
        job->abandoned = abandoned;
        w->n_jobs--;
        job->done(job);
        job = next;
    }
}

static void on_progress(void *user, int fd, unsigned events)
{
    struct cn_worker *w = user;
    uint64_t n;

    (void)events;
    if (read(fd, &n, sizeof n) < 0)
        assert(errno == EAGAIN); /* a drain took the jobs before us */
    finish(w, take_all(w, &w->finished), false);
}

enum cn_err cn_worker_new(struct cn_worker **ret, const char *name, struct cn_loop *loop,
                          struct cn_error *err)
{
    sigset_t all, before;
    int CN_CLEANUP(cn_fs_closep) fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return cn_fail_errno(err, "cannot start the worker %s", name);
    struct cn_worker *w = cn_calloc(1, sizeof *w);
    w->loop = loop;
    w->event_fd = fd;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->to_do, NULL);
    pthread_cond_init(&w->progress, NULL);
    reset(&w->waiting);
    reset(&w->finished);
    enum cn_err code = cn_loop_add_fd(loop, fd, CN_LOOP_READ, on_progress, w, err);
    if (code != CN_OK) {
        free(w);
        return code;
    }
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    errno = pthread_create(&w->thread, NULL, serve, w);
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e) {
        cn_loop_remove_fd(loop, fd);
        free(w);
        errno = e;
        return cn_fail_errno(err, "cannot start the worker %s", name);
    }
    pthread_setname_np(w->thread, name);
    fd = -1;
    *ret = w;
    return CN_OK;
}

void cn_worker_submit(struct cn_worker *w, struct cn_job *job)
{
    w->n_jobs++;
    pthread_mutex_lock(&w->mutex);
    append(&w->waiting, job);
    pthread_cond_signal(&w->to_do);
    pthread_mutex_unlock(&w->mutex);
}

size_t cn_worker_n_jobs(const struct cn_worker *w)
{
    return w->n_jobs;
}

void cn_worker_drain(struct cn_worker *w)
{
    while (w->n_jobs > 0) {
        pthread_mutex_lock(&w->mutex);
        while (!w->finished.first)
            pthread_cond_wait(&w->progress, &w->mutex);
        pthread_mutex_unlock(&w->mutex);
        finish(w, take_all(w, &w->finished), false);
    }
}

void cn_worker_destroy(struct cn_worker **p)
{
    struct cn_worker *w = cn_steal(*p);

    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->ending = true;
    pthread_cond_signal(&w->to_do);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    finish(w, take_all(w, &w->finished), false);
    while (w->n_jobs > 0) /* done may submit: abandoned too */
        finish(w, take_all(w, &w->waiting), true);
    cn_loop_remove_fd(w->loop, w->event_fd);
    close(w->event_fd);
    pthread_cond_destroy(&w->progress);
    pthread_cond_destroy(&w->to_do);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}
