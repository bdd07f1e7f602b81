/* The scene, and what befalls it until the world heals. */
#include "tests/sim/sim.h"

static void set_scene(struct sim *s)
{
    static const uint32_t rates[] = {0, 0, 5, 20, 80};

    s->n_devices = 1 + sim_below(s, SIM_MAX_DEVICES);
    s->n_names = 1 + sim_below(s, SIM_MAX_NAMES);
    s->min_count = 1 + sim_below(s, 2);
    s->heal_ms = s->now_ms + 20000 + sim_below(s, 100000);
    s->drop = rates[sim_below(s, 5)];
    s->twice = rates[sim_below(s, 5)];
    s->reorder = 10 * rates[sim_below(s, 5)];
    s->corrupt = rates[sim_below(s, 4)];
    s->refuse = 10 * rates[sim_below(s, 5)];
    s->co.n_releases = 1;
    s->co.releases[0].number = 1;
    s->co.releases[0].model.digest = sim_digest(SIM_MODEL, 0);
    s->co.releases[0].model.size_bytes = sim_blob_bytes(&s->co.releases[0].model.digest);
    for (uint32_t id = 1; id <= s->n_devices; id++) {
        struct sim_device *d = &s->devices[id];
        s->co.store[id].state = SRV_DEVICE_ACTIVE;
        d->next_seq = 1;
        d->slowness = sim_below(s, 4) ? 1 : 1 + sim_below(s, 12);
        for (uint32_t name = 0; name < SIM_MAX_NAMES; name++)
            d->label_id[name] = CN_LABEL_NONE;
    }
    sim_server_boot(s);
    for (uint32_t id = 1; id <= s->n_devices; id++)
        sim_device_boot(s, id);
}

static void happen_to_device(struct sim *s, uint32_t id)
{
    struct sim_device *d = &s->devices[id];
    enum srv_device_state state = s->co.store[id].state;

    switch (sim_below(s, 12)) {
    case 0:
    case 1: sim_device_crash(s, id); break;
    case 2:
    case 3:
    case 4: sim_device_boot(s, id); break;
    case 5: d->is_cut = true; break;
    case 6:
    case 7: d->is_cut = false; break;
    case 8:
    case 9: sim_device_disconnect(s, id); break;
    case 10:
        if (d->is_up)
            sim_device_event(s, id, &(struct edge_event){.kind = EDGE_EV_FLUSH}, false);
        break;
    case 11:
        if (!s->co.is_up || state == SRV_DEVICE_REVOKED)
            break;
        sim_server_device(s, id,
                          state == SRV_DEVICE_SUSPENDED ? SRV_DEVICE_ACTIVE
                          : sim_below(s, 6)             ? SRV_DEVICE_SUSPENDED
                                                        : SRV_DEVICE_REVOKED);
        break;
    }
}

static void happen_to_server(struct sim *s)
{
    switch (sim_below(s, 8)) {
    case 0: sim_server_crash(s); break;
    case 1:
    case 2:
    case 3: sim_server_boot(s); break;
    case 4:
    case 5: sim_server_event(s, &(struct srv_event){.kind = SRV_EV_CLOSE}, false); break;
    case 6: sim_server_accept(s, sim_below(s, s->n_names)); break;
    case 7:
        if (sim_below(s, 2) == 0)
            sim_server_release(s);
        break;
    }
}

void sim_chaos(struct sim *s)
{
    uint32_t id;

    if (s->n_devices == 0)
        set_scene(s);
    if (s->healed)
        return;
    id = 1 + sim_below(s, s->n_devices);
    switch (sim_below(s, 10)) {
    case 0: happen_to_server(s); break;
    case 1:
    case 2: happen_to_device(s, id); break;
    default: sim_device_teach(s, id, sim_below(s, s->n_names)); break;
    }
    sim_post(s, SIM_CHAOS, 1 + sim_below(s, 1500));
}

/* From here on nothing goes wrong any more, and everything must come right. */
void sim_heal(struct sim *s)
{
    sim_trace(s, "THE WORLD HEALS");
    s->healed = true;
    sim_server_boot(s);
    for (uint32_t name = 0; name < s->n_names; name++)
        sim_server_accept(s, name);
    for (uint32_t id = 1; id <= s->n_devices; id++) {
        s->devices[id].is_cut = false;
        if (s->co.store[id].state == SRV_DEVICE_SUSPENDED)
            sim_server_device(s, id, SRV_DEVICE_ACTIVE);
        sim_device_boot(s, id);
    }
}
