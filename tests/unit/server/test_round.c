/* The life of a round. */
#include "tests/unit/server/core_help.h"

static void all_online(struct help *h)
{
    for (uint32_t id = 1; id <= 3; id++)
        help_hello(h, id);
}

static void ready(struct help *h, uint32_t device, uint32_t base)
{
    struct cn_msg m = {.kind = CN_MSG_READY};

    m.ready.base = base;
    m.ready.n_held_out = 4;
    help_say(h, device, m, 0);
}

static enum srv_round_state round_state(const struct help *h)
{
    return h->core.round.state;
}

static void scored(struct help *h, uint32_t device, uint8_t model)
{
    static const struct cn_label_tally tally = {.label = 1, .right = 2};
    struct cn_msg m = {.kind = CN_MSG_SCORED};

    m.scored.round = h->core.round.number;
    m.scored.model = help_digest(model);
    m.scored.n_tallies = 1;
    m.scored.tallies = &tally;
    help_say(h, device, m, 0);
}

static void close_round(struct help *h)
{
    all_online(h);
    help_give(h, 1, 1);
    help_give(h, 2, 1);
    assert_int_equal(round_state(h), SRV_ROUND_CONSOLIDATING);
}

static void decide_round(struct help *h)
{
    close_round(h);
    help_consolidated(h);
    help_tick(h, help_conf.score_wait_ms);
    assert_int_equal(round_state(h), SRV_ROUND_DECIDING);
}

/* ---- gathering ---- */

static void who_is_ready_gets_a_task(void **state)
{
    struct help *h = *state;

    all_online(h);
    ready(h, 1, 5);
    assert_int_equal(help_told(h, 1, CN_MSG_TASK)->task.base, 5);
    ready(h, 1, 1);
    assert_int_equal(help_wait(h, 1), CN_WAIT_STALE_BASE);
    assert_non_null(help_told(h, 1, CN_MSG_ANNOUNCE));
    ready(h, 1, 6);
    assert_int_equal(help_wait(h, 1), CN_WAIT_AHEAD);
}

static void a_round_closes_at_k_updates(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_give(h, 1, 1);
    assert_int_equal(round_state(h), SRV_ROUND_GATHERING);
    help_give(h, 2, 1);
    const struct srv_action *a = help_action(h, SRV_ACT_CONSOLIDATE, 0);
    assert_int_equal(a->round.n, 2);
    assert_int_equal(a->round.base, 5);
    assert_int_equal(a->round.updates[1].device, 2);
}

static void a_round_closes_some_time_after_its_first_update(void **state)
{
    struct help *h = *state;

    all_online(h);
    assert_int_equal(srv_core_why(&h->core).reason, SRV_WHY_IDLE);
    help_give(h, 1, 1);
    struct srv_why why = srv_core_why(&h->core);
    assert_int_equal(why.reason, SRV_WHY_UPDATES);
    assert_int_equal(why.until_ms, h->now_ms + help_conf.max_wait_ms);
    assert_int_equal(why.have, 1);
    assert_int_equal(why.need, 2);
    help_tick(h, help_conf.max_wait_ms);
    assert_non_null(help_action(h, SRV_ACT_CONSOLIDATE, 0));
}

static void a_round_does_not_wait_for_more_updates_than_there_are_devices(void **state)
{
    struct help *h = *state;

    help_conf.updates = 100;
    help_restart(h, 1);
    help_hello(h, 1);
    help_give(h, 1, 1);
    assert_int_equal(round_state(h), SRV_ROUND_CONSOLIDATING);
}

static void an_admin_closes_a_round_that_has_something(void **state)
{
    struct help *h = *state;

    help_step(h, (struct srv_event){.kind = SRV_EV_CLOSE});
    assert_int_equal(round_state(h), SRV_ROUND_GATHERING);
    all_online(h);
    help_give(h, 1, 1);
    help_step(h, (struct srv_event){.kind = SRV_EV_CLOSE});
    assert_int_equal(round_state(h), SRV_ROUND_CONSOLIDATING);
}

static void a_closing_round_waits_for_its_merge_jobs(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_give(h, 1, 1);
    help_offer(h, 2, 1);
    help_chunk(h, 2, 1);
    help_step(h, (struct srv_event){.kind = SRV_EV_CLOSE});
    assert_int_equal(srv_core_why(&h->core).reason, SRV_WHY_MERGES);
    help_offer(h, 3, 1);
    help_chunk(h, 3, 1); /* too late for this round */
    assert_null(help_action(h, SRV_ACT_MERGE, 0));
    help_merged(h, 2, 1, CN_REJECT_NONE);
    assert_int_equal(help_action(h, SRV_ACT_CONSOLIDATE, 0)->round.n, 2);
}

static void a_closing_round_with_nothing_left_gathers_again(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_offer(h, 1, 1);
    help_chunk(h, 1, 1);
    help_step(h, (struct srv_event){.kind = SRV_EV_CLOSE});
    help_merged(h, 1, 1, CN_REJECT_FORM);
    assert_int_equal(round_state(h), SRV_ROUND_GATHERING);
}

/* ---- while it does not gather ---- */

static void what_arrives_between_rounds_is_parked_and_merged_in_the_next(void **state)
{
    struct help *h = *state;

    close_round(h);
    ready(h, 3, 5);
    assert_int_equal(help_wait(h, 3), CN_WAIT_CONSOLIDATING);
    help_offer(h, 3, 1);
    assert_non_null(help_told(h, 3, CN_MSG_SEND));
    help_chunk(h, 3, 1);
    assert_null(help_action(h, SRV_ACT_MERGE, 0));
    help_offer(h, 3, 1);
    assert_int_equal(help_wait(h, 3), CN_WAIT_PARKED);
    help_consolidated(h);
    help_tick(h, help_conf.score_wait_ms);
    help_decided(h, true);
    const struct srv_action *a = help_action(h, SRV_ACT_MERGE, 0);
    assert_int_equal(a->device, 3);
    assert_int_equal(a->slot.staleness, 1);
    assert_int_equal(a->slot.round, 2);
}

static void a_late_job_is_visible(void **state)
{
    struct help *h = *state;

    close_round(h);
    assert_false(srv_core_why(&h->core).overdue);
    help_tick(h, help_conf.job_ms);
    struct srv_why why = srv_core_why(&h->core);
    assert_true(why.overdue);
    assert_int_equal(why.until_ms, h->now_ms + help_conf.job_ms);
}

/* ---- scoring ---- */

static void candidates_are_scored_by_who_has_held_out_examples(void **state)
{
    struct help *h = *state;
    struct cn_msg ping = {.kind = CN_MSG_PING};

    close_round(h);
    help_say(h, 3, ping, 0); /* has none any more */
    help_consolidated(h);
    const struct srv_action *a = help_action(h, SRV_ACT_BROADCAST, 0);
    assert_int_equal(a->to, SRV_TO_SCORERS);
    assert_int_equal(a->msg.score.n_models, 2);
    uint32_t first = srv_core_next(&h->core, SRV_TO_SCORERS, 0);
    uint32_t second = srv_core_next(&h->core, SRV_TO_SCORERS, first);
    assert_int_equal(first + second, 3);
    assert_int_equal(srv_core_next(&h->core, SRV_TO_SCORERS, second), 0);
    assert_int_equal(srv_core_next(&h->core, SRV_TO_ONLINE, second), 3);
}

static void scoring_ends_when_everybody_has_answered_once(void **state)
{
    struct help *h = *state;

    close_round(h);
    help_consolidated(h);
    for (uint32_t id = 1; id <= 3; id++) {
        scored(h, id, 31);
        assert_int_equal(help_action(h, SRV_ACT_SCORED, 0)->tallies.index, 0);
        scored(h, id, 31); /* twice counts once */
        assert_null(help_action(h, SRV_ACT_SCORED, 0));
        scored(h, id, 99); /* no candidate */
        assert_null(help_action(h, SRV_ACT_SCORED, 0));
        assert_int_equal(srv_core_why(&h->core).have, id - 1);
        scored(h, id, 32);
        assert_int_equal(help_action(h, SRV_ACT_SCORED, 0)->tallies.index, 1);
    }
    assert_int_equal(help_action(h, SRV_ACT_DECIDE, 0)->round.n, 2);
}

static void one_answer_counts_for_all_models_with_the_same_bytes(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_CONSOLIDATED};

    close_round(h);
    ev.consolidated.round = h->core.round.number;
    ev.consolidated.ok = true;
    ev.consolidated.n_models = 3;
    for (uint32_t i = 0; i < 3; i++)
        ev.consolidated.models[i].digest = help_digest(i == 1 ? 32 : 31);
    help_step(h, ev);
    scored(h, 1, 31);
    assert_int_equal(help_action(h, SRV_ACT_SCORED, 0)->tallies.index, 0);
    assert_int_equal(help_action(h, SRV_ACT_SCORED, 1)->tallies.index, 2);
    scored(h, 1, 32);
    assert_int_equal(srv_core_why(&h->core).have, 1);
}

static void scoring_does_not_wait_for_who_has_gone(void **state)
{
    struct help *h = *state;

    close_round(h);
    help_consolidated(h);
    for (uint32_t id = 1; id <= 3; id++)
        help_step(h, (struct srv_event){.kind = SRV_EV_GONE, .device = id, .conn = 100 + id});
    assert_int_equal(round_state(h), SRV_ROUND_DECIDING);
}

static void who_comes_back_while_scoring_is_asked_again(void **state)
{
    struct help *h = *state;

    close_round(h);
    help_consolidated(h);
    scored(h, 1, 31);
    help_step(h, (struct srv_event){.kind = SRV_EV_GONE, .device = 1, .conn = 101});
    help_hello(h, 1);
    assert_int_equal(help_told(h, 1, CN_MSG_SCORE)->score.round, h->core.round.number);
    scored(h, 1, 31); /* has counted already */
    assert_null(help_action(h, SRV_ACT_SCORED, 0));
    scored(h, 1, 32);
    assert_non_null(help_action(h, SRV_ACT_SCORED, 0));
}

static void without_scorers_the_gate_decides_at_once(void **state)
{
    struct help *h = *state;

    close_round(h);
    for (uint32_t id = 1; id <= 3; id++)
        help_say(h, id, (struct cn_msg){.kind = CN_MSG_PING}, 0);
    help_consolidated(h);
    assert_non_null(help_action(h, SRV_ACT_DECIDE, 0));
}

/* ---- the end ---- */

static void a_release_commits_its_updates_and_is_announced(void **state)
{
    struct help *h = *state;

    decide_round(h);
    help_decided(h, true);
    const struct srv_action *a = help_action(h, SRV_ACT_SETTLE, 0);
    assert_int_equal(a->msg.kind, CN_MSG_COMMITTED);
    assert_int_equal(a->msg.committed.release, 6);
    assert_int_equal(a->n, 2);
    assert_int_equal(a->updates[0].device, 1);
    assert_int_equal(help_action(h, SRV_ACT_BROADCAST, 0)->msg.announce.release, 6);
    assert_int_equal(help_action(h, SRV_ACT_BROADCAST, 0)->msg.announce.registry_version, 3);
    assert_int_equal(round_state(h), SRV_ROUND_GATHERING);
    help_offer(h, 1, 1);
    assert_int_equal(help_told(h, 1, CN_MSG_COMMITTED)->committed.release, 6);
}

static void a_refused_round_gives_its_updates_back(void **state)
{
    struct help *h = *state;

    decide_round(h);
    help_decided(h, false);
    const struct srv_action *a = help_action(h, SRV_ACT_SETTLE, 0);
    assert_int_equal(a->msg.kind, CN_MSG_REJECT);
    assert_int_equal(a->msg.reject.reason, CN_REJECT_GATE);
    assert_int_equal(a->msg.reject.retry_ms, help_conf.refused_retry_ms);
    assert_string_equal(a->msg.reject.text, "worse on label cat");
    assert_int_equal(a->n, 2);
    assert_non_null(help_action(h, SRV_ACT_DISCARD, 0));
    help_offer(h, 2, 1);
    assert_int_equal(help_reject(h, 2), CN_REJECT_GATE);
    help_give(h, 2, 2);
    assert_int_equal(h->core.round.n_updates, 1);
}

static void a_round_that_cannot_be_consolidated_gives_its_updates_back(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_CONSOLIDATED};

    close_round(h);
    ev.consolidated.round = h->core.round.number;
    help_step(h, ev);
    assert_int_equal(help_action(h, SRV_ACT_SETTLE, 0)->msg.reject.reason, CN_REJECT_CONSOLIDATION);
    assert_int_equal(round_state(h), SRV_ROUND_GATHERING);
}

static void results_of_a_round_that_is_over_are_ignored(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_CONSOLIDATED};

    close_round(h);
    ev.consolidated.round = h->core.round.number - 1;
    help_step(h, ev);
    assert_int_equal(h->out.n, 0);
    assert_int_equal(round_state(h), SRV_ROUND_CONSOLIDATING);
}

static void a_rollback_gives_the_updates_back_and_late_merges_are_rejected(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_RELEASED, .heads = h->core.heads};

    all_online(h);
    help_give(h, 1, 1);
    help_offer(h, 2, 1);
    help_chunk(h, 2, 1);
    uint64_t before = h->core.round.number;
    ev.heads.release = 6;
    help_step(h, ev);
    assert_int_equal(help_action(h, SRV_ACT_SETTLE, 0)->msg.reject.reason, CN_REJECT_BASE_CHANGED);
    assert_int_equal(h->core.round.number, before + 1);
    struct srv_event merged = {.kind = SRV_EV_MERGED, .device = 2};
    merged.merged.round = before;
    merged.merged.seq = 1;
    help_step(h, merged);
    assert_int_equal(help_reject(h, 2), CN_REJECT_BASE_CHANGED);
    assert_int_equal(h->core.round.n_updates, 0);
}

static void a_held_update_of_a_revoked_device_stays_in_its_round(void **state)
{
    struct help *h = *state;

    all_online(h);
    help_give(h, 1, 1);
    help_step(h, (struct srv_event){
                     .kind = SRV_EV_DEVICE, .device = 1, .record.state = SRV_DEVICE_REVOKED});
    help_give(h, 2, 1);
    assert_int_equal(help_action(h, SRV_ACT_CONSOLIDATE, 0)->round.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_is_ready_gets_a_task, help_start),
        cmocka_unit_test_setup(a_round_closes_at_k_updates, help_start),
        cmocka_unit_test_setup(a_round_closes_some_time_after_its_first_update, help_start),
        cmocka_unit_test_setup(a_round_does_not_wait_for_more_updates_than_there_are_devices,
                               help_start),
        cmocka_unit_test_setup(an_admin_closes_a_round_that_has_something, help_start),
        cmocka_unit_test_setup(a_closing_round_waits_for_its_merge_jobs, help_start),
        cmocka_unit_test_setup(a_closing_round_with_nothing_left_gathers_again, help_start),
        cmocka_unit_test_setup(what_arrives_between_rounds_is_parked_and_merged_in_the_next,
                               help_start),
        cmocka_unit_test_setup(a_late_job_is_visible, help_start),
        cmocka_unit_test_setup(candidates_are_scored_by_who_has_held_out_examples, help_start),
        cmocka_unit_test_setup(scoring_ends_when_everybody_has_answered_once, help_start),
        cmocka_unit_test_setup(one_answer_counts_for_all_models_with_the_same_bytes, help_start),
        cmocka_unit_test_setup(scoring_does_not_wait_for_who_has_gone, help_start),
        cmocka_unit_test_setup(who_comes_back_while_scoring_is_asked_again, help_start),
        cmocka_unit_test_setup(without_scorers_the_gate_decides_at_once, help_start),
        cmocka_unit_test_setup(a_release_commits_its_updates_and_is_announced, help_start),
        cmocka_unit_test_setup(a_refused_round_gives_its_updates_back, help_start),
        cmocka_unit_test_setup(a_round_that_cannot_be_consolidated_gives_its_updates_back,
                               help_start),
        cmocka_unit_test_setup(results_of_a_round_that_is_over_are_ignored, help_start),
        cmocka_unit_test_setup(a_rollback_gives_the_updates_back_and_late_merges_are_rejected,
                               help_start),
        cmocka_unit_test_setup(a_held_update_of_a_revoked_device_stays_in_its_round, help_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
