/* One thread with a first-in first-out queue of jobs, for whatever takes longer than 10 ms; pthread
   stands behind this door. Threads: all calls come from the loop's thread. */
#ifndef CN_WORKER_H
#define CN_WORKER_H

#include <stdbool.h>

#include "common/doors/loop.h"

/* First member of the caller's job, which owns its inputs: run and the loop share nothing else. */
struct cn_job {
    void (*run)(struct cn_job *job);  /* on the worker's thread */
    void (*done)(struct cn_job *job); /* on the loop's thread; frees the job */
    bool abandoned;                   /* at done: the worker ended before run was called */
    struct cn_job *next;              /* the worker's */
};

struct cn_worker;

/* name: at most 15 bytes, as the system shows it for the thread. Destroy it before its loop. */
enum cn_err cn_worker_new(struct cn_worker **ret, const char *name, struct cn_loop *loop,
                          struct cn_error *err) CN_NODISCARD;
/* The job is the worker's until done is called, which happens exactly once. */
void cn_worker_submit(struct cn_worker *w, struct cn_job *job);
/* Jobs that were submitted and not yet done. */
size_t cn_worker_n_jobs(const struct cn_worker *w);
/* Blocks until every job is done, those included that done submits. */
void cn_worker_drain(struct cn_worker *w);
/* Waits for the job that runs, abandons those behind it, calls done of each, and ends the thread.
 */
void cn_worker_destroy(struct cn_worker **w);

#endif
