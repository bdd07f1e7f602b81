/* The loop and the worker: order, removal in the middle of things, signals, and ten thousand jobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/doors/worker.h"

static struct cn_loop *loop;

static int begin(void **state)
{
    (void)state;
    return cn_crypto_init(NULL) == CN_OK && cn_loop_new(&loop, NULL) == CN_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    cn_loop_destroy(&loop);
    return 0;
}

static void run_loop(void)
{
    assert_int_equal(cn_loop_run(loop, NULL), CN_OK);
}

static char fired[8];
static size_t n_fired;

static void note(void *user)
{
    fired[n_fired++] = *(const char *)user;
    if (*(const char *)user == '!')
        cn_loop_stop(loop);
}

static void timers_fire_in_order_and_can_be_moved_and_cancelled(void **state)
{
    (void)state;
    static char a[] = "a", b[] = "b", c[] = "c", stop[] = "!";
    uint64_t now = cn_clock_mono_ms();

    n_fired = 0;
    cn_loop_set_timer(loop, now + 40, note, stop);
    cn_loop_set_timer(loop, now + 1, note, a);
    cn_loop_set_timer(loop, now + 10, note, b);
    cn_loop_set_timer(loop, now + 1, note, c);
    cn_loop_set_timer(loop, now + 20, note, a); /* moved behind b */
    cn_loop_set_timer(loop, 0, note, c);        /* cancelled */
    run_loop();
    assert_int_equal(n_fired, 3);
    assert_memory_equal(fired, "ba!", 3);
    assert_true(cn_clock_mono_ms() >= now + 40);
}

static unsigned n_rearmed;

static void rearm(void *user)
{
    if (++n_rearmed < 5)
        cn_loop_set_timer(loop, 1, rearm,
                          user); /* in the past: next turn, not for ever in this one */
    else
        cn_loop_stop(loop);
}

static void a_timer_may_set_itself_again(void **state)
{
    (void)state;
    cn_loop_set_timer(loop, 1, rearm, NULL);
    assert_int_equal(cn_loop_turn(loop, 0, NULL), CN_OK);
    assert_int_equal(n_rearmed, 1);
    run_loop();
    assert_int_equal(n_rearmed, 5);
}

struct pair {
    int one[2], other[2];
    unsigned n_calls;
};

/* Whoever comes first takes the other one out. */
static void remove_both(void *user, int fd, unsigned events)
{
    struct pair *p = user;

    (void)fd;
    assert_true(events & CN_LOOP_READ);
    p->n_calls++;
    cn_loop_remove_fd(loop, p->one[0]);
    cn_loop_remove_fd(loop, p->other[0]);
}

static void a_descriptor_removed_by_a_callback_is_not_called_any_more(void **state)
{
    (void)state;
    struct pair p = {0};

    assert_int_equal(pipe(p.one), 0);
    assert_int_equal(pipe(p.other), 0);
    assert_int_equal(cn_loop_add_fd(loop, p.one[0], CN_LOOP_READ, remove_both, &p, NULL), CN_OK);
    assert_int_equal(cn_loop_add_fd(loop, p.other[0], CN_LOOP_READ, remove_both, &p, NULL), CN_OK);
    assert_int_equal(cn_loop_add_fd(loop, p.one[0], CN_LOOP_READ, remove_both, &p, NULL),
                     CN_E_EXISTS);
    assert_int_equal(write(p.one[1], "x", 1), 1);
    assert_int_equal(write(p.other[1], "x", 1), 1);
    assert_int_equal(cn_loop_turn(loop, 1000, NULL), CN_OK);
    assert_int_equal(cn_loop_turn(loop, 0, NULL), CN_OK);
    assert_int_equal(p.n_calls, 1);
    for (int i = 0; i < 2; i++) {
        close(p.one[i]);
        close(p.other[i]);
    }
}

static int seen_signal;

static void on_signal(void *user, int signal)
{
    (void)user;
    seen_signal = signal;
    cn_loop_stop(loop);
}

static void a_signal_is_an_event_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(cn_loop_on_signal(loop, on_signal, NULL, NULL), CN_OK);
    kill(getpid(), SIGTERM);
    run_loop();
    assert_int_equal(seen_signal, SIGTERM);
    assert_int_equal(cn_loop_on_signal(loop, NULL, NULL, NULL), CN_OK);
    kill(getpid(), SIGINT);
    run_loop();
}

/* Links in the loop: a flood of messages is answered one by one, whatever libzmq's descriptors say.
 */
enum { N_ECHOES = 2000 };
static unsigned n_echoes, n_sent;
static struct cn_link *client;

static void send_some(void)
{
    struct cn_bytes hi = {(const uint8_t *)"hi", 2};

    while (n_sent < N_ECHOES && n_sent < n_echoes + 20 &&
           cn_link_send(client, 0, hi, NULL, NULL) == CN_OK)
        n_sent++;
}

static void on_server(void *user, struct cn_link *link, const struct cn_link_event *ev)
{
    (void)user;
    assert_int_equal(cn_link_send(link, ev->conn, ev->header, NULL, NULL), CN_OK);
}

static void on_client(void *user, struct cn_link *link, const struct cn_link_event *ev)
{
    (void)user, (void)link;
    n_echoes += ev->what == CN_LINK_MESSAGE;
    send_some();
    if (n_echoes == N_ECHOES)
        cn_loop_stop(loop);
}

static void links_are_served_until_nothing_is_left(void **state)
{
    (void)state;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = cn_secret_new(CN_SECRET_LINK);
    struct cn_link *CN_CLEANUP(cn_link_close) server = NULL;
    struct cn_link_listen_conf conf = {
        .endpoint = "tcp://127.0.0.1:0", .secret = key, .domain = "echo"};

    assert_int_equal(cn_link_listen(&server, &conf, NULL), CN_OK);
    assert_int_equal(cn_link_dial(&client,
                                  &(struct cn_link_dial_conf){.endpoint = cn_link_endpoint(server),
                                                              .server = *cn_secret_public(key),
                                                              .secret = key},
                                  NULL),
                     CN_OK);
    assert_int_equal(cn_loop_add_link(loop, server, on_server, NULL, NULL), CN_OK);
    assert_int_equal(cn_loop_add_link(loop, client, on_client, NULL, NULL), CN_OK);
    run_loop();
    assert_int_equal(n_echoes, N_ECHOES);
    cn_loop_remove_link(loop, client);
    cn_loop_remove_link(loop, server);
    cn_link_close(&client);
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
    run_loop();
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
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_can_be_moved_and_cancelled, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_timer_may_set_itself_again, begin, end),
        cmocka_unit_test_setup_teardown(a_descriptor_removed_by_a_callback_is_not_called_any_more,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_signal_is_an_event_like_any_other, begin, end),
        cmocka_unit_test_setup_teardown(links_are_served_until_nothing_is_left, begin, end),
        cmocka_unit_test_setup_teardown(ten_thousand_jobs_come_back_once_each_and_in_order, begin,
                                        end),
        cmocka_unit_test_setup_teardown(draining_waits_also_for_jobs_that_finished_jobs_submit,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            destroying_a_worker_finishes_the_running_job_and_abandons_the_rest, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
