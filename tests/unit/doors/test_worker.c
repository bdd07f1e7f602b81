/* The worker: every job comes back once, in order, whatever happens to the worker meanwhile. No
   link is used here, so that ThreadSanitizer sees only our own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/doors/worker.h"

static struct cn_loop *loop;

static int begin(void **state)
{
    (void)state;
    return cn_loop_new(&loop, NULL) == CN_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cn_loop_destroy(&loop);
    return 0;
}

struct square {
    struct cn_job job;
    uint64_t in, out;
};

static uint64_t sum, last_in;
static unsigned n_done, n_abandoned, n_in_order;

static void square(struct cn_job *job)
{
    struct square *s = (struct square *)job;

    s->out = s->in * s->in;
}

static void add_up(struct cn_job *job)
{
    struct square *s = (struct square *)job;

    n_done++;
    n_abandoned += s->job.abandoned;
    n_in_order += s->in > last_in;
    last_in = s->in;
    sum += s->out;
    free(s);
}

static void stop_when_none_is_left(struct cn_job *job)
{
    add_up(job);
    if (n_done == 10000)
        cn_loop_stop(loop);
}

static struct cn_job *new_square(uint64_t in, void (*done)(struct cn_job *))
{
    struct square *s = cn_calloc(1, sizeof *s);

    s->job.run = square;
    s->job.done = done;
    s->in = in;
    return &s->job;
}

static struct cn_worker *new_worker(void)
{
    struct cn_worker *w = NULL;

    sum = last_in = n_done = n_abandoned = n_in_order = 0;
    assert_int_equal(cn_worker_new(&w, "squares", loop, NULL), CN_OK);
    return w;
}

static void ten_thousand_jobs_come_back_once_each_and_in_order(void **state)
{
    (void)state;
    struct cn_worker *CN_CLEANUP(cn_worker_destroy) w = new_worker();

    for (uint64_t i = 1; i <= 10000; i++)
        cn_worker_submit(w, new_square(i, stop_when_none_is_left));
    assert_int_equal(cn_loop_run(loop, NULL), CN_OK);
    assert_int_equal(n_done, 10000);
    assert_int_equal(n_in_order, 10000);
    assert_int_equal(sum, 10000ull * 10001 * 20001 / 6);
    assert_int_equal(cn_worker_n_jobs(w), 0);
}

static struct cn_worker *chain_worker;

static void submit_another(struct cn_job *job)
{
    add_up(job);
    if (n_done < 100)
        cn_worker_submit(chain_worker, new_square(n_done + 1, submit_another));
}

static void draining_waits_also_for_jobs_that_finished_jobs_submit(void **state)
{
    (void)state;
    struct cn_worker *CN_CLEANUP(cn_worker_destroy) w = new_worker();

    chain_worker = w;
    cn_worker_submit(w, new_square(1, submit_another));
    cn_worker_drain(w);
    assert_int_equal(n_done, 100);
    assert_int_equal(cn_loop_turn(loop, 0, NULL), CN_OK); /* late wake-ups find nothing */
    assert_int_equal(n_done, 100);
}

struct gate {
    struct cn_job job;
    int started[2], go[2];
};

static void wait_at_gate(struct cn_job *job)
{
    struct gate *g = (struct gate *)job;
    char c = 'x';

    assert_int_equal(write(g->started[1], &c, 1), 1);
    assert_int_equal(read(g->go[0], &c, 1), 1);
}

static void count(struct cn_job *job)
{
    n_done++;
    n_abandoned += job->abandoned;
}

static void destroying_a_worker_finishes_the_running_job_and_abandons_the_rest(void **state)
{
    (void)state;
    struct cn_worker *w = new_worker();
    struct gate g = {.job = {.run = wait_at_gate, .done = count}};
    char c = 'x';

    assert_int_equal(pipe(g.started), 0);
    assert_int_equal(pipe(g.go), 0);
    cn_worker_submit(w, &g.job);
    for (uint64_t i = 1; i <= 10; i++)
        cn_worker_submit(w, new_square(i, add_up));
    assert_int_equal(read(g.started[0], &c, 1), 1);
    assert_int_equal(write(g.go[1], &c, 1), 1);
    cn_worker_destroy(&w);
    assert_null(w);
    assert_int_equal(n_done, 11);
    assert_true(n_abandoned <= 10);
    assert_false(g.job.abandoned);
    for (int i = 0; i < 2; i++) {
        close(g.started[i]);
        close(g.go[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ten_thousand_jobs_come_back_once_each_and_in_order, begin,
                                        end),
        cmocka_unit_test_setup_teardown(draining_waits_also_for_jobs_that_finished_jobs_submit,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            destroying_a_worker_finishes_the_running_job_and_abandons_the_rest, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
