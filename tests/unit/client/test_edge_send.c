/* From the queue to COMMITTED. */
#include "tests/unit/client/core_help.h"

static struct edge_why why(const struct help *h)
{
    return edge_core_why(&h->core, EDGE_PART_SEND);
}

/* ---- when an update is worth while ---- */

static void a_full_batch_asks_at_once(void **state)
{
    struct help *h = *state;

    help_queue(h, 3, 0);
    assert_null(help_said(h, CN_MSG_READY));
    assert_int_equal(why(h).reason, EDGE_WHY_BATCH);
    assert_int_equal(why(h).have, 3);
    assert_int_equal(why(h).need, 4);
    help_queue(h, 4, 0);
    assert_int_equal(help_said(h, CN_MSG_READY)->ready.base, 5);
    assert_int_equal(help_said(h, CN_MSG_READY)->ready.n_held_out, 3);
}

static void a_small_queue_asks_when_its_oldest_has_waited(void **state)
{
    struct help *h = *state;

    help_queue(h, 1, 100);
    assert_int_equal(why(h).until_ms, h->now_ms + help_conf.max_wait_ms - 100);
    while (!help_said(h, CN_MSG_READY)) {
        struct cn_msg pong = {.kind = CN_MSG_PONG};
        pong.pong = h->core.heads;
        help_wait(h);
        if (help_said(h, CN_MSG_PING))
            help_hear(h, pong, 0);
    }
    assert_int_equal(h->now_ms, 1000 + help_conf.max_wait_ms - 100);
}

static void a_label_that_the_fleet_does_not_know_waits_less(void **state)
{
    struct help *h = *state;
    struct edge_event ev = {.kind = EDGE_EV_QUEUE};

    ev.queue.n_eligible = 1;
    ev.queue.has_new_label = true;
    help_step(h, ev);
    help_tick(h, help_conf.new_label_wait_ms);
    assert_non_null(help_said(h, CN_MSG_READY));
}

static void flush_asks_at_once(void **state)
{
    struct help *h = *state;

    help_queue(h, 1, 0);
    help_step(h, (struct edge_event){.kind = EDGE_EV_FLUSH});
    assert_non_null(help_said(h, CN_MSG_READY));
}

static void nothing_is_asked_without_a_release(void **state)
{
    struct help *h = *state;

    help_begin.release = 0;
    help_restart(h);
    help_online(h);
    h->core.heads.release = 0;
    help_queue(h, 9, 0);
    assert_null(help_said(h, CN_MSG_READY));
}

static void a_newer_release_is_fetched_first(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_ANNOUNCE};

    m.announce = h->core.heads;
    m.announce.release = 6;
    m.announce.manifest_bytes = 10;
    help_hear(h, m, 0);
    help_queue(h, 9, 0);
    assert_null(help_said(h, CN_MSG_READY));
    assert_int_equal(why(h).reason, EDGE_WHY_FETCH_FIRST);
}

static void a_wait_is_waited_for(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_WAIT};

    help_queue(h, 4, 0);
    m.wait.about = CN_ABOUT_READY;
    m.wait.reason = CN_WAIT_SCORING;
    m.wait.retry_ms = 3000;
    help_hear(h, m, 0);
    assert_int_equal(why(h).reason, EDGE_WHY_TOLD_TO_WAIT);
    assert_int_equal(why(h).wait, CN_WAIT_SCORING);
    assert_int_equal(why(h).until_ms, h->now_ms + 3000);
    help_tick(h, 3000);
    assert_non_null(help_said(h, CN_MSG_READY));
}

static void an_update_that_cannot_be_built_is_tried_again_later(void **state)
{
    struct help *h = *state;

    help_queue(h, 4, 0);
    help_hear(h, (struct cn_msg){.kind = CN_MSG_TASK}, 0);
    help_built(h, 1, 0);
    assert_int_equal(why(h).reason, EDGE_WHY_BUILD_FAILED);
    help_wait(h);
    assert_non_null(help_said(h, CN_MSG_READY));
}

/* ---- the update's way ---- */

static void an_update_is_sent_within_the_window(void **state)
{
    struct help *h = *state;

    help_offered(h, 6ull * CN_CHUNK_BYTES + 5);
    help_answer(h, CN_MSG_SEND, 1);
    assert_int_equal(help_count(h, EDGE_ACT_UPLOAD), 4);
    assert_int_equal(help_action(h, EDGE_ACT_UPLOAD, 3)->offset, 3 * CN_CHUNK_BYTES);
    struct cn_msg m = {.kind = CN_MSG_SEND};
    m.send.seq = 1;
    m.send.offset = 2 * CN_CHUNK_BYTES;
    m.send.credit = 4;
    help_hear(h, m, 0);
    assert_int_equal(help_count(h, EDGE_ACT_UPLOAD), 2);
    help_hear(h, m, 0); /* twice moves nothing */
    assert_int_equal(help_count(h, EDGE_ACT_UPLOAD), 0);
    m.send.offset = 4 * CN_CHUNK_BYTES;
    help_hear(h, m, 0);
    assert_int_equal(help_count(h, EDGE_ACT_UPLOAD), 1);
    assert_int_equal(help_action(h, EDGE_ACT_UPLOAD, 0)->n_bytes, 5);
    assert_int_equal(why(h).reason, EDGE_WHY_ARRIVED);
}

static void received_then_committed_ends_an_update(void **state)
{
    struct help *h = *state;

    help_offered(h, 10);
    help_answer(h, CN_MSG_SEND, 1);
    help_answer(h, CN_MSG_RECEIVED, 1);
    assert_int_equal(help_action(h, EDGE_ACT_RECEIVED, 0)->update.seq, 1);
    assert_int_equal(why(h).reason, EDGE_WHY_HELD);
    help_answer(h, CN_MSG_COMMITTED, 1);
    assert_int_equal(help_action(h, EDGE_ACT_COMMIT, 0)->update.release, 6);
    assert_int_equal(h->core.send.update.seq, 0);
    help_answer(h, CN_MSG_COMMITTED, 1);
    assert_int_equal(h->out.n, 0);
}

static void a_rejected_update_goes_back_and_its_number_is_never_used_again(void **state)
{
    struct help *h = *state;

    help_offered(h, 10);
    help_answer(h, CN_MSG_REJECT, 1);
    assert_int_equal(help_action(h, EDGE_ACT_RETURN, 0)->update.reason, CN_REJECT_GATE);
    help_queue(h, 4, 0);
    assert_int_equal(why(h).reason, EDGE_WHY_REJECTED);
    assert_int_equal(why(h).reject, CN_REJECT_GATE);
    assert_true(why(h).until_ms >= h->now_ms + 60000);
    h->core.link.heard_ms = why(h).until_ms; /* the coordinator stays in touch */
    h->core.link.ping_due_ms = why(h).until_ms + 1000;
    help_tick(h, why(h).until_ms - h->now_ms);
    assert_non_null(help_said(h, CN_MSG_READY));
    help_hear(h, (struct cn_msg){.kind = CN_MSG_TASK}, 0);
    assert_int_equal(help_action(h, EDGE_ACT_BUILD, 0)->update.seq, 2);
}

static void answers_about_another_number_are_ignored(void **state)
{
    struct help *h = *state;
    static const enum cn_msg_kind kinds[] = {CN_MSG_SEND, CN_MSG_HELD, CN_MSG_RECEIVED,
                                             CN_MSG_COMMITTED, CN_MSG_REJECT};

    help_offered(h, 10);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        help_answer(h, kinds[i], 7);
        assert_int_equal(h->out.n, 0);
        assert_int_equal(h->core.send.state, EDGE_SEND_OFFERED);
    }
}

static void a_broken_link_leads_to_the_same_offer_again(void **state)
{
    struct help *h = *state;

    help_offered(h, 10);
    help_answer(h, CN_MSG_SEND, 1);
    help_step(h, (struct edge_event){.kind = EDGE_EV_DOWN});
    assert_int_equal(why(h).reason, EDGE_WHY_OFFLINE);
    help_online(h);
    assert_int_equal(help_said(h, CN_MSG_OFFER)->offer.seq, 1);
}

static void a_restart_finds_the_update_and_offers_it(void **state)
{
    struct help *h = *state;

    help_begin.update = (struct edge_update){.seq = 9, .size_bytes = 10, .base = 4};
    help_begin.next_seq = 10;
    help_restart(h);
    help_online(h);
    assert_int_equal(help_said(h, CN_MSG_OFFER)->offer.seq, 9);
    assert_int_equal(help_said(h, CN_MSG_OFFER)->offer.base, 4);
}

static void an_answer_that_does_not_come_is_asked_for_again(void **state)
{
    struct help *h = *state;

    help_offered(h, 10);
    help_tick(h, help_conf.reply_ms);
    assert_int_equal(why(h).reason, EDGE_WHY_NO_ANSWER);
    help_wait(h);
    assert_int_equal(help_said(h, CN_MSG_OFFER)->offer.seq, 1);
}

static void being_called_from_the_line_offers_at_once(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_WAIT};

    help_offered(h, 10);
    m.wait.about = CN_ABOUT_OFFER;
    m.wait.reason = CN_WAIT_SLOTS;
    m.wait.ref = 1;
    m.wait.retry_ms = 5000;
    help_hear(h, m, 0);
    assert_null(help_said(h, CN_MSG_OFFER));
    m.wait.retry_ms = 0;
    help_hear(h, m, 0);
    assert_non_null(help_said(h, CN_MSG_OFFER));
}

static void a_received_that_overtakes_a_wait_is_taken(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_WAIT};

    help_offered(h, 10);
    m.wait.about = CN_ABOUT_OFFER;
    m.wait.reason = CN_WAIT_MERGING;
    m.wait.ref = 1;
    m.wait.retry_ms = 5000;
    help_hear(h, m, 0);
    help_answer(h, CN_MSG_RECEIVED, 1);
    assert_int_equal(why(h).reason, EDGE_WHY_HELD);
    help_hear(h, m, 0); /* late: a held update waits for its release, and nothing else */
    assert_int_equal(why(h).reason, EDGE_WHY_HELD);
}

static void a_held_update_is_asked_after_from_time_to_time(void **state)
{
    struct help *h = *state;

    help_conf.commit_ms = 5000;
    help_restart(h);
    help_online(h);
    help_offered(h, 10);
    help_answer(h, CN_MSG_HELD, 1);
    help_tick(h, 5000);
    assert_int_equal(help_said(h, CN_MSG_OFFER)->offer.seq, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_full_batch_asks_at_once, help_start_online),
        cmocka_unit_test_setup(a_small_queue_asks_when_its_oldest_has_waited, help_start_online),
        cmocka_unit_test_setup(a_label_that_the_fleet_does_not_know_waits_less, help_start_online),
        cmocka_unit_test_setup(flush_asks_at_once, help_start_online),
        cmocka_unit_test_setup(nothing_is_asked_without_a_release, help_start),
        cmocka_unit_test_setup(a_newer_release_is_fetched_first, help_start_online),
        cmocka_unit_test_setup(a_wait_is_waited_for, help_start_online),
        cmocka_unit_test_setup(an_update_that_cannot_be_built_is_tried_again_later,
                               help_start_online),
        cmocka_unit_test_setup(an_update_is_sent_within_the_window, help_start_online),
        cmocka_unit_test_setup(received_then_committed_ends_an_update, help_start_online),
        cmocka_unit_test_setup(a_rejected_update_goes_back_and_its_number_is_never_used_again,
                               help_start_online),
        cmocka_unit_test_setup(answers_about_another_number_are_ignored, help_start_online),
        cmocka_unit_test_setup(a_broken_link_leads_to_the_same_offer_again, help_start_online),
        cmocka_unit_test_setup(a_restart_finds_the_update_and_offers_it, help_start),
        cmocka_unit_test_setup(an_answer_that_does_not_come_is_asked_for_again, help_start_online),
        cmocka_unit_test_setup(being_called_from_the_line_offers_at_once, help_start_online),
        cmocka_unit_test_setup(a_received_that_overtakes_a_wait_is_taken, help_start_online),
        cmocka_unit_test_setup(a_held_update_is_asked_after_from_time_to_time, help_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
