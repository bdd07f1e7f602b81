/* As many devices as a fleet may have: no message costs time that grows with their number. Were one
   of these steps linear in devices, this test would run for hours and be ended by its time limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/base/own.h"
#include "server/core/core.h"

struct fleet {
    struct srv_core core;
    struct srv_device *devices;
    struct srv_update *updates;
    struct srv_actions out;
    uint64_t now_ms;
};

static void step(struct fleet *f, struct srv_event ev)
{
    ev.now_ms = f->now_ms;
    srv_core_step(&f->core, &ev, &f->out);
}

static void say(struct fleet *f, uint32_t device, struct cn_msg m)
{
    struct srv_event ev = {.kind = SRV_EV_MSG, .device = device};

    m.session = f->devices[device - 1].session;
    ev.in.conn = device;
    ev.in.msg = &m;
    step(f, ev);
}

static struct fleet *everybody_online(void)
{
    struct fleet *f = cn_calloc(1, sizeof *f);
    struct srv_core_conf conf;
    struct cn_msg hello = {.kind = CN_MSG_HELLO};

    f->devices = cn_calloc(CN_MAX_DEVICES, sizeof *f->devices);
    f->updates = cn_calloc(CN_MAX_ROUND_UPDATES, sizeof *f->updates);
    f->now_ms = 1000;
    srv_core_conf_init(&conf);
    srv_core_init(&f->core, &conf, f->devices, CN_MAX_DEVICES, f->updates);
    hello.hello.major = CN_PROTO_MAJOR;
    for (uint32_t id = 1; id <= CN_MAX_DEVICES; id++) {
        step(f, (struct srv_event){
                    .kind = SRV_EV_DEVICE, .device = id, .record.state = SRV_DEVICE_ACTIVE});
        hello.hello.nonce = id;
        say(f, id, hello);
    }
    assert_int_equal(f->core.online.n, CN_MAX_DEVICES);
    return f;
}

static void destroy(struct fleet *f)
{
    free(f->devices);
    free(f->updates);
    free(f);
}

static void a_full_fleet_talks_in_constant_time_each(void **state)
{
    (void)state;
    struct fleet *f = everybody_online();
    struct cn_msg offer = {.kind = CN_MSG_OFFER};

    offer.offer.seq = 1;
    offer.offer.size_bytes = 10;
    for (uint32_t id = CN_MAX_DEVICES; id >= 1; id--) {
        say(f, id, (struct cn_msg){.kind = CN_MSG_PING});
        say(f, id, (struct cn_msg){.kind = CN_MSG_READY});
        say(f, id, offer);
        step(f, (struct srv_event){.kind = SRV_EV_TICK});
        assert_true(srv_core_deadline(&f->core) > f->now_ms);
    }
    assert_int_equal(f->core.line.n, CN_MAX_DEVICES - f->core.conf.n_slots);
    assert_null(srv_core_broken(&f->core));
    destroy(f);
}

static void a_full_fleet_that_falls_silent_is_offline_after_one_tick(void **state)
{
    (void)state;
    struct fleet *f = everybody_online();

    f->now_ms += 3 * f->core.conf.ping_ms;
    step(f, (struct srv_event){.kind = SRV_EV_TICK});
    assert_int_equal(f->core.online.n, 0);
    assert_null(srv_core_broken(&f->core));
    destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_fleet_talks_in_constant_time_each),
        cmocka_unit_test(a_full_fleet_that_falls_silent_is_offline_after_one_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
