/* Sessions, and the small matters that need one. */
#include "tests/unit/server/core_help.h"

#include <string.h>

/* ---- sessions ---- */

static void hello_is_welcomed_with_what_is_newest(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    const struct cn_msg *m = help_told(h, 1, CN_MSG_WELCOME);
    assert_non_null(m);
    assert_int_equal(m->welcome.heads.release, 5);
    assert_int_equal(m->welcome.heads.registry_version, 2);
    assert_int_equal(m->welcome.heads.server_time_ms, 1700000001000);
    assert_int_equal(m->session, HELP_BOOT + 1);
    assert_int_equal(h->out.at[0].conn, 101);
}

static void the_same_hello_twice_gives_the_same_session(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_HELLO};

    m.hello.major = CN_PROTO_MAJOR;
    m.hello.fleet = help_conf.fleet;
    m.hello.nonce = 5;
    help_say(h, 1, m, 0);
    uint64_t session = h->devices[0].session;
    help_say(h, 1, m, 0);
    assert_int_equal(help_told(h, 1, CN_MSG_WELCOME)->session, session);
    m.hello.nonce = 6;
    help_say(h, 1, m, 0);
    assert_int_not_equal(help_told(h, 1, CN_MSG_WELCOME)->session, session);
}

static void a_message_of_another_session_is_refused_and_does_nothing(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_READY, .session = 4711};

    help_hello(h, 1);
    help_say(h, 1, m, 0);
    assert_int_equal(h->out.n, 1);
    assert_int_equal(help_told(h, 1, CN_MSG_REFUSED)->refused.reason, CN_REFUSED_SESSION);
    assert_int_equal(help_told(h, 1, CN_MSG_REFUSED)->session, 4711);
}

static void sessions_of_another_life_are_strangers(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    uint64_t session = h->devices[0].session;
    help_conf.boot = 99999;
    help_restart(h, 3);
    help_hello(h, 1);
    assert_int_not_equal(h->devices[0].session, session);
}

static enum cn_refused refused_hello(struct help *h, uint32_t major, struct cn_digest fleet)
{
    struct cn_msg m = {.kind = CN_MSG_HELLO};

    m.hello.major = major;
    m.hello.fleet = fleet;
    m.hello.nonce = 8;
    help_say(h, 1, m, 0);
    const struct cn_msg *answer = help_told(h, 1, CN_MSG_REFUSED);
    assert_non_null(answer);
    assert_int_equal(answer->refused.nonce, 8);
    return answer->refused.reason;
}

static void another_major_version_or_fleet_is_refused_by_name(void **state)
{
    struct help *h = *state;

    assert_int_equal(refused_hello(h, CN_PROTO_MAJOR + 1, help_conf.fleet), CN_REFUSED_VERSION);
    assert_int_equal(refused_hello(h, CN_PROTO_MAJOR, help_digest(1)), CN_REFUSED_FLEET);
    assert_int_equal(h->core.online.n, 0);
}

static void the_lower_minor_version_is_agreed_on(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_HELLO};

    m.hello.major = CN_PROTO_MAJOR;
    m.hello.minor = CN_PROTO_MINOR + 7;
    m.hello.fleet = help_conf.fleet;
    help_say(h, 1, m, 0);
    assert_int_equal(help_told(h, 1, CN_MSG_WELCOME)->welcome.minor, CN_PROTO_MINOR);
}

static void set_state(struct help *h, uint32_t device, enum srv_device_state s)
{
    help_step(h, (struct srv_event){.kind = SRV_EV_DEVICE, .device = device, .record.state = s});
}

static void a_suspended_device_is_told_and_comes_back_when_resumed(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    set_state(h, 1, SRV_DEVICE_SUSPENDED);
    assert_int_equal(help_told(h, 1, CN_MSG_REFUSED)->refused.reason, CN_REFUSED_SUSPENDED);
    help_hello(h, 1);
    assert_non_null(help_told(h, 1, CN_MSG_REFUSED));
    set_state(h, 1, SRV_DEVICE_ACTIVE);
    help_hello(h, 1);
    assert_non_null(help_told(h, 1, CN_MSG_WELCOME));
}

static void a_revoked_device_is_out_at_once_and_its_upload_slot_is_free(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    help_offer(h, 1, 1);
    assert_int_equal(h->core.n_busy, 1);
    set_state(h, 1, SRV_DEVICE_REVOKED);
    assert_int_equal(help_told(h, 1, CN_MSG_REFUSED)->refused.reason, CN_REFUSED_REVOKED);
    assert_non_null(help_action(h, SRV_ACT_FREE, 0));
    assert_int_equal(h->core.n_busy, 0);
    help_chunk(h, 1, 1);
    assert_int_equal(help_told(h, 1, CN_MSG_REFUSED)->refused.reason, CN_REFUSED_REVOKED);
    assert_null(help_action(h, SRV_ACT_WRITE, 0));
}

static void a_silent_device_is_offline_after_three_missed_pings(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    assert_int_equal(srv_core_deadline(&h->core), h->now_ms + 3 * help_conf.ping_ms);
    help_tick(h, 2 * help_conf.ping_ms);
    help_say(h, 1, (struct cn_msg){.kind = CN_MSG_PING}, 0);
    assert_int_equal(help_told(h, 1, CN_MSG_PONG)->pong.release, 5);
    help_tick(h, 3 * help_conf.ping_ms - 1);
    assert_int_equal(h->core.online.n, 1);
    help_tick(h, 1);
    assert_int_equal(h->core.online.n, 0);
}

static void a_dead_connection_ends_only_its_own_session(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    help_step(h, (struct srv_event){.kind = SRV_EV_GONE, .device = 1, .conn = 999});
    assert_int_equal(h->core.online.n, 1);
    help_step(h, (struct srv_event){.kind = SRV_EV_GONE, .device = 1, .conn = 101});
    assert_int_equal(h->core.online.n, 0);
}

/* ---- small matters ---- */

static void wanted_chunks_are_served_within_the_credit(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_WANT};

    help_hello(h, 2);
    m.want.digest = help_digest(9);
    m.want.offset = 262144;
    m.want.credit = CN_MAX_CREDIT;
    help_say(h, 2, m, 0);
    const struct srv_action *a = help_action(h, SRV_ACT_SERVE, 0);
    assert_int_equal(a->device, 2);
    assert_int_equal(a->conn, 102);
    assert_int_equal(a->serve.session, h->devices[1].session);
    assert_int_equal(a->serve.offset, 262144);
    assert_int_equal(a->serve.credit, help_conf.credit);
}

static void proposals_go_to_the_registry_until_they_come_too_fast(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_PROPOSE};

    strcpy(m.propose.name, "cat");
    help_hello(h, 1);
    for (uint32_t i = 0; i < help_conf.proposals_per_minute; i++) {
        m.propose.request = i;
        help_say(h, 1, m, 0);
        assert_string_equal(help_action(h, SRV_ACT_PROPOSE, 0)->propose.name, "cat");
    }
    help_say(h, 1, m, 0);
    assert_int_equal(help_wait(h, 1), CN_WAIT_RATE);
    assert_int_equal(help_told(h, 1, CN_MSG_WAIT)->wait.about, CN_ABOUT_PROPOSE);
    h->now_ms += 60 * 1000;
    help_say(h, 1, m, 0);
    assert_non_null(help_action(h, SRV_ACT_PROPOSE, 0));
}

static void the_registrys_answer_goes_to_who_asked(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_LABEL, .device = 1};

    ev.label.request = 12;
    ev.label.id = 3;
    ev.label.state = CN_LABEL_ACCEPTED;
    help_step(h, ev);
    assert_int_equal(h->out.n, 0); /* offline: it asks again */
    help_hello(h, 1);
    help_step(h, ev);
    assert_int_equal(help_told(h, 1, CN_MSG_LABEL)->label.id, 3);
    assert_int_equal(help_told(h, 1, CN_MSG_LABEL)->label.request, 12);
}

static void tallies_of_one_device_are_taken_once_in_a_while(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_TALLY};

    help_hello(h, 1);
    m.tally.release = 5;
    help_say(h, 1, m, 0);
    assert_int_equal(help_action(h, SRV_ACT_TALLY, 0)->tallies.release, 5);
    help_say(h, 1, m, 0);
    assert_null(help_action(h, SRV_ACT_TALLY, 0));
    h->now_ms += help_conf.tally_ms;
    m.tally.release = 6; /* does not exist yet */
    help_say(h, 1, m, 0);
    assert_null(help_action(h, SRV_ACT_TALLY, 0));
    m.tally.release = 4;
    help_say(h, 1, m, 0);
    assert_non_null(help_action(h, SRV_ACT_TALLY, 0));
}

static void many_registry_changes_are_one_announcement(void **state)
{
    struct help *h = *state;
    struct srv_event ev = {.kind = SRV_EV_REGISTRY};

    help_hello(h, 1);
    for (uint32_t v = 3; v < 10; v++) {
        ev.heads.registry_version = v;
        help_step(h, ev);
        assert_int_equal(h->out.n, v == 3);
    }
    assert_int_equal(srv_core_deadline(&h->core), h->now_ms + help_conf.announce_ms);
    help_tick(h, help_conf.announce_ms);
    const struct srv_action *a = help_action(h, SRV_ACT_BROADCAST, 0);
    assert_int_equal(a->msg.announce.registry_version, 9);
    assert_int_equal(a->to, SRV_TO_ONLINE);
}

static void what_only_a_coordinator_may_say_is_ignored(void **state)
{
    struct help *h = *state;

    help_hello(h, 1);
    for (enum cn_msg_kind k = CN_MSG_WELCOME; k < CN_MSG_NKINDS; k++) {
        help_say(h, 1, (struct cn_msg){.kind = k}, 0);
        assert_int_equal(h->out.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(hello_is_welcomed_with_what_is_newest, help_start),
        cmocka_unit_test_setup(the_same_hello_twice_gives_the_same_session, help_start),
        cmocka_unit_test_setup(a_message_of_another_session_is_refused_and_does_nothing,
                               help_start),
        cmocka_unit_test_setup(sessions_of_another_life_are_strangers, help_start),
        cmocka_unit_test_setup(another_major_version_or_fleet_is_refused_by_name, help_start),
        cmocka_unit_test_setup(the_lower_minor_version_is_agreed_on, help_start),
        cmocka_unit_test_setup(a_suspended_device_is_told_and_comes_back_when_resumed, help_start),
        cmocka_unit_test_setup(a_revoked_device_is_out_at_once_and_its_upload_slot_is_free,
                               help_start),
        cmocka_unit_test_setup(a_silent_device_is_offline_after_three_missed_pings, help_start),
        cmocka_unit_test_setup(a_dead_connection_ends_only_its_own_session, help_start),
        cmocka_unit_test_setup(wanted_chunks_are_served_within_the_credit, help_start),
        cmocka_unit_test_setup(proposals_go_to_the_registry_until_they_come_too_fast, help_start),
        cmocka_unit_test_setup(the_registrys_answer_goes_to_who_asked, help_start),
        cmocka_unit_test_setup(tallies_of_one_device_are_taken_once_in_a_while, help_start),
        cmocka_unit_test_setup(many_registry_changes_are_one_announcement, help_start),
        cmocka_unit_test_setup(what_only_a_coordinator_may_say_is_ignored, help_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
