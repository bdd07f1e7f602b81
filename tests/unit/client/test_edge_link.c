/* The device's session, and its labels. */
#include "tests/unit/client/core_help.h"

#include <string.h>

static struct edge_why why(const struct help *h)
{
    return edge_core_why(&h->core, EDGE_PART_LINK);
}

static void welcome(struct help *h, uint64_t nonce)
{
    struct cn_msg m = {.kind = CN_MSG_WELCOME, .session = 7};

    m.welcome.major = CN_PROTO_MAJOR;
    m.welcome.nonce = nonce;
    m.welcome.ping_ms = 20000;
    help_hear(h, m, 0);
}

static void a_device_that_starts_wants_to_be_connected(void **state)
{
    struct help *h = *state;

    help_tick(h, 0);
    assert_non_null(help_action(h, EDGE_ACT_CONNECT, 0));
    assert_int_equal(why(h).reason, EDGE_WHY_UNREACHABLE);
    assert_true(why(h).until_ms > h->now_ms);
    help_step(h, (struct edge_event){.kind = EDGE_EV_DOWN, .down = EDGE_DOWN_SERVER_KEY});
    assert_int_equal(why(h).reason, EDGE_WHY_SERVER_KEY);
}

static void it_tries_again_ever_later_but_not_too_late(void **state)
{
    struct help *h = *state;
    uint64_t last_ms = 0, longest_ms = 0;

    for (int i = 0; i < 20; i++) {
        help_wait(h);
        assert_non_null(help_action(h, EDGE_ACT_CONNECT, 0));
        if (last_ms && h->now_ms - last_ms > longest_ms)
            longest_ms = h->now_ms - last_ms;
        last_ms = h->now_ms;
    }
    assert_in_range(longest_ms, help_conf.retry_max_ms * 3 / 4, help_conf.retry_max_ms * 5 / 4);
}

static void only_the_answer_to_the_last_hello_opens_a_session(void **state)
{
    struct help *h = *state;

    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    uint64_t first = help_said(h, CN_MSG_HELLO)->hello.nonce;
    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    uint64_t second = help_said(h, CN_MSG_HELLO)->hello.nonce;
    assert_int_not_equal(first, second);
    welcome(h, first);
    assert_false(edge_core_is_online(&h->core));
    welcome(h, second);
    assert_true(edge_core_is_online(&h->core));
    assert_int_equal(h->core.link.session, 7);
}

static void hello_says_what_is_installed(void **state)
{
    struct help *h = *state;

    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    const struct cn_msg *m = help_said(h, CN_MSG_HELLO);
    assert_int_equal(m->session, 0);
    assert_int_equal(m->hello.release, 5);
    assert_int_equal(m->hello.registry_version, 2);
    assert_memory_equal(&m->hello.fleet, &help_conf.fleet, sizeof m->hello.fleet);
}

static void messages_of_another_session_are_ignored(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_ANNOUNCE, .session = HELP_SESSION + 1};

    m.announce.release = 6;
    m.announce.manifest_bytes = 10;
    help_hear(h, m, 0);
    assert_int_equal(h->out.n, 0);
    assert_int_equal(h->core.heads.release, 5);
}

static void a_refusal_is_named_and_asked_again_later(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_REFUSED};

    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    m.refused.reason = CN_REFUSED_SUSPENDED;
    m.refused.nonce = help_said(h, CN_MSG_HELLO)->hello.nonce;
    m.refused.retry_ms = 60000;
    help_hear(h, m, 0);
    assert_int_equal(why(h).reason, EDGE_WHY_REFUSED);
    assert_int_equal(why(h).refused, CN_REFUSED_SUSPENDED);
    assert_int_equal(why(h).until_ms, h->now_ms + 60000);
    help_tick(h, 60000);
    assert_non_null(help_said(h, CN_MSG_HELLO));
}

static void a_restarted_coordinator_is_greeted_at_once(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_REFUSED};

    m.refused.reason = CN_REFUSED_SESSION;
    help_hear(h, m, 0);
    assert_non_null(help_said(h, CN_MSG_HELLO));
    assert_false(edge_core_is_online(&h->core));
}

static void a_coordinator_that_says_nothing_is_lost(void **state)
{
    struct help *h = *state;
    uint64_t from_ms = h->now_ms;
    uint32_t n_pings = 0;

    while (edge_core_is_online(&h->core)) {
        help_wait(h);
        n_pings += help_said(h, CN_MSG_PING) != NULL;
    }
    assert_int_equal(n_pings, 2);
    assert_int_equal(h->now_ms, from_ms + 2 * 20000 + help_conf.reply_ms);
    assert_non_null(help_action(h, EDGE_ACT_CONNECT, 0));
    assert_non_null(help_said(h, CN_MSG_HELLO));
}

static void a_pong_keeps_the_session_and_brings_news(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_PONG};

    m.pong.release = 6;
    m.pong.manifest = help_digest(9);
    m.pong.manifest_bytes = 10;
    m.pong.registry_version = 2;
    help_tick(h, 20000);
    help_hear(h, m, 0);
    assert_int_equal(h->core.link.heard_ms, h->now_ms);
    assert_int_equal(help_action(h, EDGE_ACT_LOOK, 0)->blob.what, EDGE_BLOB_MANIFEST);
}

static void a_store_that_was_lost_does_not_reuse_numbers(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_WELCOME, .session = 7};

    help_step(h, (struct edge_event){.kind = EDGE_EV_UP});
    m.welcome.major = CN_PROTO_MAJOR;
    m.welcome.nonce = help_said(h, CN_MSG_HELLO)->hello.nonce;
    m.welcome.ping_ms = 20000;
    m.welcome.last_seq = 41;
    help_hear(h, m, 0);
    assert_int_equal(h->core.send.next_seq, 42);
}

/* ---- labels ---- */

static void propose(struct help *h, uint32_t request, const char *name)
{
    struct edge_event ev = {.kind = EDGE_EV_PROPOSE};

    ev.propose.request = request;
    ev.propose.name = name;
    help_step(h, ev);
}

static void answer(struct help *h, uint32_t request, enum cn_label_state s)
{
    struct cn_msg m = {.kind = CN_MSG_LABEL};

    m.label.request = request;
    m.label.state = s;
    m.label.id = 9;
    help_hear(h, m, 0);
}

static void a_new_label_is_proposed_until_it_is_decided_on(void **state)
{
    struct help *h = *state;

    help_conf.propose_ms = 5000;
    help_restart(h);
    help_online(h);
    propose(h, 1, "cat");
    assert_string_equal(help_said(h, CN_MSG_PROPOSE)->propose.name, "cat");
    answer(h, 1, CN_LABEL_PROPOSED);
    assert_int_equal(help_action(h, EDGE_ACT_LABEL, 0)->label.state, CN_LABEL_PROPOSED);
    help_tick(h, help_conf.propose_ms);
    assert_non_null(help_said(h, CN_MSG_PROPOSE));
    answer(h, 1, CN_LABEL_ACCEPTED);
    assert_int_equal(help_action(h, EDGE_ACT_LABEL, 0)->label.id, 9);
    answer(h, 1, CN_LABEL_ACCEPTED); /* twice */
    assert_int_equal(h->out.n, 0);
}

static void labels_that_came_while_offline_are_proposed_on_return(void **state)
{
    struct help *h = *state;

    help_step(h, (struct edge_event){.kind = EDGE_EV_DOWN});
    propose(h, 1, "cat");
    propose(h, 2, "dog");
    assert_int_equal(h->out.n, 0);
    help_online(h);
    assert_int_equal(help_count(h, EDGE_ACT_SEND), 2);
    assert_string_equal(help_said(h, CN_MSG_PROPOSE)->propose.name, "cat");
}

static void labels_beyond_what_fits_are_asked_for_again(void **state)
{
    struct help *h = *state;

    for (uint32_t i = 0; i <= EDGE_MAX_PROPOSALS; i++)
        propose(h, i, "x");
    answer(h, 0, CN_LABEL_REJECTED);
    assert_non_null(help_action(h, EDGE_ACT_UNRESOLVED, 0));
    answer(h, 1, CN_LABEL_REJECTED);
    assert_null(help_action(h, EDGE_ACT_UNRESOLVED, 0));
}

/* ---- tallies ---- */

static void tallies_are_sent_when_they_changed_but_not_too_often(void **state)
{
    struct help *h = *state;

    help_tick(h, help_conf.tally_ms); /* the session's first has gone out */
    assert_null(help_said(h, CN_MSG_TALLY));
    help_step(h, (struct edge_event){.kind = EDGE_EV_COUNTED});
    assert_int_equal(help_said(h, CN_MSG_TALLY)->tally.release, 5);
    help_step(h, (struct edge_event){.kind = EDGE_EV_COUNTED});
    assert_null(help_said(h, CN_MSG_TALLY));
    help_tick(h, help_conf.tally_ms);
    assert_non_null(help_said(h, CN_MSG_TALLY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_device_that_starts_wants_to_be_connected, help_start),
        cmocka_unit_test_setup(it_tries_again_ever_later_but_not_too_late, help_start),
        cmocka_unit_test_setup(only_the_answer_to_the_last_hello_opens_a_session, help_start),
        cmocka_unit_test_setup(hello_says_what_is_installed, help_start),
        cmocka_unit_test_setup(messages_of_another_session_are_ignored, help_start_online),
        cmocka_unit_test_setup(a_refusal_is_named_and_asked_again_later, help_start),
        cmocka_unit_test_setup(a_restarted_coordinator_is_greeted_at_once, help_start_online),
        cmocka_unit_test_setup(a_coordinator_that_says_nothing_is_lost, help_start_online),
        cmocka_unit_test_setup(a_pong_keeps_the_session_and_brings_news, help_start_online),
        cmocka_unit_test_setup(a_store_that_was_lost_does_not_reuse_numbers, help_start),
        cmocka_unit_test_setup(a_new_label_is_proposed_until_it_is_decided_on, help_start),
        cmocka_unit_test_setup(labels_that_came_while_offline_are_proposed_on_return,
                               help_start_online),
        cmocka_unit_test_setup(labels_beyond_what_fits_are_asked_for_again, help_start_online),
        cmocka_unit_test_setup(tallies_are_sent_when_they_changed_but_not_too_often,
                               help_start_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
