/* Uploads: numbers, slots, the line, and what is never taken. */
#include "tests/unit/server/core_help.h"

static void all_online(struct help *h)
{
    for (uint32_t id = 1; id <= 3; id++)
        help_hello(h, id);
}

static void an_offer_gets_a_slot_and_a_window(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_offer(h, 1, 1);
    assert_int_equal(help_action(h, SRV_ACT_OPEN, 0)->slot.bytes, 1000);
    const struct cn_msg *m = help_told(h, 1, CN_MSG_SEND);
    assert_int_equal(m->send.seq, 1);
    assert_int_equal(m->send.offset, 0);
    assert_int_equal(m->send.credit, help_conf.credit);
}

static void an_upload_is_merged_and_then_received(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_offer(h, 1, 1);
    help_chunk(h, 1, 1);
    const struct srv_action *a = help_action(h, SRV_ACT_MERGE, 0);
    assert_non_null(a);
    assert_int_equal(a->slot.seq, 1);
    assert_int_equal(a->slot.staleness, 0);
    assert_null(help_told(h, 1, CN_MSG_RECEIVED)); /* not before it is in the sums */
    help_merged(h, 1, 1, CN_REJECT_NONE);
    assert_int_equal(help_told(h, 1, CN_MSG_RECEIVED)->received.seq, 1);
    assert_int_equal(h->core.round.n_updates, 1);
    assert_int_equal(h->core.n_busy, 0);
}

static void a_chunk_twice_is_written_once(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_OFFER}, c = {.kind = CN_MSG_CHUNK};

    all_online(h);
    m.offer.seq = 1;
    m.offer.size_bytes = c.chunk.total_bytes = 2 * CN_CHUNK_BYTES;
    m.offer.base = 5;
    help_say(h, 1, m, 0);
    help_say(h, 1, c, CN_CHUNK_BYTES);
    assert_non_null(help_action(h, SRV_ACT_WRITE, 0));
    help_say(h, 1, c, CN_CHUNK_BYTES);
    assert_int_equal(h->out.n, 0);
}

static void a_broken_upload_resumes_where_it_stopped(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_OFFER}, c = {.kind = CN_MSG_CHUNK};

    all_online(h);
    m.offer.seq = 1;
    m.offer.size_bytes = c.chunk.total_bytes = 3 * CN_CHUNK_BYTES;
    m.offer.base = 5;
    help_say(h, 1, m, 0);
    help_say(h, 1, c, CN_CHUNK_BYTES);
    help_step(h, (struct srv_event){.kind = SRV_EV_GONE, .device = 1, .conn = 101});
    help_hello(h, 1);
    help_say(h, 1, m, 0);
    assert_int_equal(help_told(h, 1, CN_MSG_SEND)->send.offset, CN_CHUNK_BYTES);
    assert_null(help_action(h, SRV_ACT_OPEN, 0));
}

static void the_window_moves_before_it_is_used_up(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_OFFER}, c = {.kind = CN_MSG_CHUNK};

    all_online(h);
    m.offer.seq = 1;
    m.offer.size_bytes = c.chunk.total_bytes = 40ull * CN_CHUNK_BYTES;
    m.offer.base = 5;
    help_say(h, 1, m, 0);
    for (uint32_t i = 1; i < 40; i++) {
        help_say(h, 1, c, CN_CHUNK_BYTES);
        c.chunk.offset += CN_CHUNK_BYTES;
        const struct cn_msg *send = help_told(h, 1, CN_MSG_SEND);
        assert_int_equal(send != NULL, i % (help_conf.credit / 2) == 0);
        if (send)
            assert_int_equal(send->send.offset, c.chunk.offset);
    }
}

static void a_held_update_that_is_offered_again_is_held(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_give(h, 1, 1);
    help_offer(h, 1, 1);
    assert_int_equal(help_told(h, 1, CN_MSG_HELD)->held.seq, 1);
    assert_int_equal(h->core.round.n_updates, 1);
    help_offer(h, 1, 2);
    assert_int_equal(help_wait(h, 1), CN_WAIT_IN_FLIGHT);
}

static void a_rejected_number_is_rejected_for_ever_and_for_the_same_reason(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_offer(h, 1, 3);
    help_chunk(h, 1, 3);
    help_merged(h, 1, 3, CN_REJECT_NUMERIC);
    assert_int_equal(help_reject(h, 1), CN_REJECT_NUMERIC);
    assert_string_equal(help_told(h, 1, CN_MSG_REJECT)->reject.text,
                        "tensor head.weight holds NaN");
    help_offer(h, 1, 3);
    assert_int_equal(help_reject(h, 1), CN_REJECT_NUMERIC);
    help_offer(h, 1, 2);
    assert_int_equal(help_reject(h, 1), CN_REJECT_NUMERIC);
    assert_int_equal(h->core.n_busy, 0);
    help_offer(h, 1, 4);
    assert_non_null(help_told(h, 1, CN_MSG_SEND));
}

static void a_committed_number_is_known_after_a_restart(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_DEVICE, .device = 4};

    ev.record.state = SRV_DEVICE_ACTIVE;
    ev.record.last_seq = 9;
    ev.record.last_release = 4;
    help_step(h, ev);
    help_hello(h, 4);
    assert_int_equal(help_told(h, 4, CN_MSG_WELCOME)->welcome.last_seq, 9);
    help_offer(h, 4, 9);
    assert_int_equal(help_told(h, 4, CN_MSG_COMMITTED)->committed.release, 4);
    help_offer(h, 4, 8);
    assert_int_equal(help_reject(h, 4), CN_REJECT_OLD_SEQ);
}

static enum cn_reject offer_rejected(struct help *h, uint64_t size_bytes, uint32_t base)
{
    static uint64_t seq = 100;
    struct cn_msg m = {.kind = CN_MSG_OFFER};

    m.offer.seq = ++seq;
    m.offer.size_bytes = size_bytes;
    m.offer.base = base;
    help_say(h, 1, m, 0);
    return help_reject(h, 1);
}

static void too_old_too_new_and_too_large_are_rejected_by_name(void **state)
{
    struct help *h = *state;

    all_online(h);
    assert_int_equal(offer_rejected(h, 10, 1), CN_REJECT_STALE);
    assert_int_equal(offer_rejected(h, 10, 6), CN_REJECT_AHEAD);
    assert_int_equal(help_told(h, 1, CN_MSG_REJECT)->reject.release, 5);
    assert_int_equal(offer_rejected(h, help_conf.max_update_bytes + 1, 5), CN_REJECT_TOO_LARGE);
    assert_int_equal(offer_rejected(h, 10, 2), CN_REJECT_NONE); /* staleness 3 is allowed */
}

static void a_second_offer_beside_an_upload_waits_and_does_not_touch_it(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_OFFER};

    all_online(h);
    help_offer(h, 1, 1);
    m.offer.seq = 2;
    m.offer.size_bytes = help_conf.max_update_bytes + 1;
    help_say(h, 1, m, 0);
    assert_int_equal(help_wait(h, 1), CN_WAIT_IN_FLIGHT);
    help_chunk(h, 1, 1);
    assert_non_null(help_action(h, SRV_ACT_MERGE, 0));
}

static void who_finds_no_slot_stands_in_line_and_is_called(void **state)
{
    struct help *h = *state;
    uint64_t until_ms;

    all_online(h);
    help_offer(h, 1, 1);
    help_offer(h, 2, 1);
    help_offer(h, 3, 1);
    assert_int_equal(help_wait(h, 3), CN_WAIT_SLOTS);
    assert_int_equal(help_told(h, 3, CN_MSG_WAIT)->wait.retry_ms, help_conf.retry_ms);
    assert_int_equal(srv_core_device_why(&h->core, 3, &until_ms), CN_WAIT_SLOTS);
    assert_int_equal(until_ms, h->now_ms + help_conf.retry_ms);
    help_chunk(h, 1, 1);
    help_merged(h, 1, 1, CN_REJECT_NONE);
    assert_int_equal(help_wait(h, 3), CN_WAIT_SLOTS);
    assert_int_equal(help_told(h, 3, CN_MSG_WAIT)->wait.retry_ms, 0);
    help_offer(h, 3, 1);
    assert_non_null(help_told(h, 3, CN_MSG_SEND));
}

static void nobody_jumps_the_line(void **state)
{
    struct help *h = *state;

    help_conf.n_slots = 1;
    help_restart(h, 4);
    for (uint32_t id = 1; id <= 4; id++)
        help_hello(h, id);
    help_offer(h, 1, 1);
    help_offer(h, 2, 1);
    help_offer(h, 3, 1);
    help_chunk(h, 1, 1);
    help_merged(h, 1, 1, CN_REJECT_SHAPE); /* the slot is free, kept for device 2 */
    help_offer(h, 3, 1);
    assert_int_equal(help_wait(h, 3), CN_WAIT_SLOTS);
    help_offer(h, 4, 1);
    assert_int_equal(help_wait(h, 4), CN_WAIT_SLOTS);
    help_offer(h, 2, 1);
    assert_non_null(help_told(h, 2, CN_MSG_SEND));
}

static void who_does_not_come_when_called_loses_the_place(void **state)
{
    struct help *h = *state;

    help_conf.n_slots = 1;
    help_restart(h, 3);
    all_online(h);
    help_offer(h, 1, 1);
    help_offer(h, 2, 1);
    help_offer(h, 3, 1);
    help_chunk(h, 1, 1);
    help_merged(h, 1, 1, CN_REJECT_SHAPE);
    help_tick(h, help_conf.retry_ms / 2);
    help_offer(h, 3, 1);
    assert_int_equal(help_wait(h, 3), CN_WAIT_SLOTS);
    help_tick(h, help_conf.retry_ms / 2); /* device 2 was called and did not come */
    assert_int_equal(help_told(h, 3, CN_MSG_WAIT)->wait.retry_ms, 0);
    help_offer(h, 3, 1);
    assert_non_null(help_told(h, 3, CN_MSG_SEND));
}

static void bytes_in_flight_are_capped(void **state)
{
    struct help *h = *state;

    help_conf.max_inflight_bytes = 1500;
    help_restart(h, 3);
    all_online(h);
    help_offer(h, 1, 1);
    help_offer(h, 2, 1);
    assert_int_equal(help_wait(h, 2), CN_WAIT_MEMORY);
    help_chunk(h, 1, 1);
    help_merged(h, 1, 1, CN_REJECT_NONE);
    help_offer(h, 2, 1);
    assert_non_null(help_told(h, 2, CN_MSG_SEND));
}

static void an_upload_that_stands_still_loses_its_slot(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_offer(h, 1, 1);
    help_tick(h, help_conf.slot_idle_ms - 1);
    assert_int_equal(h->core.n_busy, 1);
    help_offer(h, 1, 1); /* words do not keep it */
    assert_non_null(help_told(h, 1, CN_MSG_SEND));
    help_tick(h, 1);
    assert_int_equal(help_wait(h, 1), CN_WAIT_STALLED);
    assert_non_null(help_action(h, SRV_ACT_FREE, 0));
    help_offer(h, 1, 1);
    assert_non_null(help_told(h, 1, CN_MSG_SEND));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_offer_gets_a_slot_and_a_window, help_start),
        cmocka_unit_test_setup(an_upload_is_merged_and_then_received, help_start),
        cmocka_unit_test_setup(a_chunk_twice_is_written_once, help_start),
        cmocka_unit_test_setup(a_broken_upload_resumes_where_it_stopped, help_start),
        cmocka_unit_test_setup(the_window_moves_before_it_is_used_up, help_start),
        cmocka_unit_test_setup(a_held_update_that_is_offered_again_is_held, help_start),
        cmocka_unit_test_setup(a_rejected_number_is_rejected_for_ever_and_for_the_same_reason,
                               help_start),
        cmocka_unit_test_setup(a_committed_number_is_known_after_a_restart, help_start),
        cmocka_unit_test_setup(too_old_too_new_and_too_large_are_rejected_by_name, help_start),
        cmocka_unit_test_setup(a_second_offer_beside_an_upload_waits_and_does_not_touch_it,
                               help_start),
        cmocka_unit_test_setup(who_finds_no_slot_stands_in_line_and_is_called, help_start),
        cmocka_unit_test_setup(nobody_jumps_the_line, help_start),
        cmocka_unit_test_setup(who_does_not_come_when_called_loses_the_place, help_start),
        cmocka_unit_test_setup(bytes_in_flight_are_capped, help_start),
        cmocka_unit_test_setup(an_upload_that_stands_still_loses_its_slot, help_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
