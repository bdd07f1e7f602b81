/* Fetching what is newest, and scoring candidates. */
#include "tests/unit/client/core_help.h"

enum { MANIFEST = 60, REGISTRY = 61, MODEL = 62, CANDIDATE = 63 };

static struct edge_why why(const struct help *h)
{
    return edge_core_why(&h->core, EDGE_PART_FETCH);
}

static void announce(struct help *h, uint32_t release, uint32_t registry_version)
{
    struct cn_msg m = {.kind = CN_MSG_ANNOUNCE};

    m.announce.release = release;
    m.announce.registry_version = registry_version;
    m.announce.manifest = help_digest(MANIFEST);
    m.announce.manifest_bytes = 10;
    m.announce.registry = help_digest(REGISTRY);
    m.announce.registry_bytes = 20;
    help_hear(h, m, 0);
}

static void have(struct help *h, uint8_t digest, uint64_t n_bytes)
{
    struct edge_event ev = {.kind = EDGE_EV_HAVE};

    ev.have.digest = help_digest(digest);
    ev.have.n_bytes = n_bytes;
    help_step(h, ev);
}

static void chunk(struct help *h, uint8_t digest, uint64_t offset, uint64_t n, uint64_t total)
{
    struct cn_msg m = {.kind = CN_MSG_CHUNK};

    m.chunk.digest = help_digest(digest);
    m.chunk.offset = offset;
    m.chunk.total_bytes = total;
    help_hear(h, m, n);
}

static void verified(struct help *h, uint8_t digest, bool ok)
{
    struct edge_event ev = {.kind = EDGE_EV_VERIFIED};

    ev.verified.digest = help_digest(digest);
    ev.verified.ok = ok;
    ev.verified.release = 6;
    ev.verified.model = (struct cn_model_ref){help_digest(MODEL), 30};
    help_step(h, ev);
}

static void installed(struct help *h, enum edge_blob what, uint32_t number, bool ok)
{
    struct edge_event ev = {.kind = EDGE_EV_INSTALLED};

    ev.installed.what = what;
    ev.installed.number = number;
    ev.installed.ok = ok;
    help_step(h, ev);
}

static const struct edge_action *action(const struct help *h, enum edge_action_kind kind,
                                        enum edge_blob what)
{
    const struct edge_action *a = help_action(h, kind, 0);

    assert_non_null(a);
    assert_int_equal(a->blob.what, what);
    return a;
}

/* Until the model of release 6 is being looked for. */
static void fetch_manifest(struct help *h)
{
    announce(h, 6, 2);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
    have(h, MANIFEST, 0);
    chunk(h, MANIFEST, 0, 10, 10);
    verified(h, MANIFEST, true);
}

/* ---- fetching ---- */

static void registry_manifest_and_model_are_fetched_in_this_order(void **state)
{
    struct help *h = *state;

    announce(h, 6, 3);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_REGISTRY);
    have(h, REGISTRY, 0);
    assert_int_equal(help_said(h, CN_MSG_WANT)->want.offset, 0);
    assert_int_equal(help_said(h, CN_MSG_WANT)->want.credit, help_conf.credit);
    chunk(h, REGISTRY, 0, 20, 20);
    assert_int_equal(action(h, EDGE_ACT_KEEP, EDGE_BLOB_REGISTRY)->blob.offset, 0);
    action(h, EDGE_ACT_VERIFY, EDGE_BLOB_REGISTRY);
    verified(h, REGISTRY, true);
    assert_int_equal(action(h, EDGE_ACT_INSTALL, EDGE_BLOB_REGISTRY)->blob.number, 3);
    installed(h, EDGE_BLOB_REGISTRY, 3, true);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
    have(h, MANIFEST, 10); /* here already: not fetched again */
    action(h, EDGE_ACT_VERIFY, EDGE_BLOB_MANIFEST);
    verified(h, MANIFEST, true);
    assert_int_equal(action(h, EDGE_ACT_LOOK, EDGE_BLOB_MODEL)->blob.size_bytes, 30);
    have(h, MODEL, 0);
    chunk(h, MODEL, 0, 30, 30);
    verified(h, MODEL, true);
    action(h, EDGE_ACT_INSTALL, EDGE_BLOB_MODEL);
    installed(h, EDGE_BLOB_MODEL, 6, true);
    assert_int_equal(h->core.release, 6);
    assert_int_equal(why(h).reason, EDGE_WHY_NOTHING);
}

static void a_fetch_goes_on_where_it_stopped(void **state)
{
    struct help *h = *state;

    announce(h, 6, 2);
    have(h, MANIFEST, 4);
    assert_int_equal(help_said(h, CN_MSG_WANT)->want.offset, 4);
    chunk(h, MANIFEST, 0, 10, 10); /* not what was asked for */
    assert_int_equal(h->out.n, 0);
    chunk(h, MANIFEST, 4, 6, 10);
    action(h, EDGE_ACT_VERIFY, EDGE_BLOB_MANIFEST);
}

static void more_is_wanted_before_the_window_is_used_up(void **state)
{
    struct help *h = *state;
    struct edge_event ev = {.kind = EDGE_EV_VERIFIED};
    const uint64_t total = 20ull * CN_CHUNK_BYTES;
    uint64_t wanted;

    announce(h, 6, 2);
    have(h, MANIFEST, 10);
    ev.verified.digest = help_digest(MANIFEST);
    ev.verified.ok = true;
    ev.verified.release = 6;
    ev.verified.model = (struct cn_model_ref){help_digest(MODEL), total};
    help_step(h, ev);
    have(h, MODEL, 0);
    wanted = help_said(h, CN_MSG_WANT)->want.credit;
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(i < wanted);
        chunk(h, MODEL, i * CN_CHUNK_BYTES, CN_CHUNK_BYTES, total);
        const struct cn_msg *m = help_said(h, CN_MSG_WANT);
        if (m) {
            assert_int_equal(m->want.offset, wanted * CN_CHUNK_BYTES);
            wanted += m->want.credit;
        }
    }
    action(h, EDGE_ACT_VERIFY, EDGE_BLOB_MODEL);
}

static void a_wrong_blob_is_thrown_away_counted_and_fetched_again(void **state)
{
    struct help *h = *state;

    announce(h, 6, 2);
    have(h, MANIFEST, 0);
    chunk(h, MANIFEST, 0, 10, 10);
    verified(h, MANIFEST, false);
    action(h, EDGE_ACT_FORGET, EDGE_BLOB_MANIFEST);
    assert_int_equal(h->core.fetch.n_bad, 1);
    assert_int_equal(why(h).reason, EDGE_WHY_BAD_BLOB);
    help_wait(h);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
}

static void a_manifest_of_another_release_is_a_wrong_blob(void **state)
{
    struct help *h = *state;

    announce(h, 7, 2);
    have(h, MANIFEST, 10);
    verified(h, MANIFEST, true); /* says 6 */
    action(h, EDGE_ACT_FORGET, EDGE_BLOB_MANIFEST);
}

static void a_release_that_cannot_be_installed_is_fetched_again_later(void **state)
{
    struct help *h = *state;

    fetch_manifest(h);
    have(h, MODEL, 30);
    verified(h, MODEL, true);
    installed(h, EDGE_BLOB_MODEL, 6, false);
    action(h, EDGE_ACT_FORGET, EDGE_BLOB_MODEL);
    assert_int_equal(h->core.release, 5);
}

static void a_transfer_that_stands_still_is_begun_again(void **state)
{
    struct help *h = *state;

    announce(h, 6, 2);
    have(h, MANIFEST, 0);
    h->core.link.heard_ms = h->core.link.ping_due_ms = h->now_ms + help_conf.idle_ms;
    help_tick(h, help_conf.idle_ms);
    assert_int_equal(why(h).reason, EDGE_WHY_SLOW);
    help_wait(h);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
}

static void what_is_gone_is_waited_for_until_there_is_news(void **state)
{
    struct help *h = *state;
    struct cn_msg m = {.kind = CN_MSG_GONE};

    announce(h, 6, 2);
    have(h, MANIFEST, 0);
    m.gone = help_digest(MANIFEST);
    help_hear(h, m, 0);
    assert_int_equal(why(h).reason, EDGE_WHY_GONE);
    announce(h, 7, 2);
    assert_int_equal(action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST)->blob.number, 7);
}

static void a_newer_release_ends_the_fetch_of_an_older_one(void **state)
{
    struct help *h = *state;

    fetch_manifest(h);
    have(h, MODEL, 0);
    announce(h, 7, 2);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
}

static void an_older_release_is_never_fetched(void **state)
{
    struct help *h = *state;

    announce(h, 4, 1);
    assert_int_equal(h->out.n, 0);
}

/* ---- scoring ---- */

static void score_asked(struct help *h, uint8_t base)
{
    struct cn_msg m = {.kind = CN_MSG_SCORE};

    m.score.round = 12;
    m.score.deadline_ms = 9000;
    m.score.n_models = 2;
    m.score.models[0] = (struct cn_model_ref){help_digest(base), 30};
    m.score.models[1] = (struct cn_model_ref){help_digest(CANDIDATE), 30};
    help_hear(h, m, 0);
}

static void score_done(struct help *h, uint8_t model)
{
    static const struct cn_label_tally tally = {.label = 1, .right = 3};
    struct edge_event ev = {.kind = EDGE_EV_SCORED};

    ev.scored.round = 12;
    ev.scored.model = help_digest(model);
    ev.scored.n = 1;
    ev.scored.tallies = &tally;
    help_step(h, ev);
}

static void the_release_before_and_the_candidates_are_scored_in_turn(void **state)
{
    struct help *h = *state;

    score_asked(h, 50);
    assert_true(help_action(h, EDGE_ACT_SCORE, 0)->score.is_installed);
    score_done(h, 50);
    assert_int_equal(help_said(h, CN_MSG_SCORED)->scored.n_tallies, 1);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_CANDIDATE);
    have(h, CANDIDATE, 0);
    chunk(h, CANDIDATE, 0, 30, 30);
    verified(h, CANDIDATE, true);
    assert_false(help_action(h, EDGE_ACT_SCORE, 0)->score.is_installed);
    score_done(h, CANDIDATE);
    assert_int_equal(help_said(h, CN_MSG_SCORED)->scored.round, 12);
    assert_int_equal(h->core.score.round, 0);
}

static void a_device_with_another_release_abstains(void **state)
{
    struct help *h = *state;

    score_asked(h, 51);
    assert_int_equal(help_count(h, EDGE_ACT_SEND), 2);
    assert_int_equal(help_said(h, CN_MSG_SCORED)->scored.n_tallies, 0);
    assert_null(help_action(h, EDGE_ACT_SCORE, 0));
}

static void a_candidate_goes_before_a_fetch_under_way(void **state)
{
    struct help *h = *state;

    announce(h, 6, 2);
    have(h, MANIFEST, 0);
    score_asked(h, 50);
    assert_non_null(help_action(h, EDGE_ACT_SCORE, 0));
    score_done(h, 50);
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_CANDIDATE);
    h->core.link.ping_due_ms = h->now_ms + 60000;
    help_tick(h, 9000); /* the round's time is over: back to the manifest */
    action(h, EDGE_ACT_LOOK, EDGE_BLOB_MANIFEST);
}

static void old_candidates_are_thrown_away_when_a_release_is_installed(void **state)
{
    struct help *h = *state;

    score_asked(h, 50);
    score_done(h, 50);
    have(h, CANDIDATE, 0);
    help_tick(h, 9000);
    fetch_manifest(h);
    have(h, MODEL, 30);
    verified(h, MODEL, true);
    installed(h, EDGE_BLOB_MODEL, 6, true);
    assert_int_equal(help_count(h, EDGE_ACT_FORGET), 2); /* the old release's model too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(registry_manifest_and_model_are_fetched_in_this_order,
                               help_start_online),
        cmocka_unit_test_setup(a_fetch_goes_on_where_it_stopped, help_start_online),
        cmocka_unit_test_setup(more_is_wanted_before_the_window_is_used_up, help_start_online),
        cmocka_unit_test_setup(a_wrong_blob_is_thrown_away_counted_and_fetched_again,
                               help_start_online),
        cmocka_unit_test_setup(a_manifest_of_another_release_is_a_wrong_blob, help_start_online),
        cmocka_unit_test_setup(a_release_that_cannot_be_installed_is_fetched_again_later,
                               help_start_online),
        cmocka_unit_test_setup(a_transfer_that_stands_still_is_begun_again, help_start_online),
        cmocka_unit_test_setup(what_is_gone_is_waited_for_until_there_is_news, help_start_online),
        cmocka_unit_test_setup(a_newer_release_ends_the_fetch_of_an_older_one, help_start_online),
        cmocka_unit_test_setup(an_older_release_is_never_fetched, help_start_online),
        cmocka_unit_test_setup(the_release_before_and_the_candidates_are_scored_in_turn,
                               help_start_online),
        cmocka_unit_test_setup(a_device_with_another_release_abstains, help_start_online),
        cmocka_unit_test_setup(a_candidate_goes_before_a_fetch_under_way, help_start_online),
        cmocka_unit_test_setup(old_candidates_are_thrown_away_when_a_release_is_installed,
                               help_start_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
