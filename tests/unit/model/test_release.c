/* Promise 6: only what this fleet's key signed, only forward. */
#include "tests/unit/model/model_help.h"

#include <stdio.h>

#include "common/doors/crypto.h"
#include "common/model/release.h"

/* ---- fixture: a fleet's key and a manifest of its release 5 ---- */

static struct cn_contribution contributions[] = {{3, 1}, {3, 4}, {8, 2}};
static struct cn_secret *key;

static int start(void **state)
{
    (void)state;
    OK(cn_crypto_init(&help_err));
    key = cn_secret_new(CN_SECRET_SIGN);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cn_secret_destroy(&key);
    return 0;
}

static struct cn_digest fleet_of(const struct cn_secret *secret)
{
    struct cn_digest d;
    memcpy(d.b, cn_secret_public(secret)->b, sizeof d.b);
    return d;
}

static struct cn_manifest manifest(void)
{
    return (struct cn_manifest){.fleet = fleet_of(key),
                                .kind = CN_RELEASE_ROUND,
                                .number = 5,
                                .parent = 4,
                                .model = {{{1}}, 1000},
                                .stats = {{{2}}, 2000},
                                .registry = {{{3}}, 300},
                                .registry_version = 17,
                                .created_ms = 1764000000000,
                                .recipe = "features",
                                .candidate = "solve",
                                .summary = "solve 0.86 against 0.85 before",
                                .n_contributions = CN_COUNT(contributions),
                                .contributions = contributions};
}

static struct cn_buf sealed(void)
{
    struct cn_manifest m = manifest();
    struct cn_buf out = {0};

    OK(cn_release_seal(&m, key, &out, &help_err));
    return out;
}

static enum cn_err open_with(struct cn_bytes in, struct cn_digest fleet)
{
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};
    return cn_release_open(in, &fleet, &m, &help_err);
}

/* ---- cases ---- */

static void a_sealed_manifest_opens_with_the_fleet_key_and_says_the_same(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = sealed();
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};
    struct cn_manifest want = manifest();
    struct cn_digest fleet = fleet_of(key);

    OK(cn_release_open(help_bytes(&b), &fleet, &m, &help_err));
    assert_int_equal(m.kind, want.kind);
    assert_int_equal(m.number, 5);
    assert_int_equal(m.parent, 4);
    assert_int_equal(m.registry_version, 17);
    assert_true(m.created_ms == want.created_ms);
    assert_memory_equal(&m.model, &want.model, sizeof m.model);
    assert_memory_equal(&m.stats, &want.stats, sizeof m.stats);
    assert_memory_equal(&m.registry, &want.registry, sizeof m.registry);
    assert_string_equal(m.recipe, want.recipe);
    assert_string_equal(m.candidate, want.candidate);
    assert_string_equal(m.summary, want.summary);
    assert_int_equal(m.n_contributions, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(m.contributions[i].device, contributions[i].device);
        assert_true(m.contributions[i].seq == contributions[i].seq);
    }
}

static void one_altered_byte_anywhere_breaks_the_seal(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = sealed();

    for (size_t i = 0; i < b.n; i++) {
        b.at[i] ^= 0x10;
        enum cn_err rc = open_with(help_bytes(&b), fleet_of(key));
        assert_true(rc == CN_E_CRYPTO || (i == 4 && rc == CN_E_VERSION));
        b.at[i] ^= 0x10;
    }
    for (size_t n = 0; n < b.n; n++)
        FAILS(CN_E_CRYPTO, open_with((struct cn_bytes){b.at, n}, fleet_of(key)));
    OK(open_with(help_bytes(&b), fleet_of(key)));
}

static void an_unsigned_manifest_does_not_open(void **state)
{
    (void)state;
    struct cn_manifest m = manifest();
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};

    cn_modelwire_manifest_encode(&m, &b);
    FAILS(CN_E_CRYPTO, open_with(help_bytes(&b), fleet_of(key)));
}

static void another_fleets_release_does_not_open(void **state)
{
    (void)state;
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = sealed();
    CN_CLEANUP(cn_secret_destroy) struct cn_secret *other = cn_secret_new(CN_SECRET_SIGN);
    struct cn_manifest m = manifest();
    CN_CLEANUP(cn_buf_fini) struct cn_buf forged = {0}, text = {0};

    FAILS(CN_E_CRYPTO, open_with(help_bytes(&b), fleet_of(other)));
    FAILS(CN_E_CRYPTO, cn_release_seal(&m, other, &forged, &help_err));
    /* signed by the other fleet's key, but naming ours */
    cn_modelwire_manifest_encode(&m, &text);
    OK(cn_seal(CN_SEAL_RELEASE, help_bytes(&text), other, &forged, &help_err));
    FAILS(CN_E_CRYPTO, open_with(help_bytes(&forged), fleet_of(other)));
    FAILS(CN_E_CRYPTO, open_with(help_bytes(&forged), fleet_of(key)));
}

static void a_seal_over_a_registry_never_verifies_as_a_release(void **state)
{
    (void)state;
    struct cn_manifest m = manifest();
    struct cn_digest fleet = fleet_of(key);
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0}, b = {0};
    struct cn_bytes payload = {0};

    cn_modelwire_manifest_encode(&m, &text);
    OK(cn_seal(CN_SEAL_REGISTRY, help_bytes(&text), key, &b, &help_err));
    OK(cn_unseal(CN_SEAL_REGISTRY, help_bytes(&b), &fleet, &payload, &help_err));
    assert_int_equal(payload.n, text.n);
    assert_memory_equal(payload.at, text.at, text.n);
    FAILS(CN_E_CRYPTO, open_with(help_bytes(&b), fleet));
    b.at[5] = CN_SEAL_RELEASE; /* relabelled: the kind is under the signature */
    FAILS(CN_E_CRYPTO, open_with(help_bytes(&b), fleet));
}

static void a_manifest_that_contradicts_itself_is_neither_sealed_nor_opened(void **state)
{
    (void)state;
    static struct cn_contribution twice[] = {{3, 1}, {3, 1}}, back[] = {{8, 1}, {3, 1}};
    struct cn_manifest wrong[12];
    size_t n = CN_COUNT(wrong);

    for (size_t i = 0; i < n; i++)
        wrong[i] = manifest();
    wrong[0].parent = 5;
    wrong[1].kind = CN_RELEASE_GENESIS;
    wrong[2].kind = CN_RELEASE_ROLLBACK;
    wrong[3].rolled_back_to = 2;
    wrong[4].model.size = 0;
    wrong[5].model = (struct cn_artifact){0};
    wrong[6].registry = (struct cn_artifact){0};
    wrong[7].stats.digest = (struct cn_digest){{0}};
    wrong[8].recipe[0] = 0;
    wrong[9].summary[0] = '\n';
    wrong[10].contributions = twice, wrong[10].n_contributions = 2;
    wrong[11].contributions = back, wrong[11].n_contributions = 2;
    for (size_t i = 0; i < n; i++) {
        CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0}, b = {0};
        FAILS(CN_E_PARSE, cn_release_seal(&wrong[i], key, &b, &help_err));
        assert_int_equal(b.n, 0);
        cn_modelwire_manifest_encode(&wrong[i], &text);
        OK(cn_seal(CN_SEAL_RELEASE, help_bytes(&text), key, &b, &help_err));
        if (i != 4 && i != 7) /* these two have no encoding of their own */
            FAILS(CN_E_PARSE, open_with(help_bytes(&b), fleet_of(key)));
    }
}

static void releases_only_go_forward_and_a_rollback_is_a_new_number(void **state)
{
    (void)state;
    struct cn_manifest m = manifest();

    OK(cn_release_may_follow(0, &m, &help_err));
    OK(cn_release_may_follow(4, &m, &help_err));
    FAILS(CN_E_STATE, cn_release_may_follow(5, &m, &help_err));
    FAILS(CN_E_STATE, cn_release_may_follow(9, &m, &help_err));
    m.kind = CN_RELEASE_ROLLBACK, m.rolled_back_to = 2, m.n_contributions = 0;
    OK(cn_release_check(&m, &help_err));
    OK(cn_release_may_follow(4, &m, &help_err));
    FAILS(CN_E_STATE, cn_release_may_follow(6, &m, &help_err));
}

static void the_first_version_of_a_sealed_release_still_opens(void **state)
{
    (void)state;
    CN_CLEANUP(cn_release_fini) struct cn_manifest m = {0};
    CN_CLEANUP(cn_buf_fini) struct cn_buf again = {0};
    uint8_t golden[4096];
    struct cn_digest fleet;
    FILE *f = fopen("tests/data/model/release_v1.bin", "rb");

    assert_non_null(f);
    assert_int_equal(fread(fleet.b, 1, 32, f), 32); /* the fleet's public key, then the envelope */
    size_t n = fread(golden, 1, sizeof golden, f);
    fclose(f);
    OK(cn_release_open((struct cn_bytes){golden, n}, &fleet, &m, &help_err));
    assert_int_equal(m.number, 5);
    assert_int_equal(m.n_contributions, 3);
    cn_modelwire_manifest_encode(&m, &again);
    assert_int_equal(again.n, n - CN_SEAL_BYTES);
    assert_memory_equal(again.at, golden + CN_SEAL_BYTES, again.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_manifest_opens_with_the_fleet_key_and_says_the_same),
        cmocka_unit_test(one_altered_byte_anywhere_breaks_the_seal),
        cmocka_unit_test(an_unsigned_manifest_does_not_open),
        cmocka_unit_test(another_fleets_release_does_not_open),
        cmocka_unit_test(a_seal_over_a_registry_never_verifies_as_a_release),
        cmocka_unit_test(a_manifest_that_contradicts_itself_is_neither_sealed_nor_opened),
        cmocka_unit_test(releases_only_go_forward_and_a_rollback_is_a_new_number),
        cmocka_unit_test(the_first_version_of_a_sealed_release_still_opens),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
