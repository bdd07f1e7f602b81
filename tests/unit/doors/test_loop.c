/* The loop and the worker: order, removal in the middle of things, signals, and ten thousand jobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/doors/loop.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_and_can_be_moved_and_cancelled, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_timer_may_set_itself_again, begin, end),
        cmocka_unit_test_setup_teardown(a_descriptor_removed_by_a_callback_is_not_called_any_more,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_signal_is_an_event_like_any_other, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
