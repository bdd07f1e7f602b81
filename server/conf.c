/* The coordinator's settings. */
#include "server/conf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"

void srv_conf_init(struct srv_conf *c)
{
    *c = (struct srv_conf){
        .name = "cairn",
        .listen = "tcp://0.0.0.0:7447",
        .enrol_listen = "tcp://0.0.0.0:7448",
        .updates = 8,
        .max_wait_s = 60,
        .score_wait_s = 10,
        .max_staleness = 20,
        .uploads = 16,
        .upload_idle_s = 30,
        .policy = SRV_POLICY_AUTO,
        .quorum = 2,
        .min_evidence = 100,
        .min_label = 10,
        .alpha = 0.01,
        .tolerance = 0.01,
        .growth_tolerance = 0.3,
        .synth_tolerance = 0.1,
        .recipe_kind = CN_RECIPE_FEATURES,
        .synth = CN_SYNTH_CGAN,
        .image = "28x28x1",
        .seed = 1,
        .log_level = 1,
    };
}

static void add(struct srv_conf_table *t, struct cn_conf_key key)
{
    assert(t->n < SRV_CONF_MAX_KEYS);
    t->key[t->n++] = key;
}

static void text(struct srv_conf_table *t, const char *section, const char *key, char *value,
                 size_t size, const char *help)
{
    add(t, (struct cn_conf_key){section, key, CN_CONF_STRING, value, .size = size, .help = help});
}

static void uint(struct srv_conf_table *t, const char *section, const char *key, uint64_t *value,
                 double min, double max, const char *help)
{
    add(t, (struct cn_conf_key){section, key, CN_CONF_UINT, value, .min = min, .max = max,
                                .help = help});
}

static void real(struct srv_conf_table *t, const char *section, const char *key, double *value,
                 double min, double max, const char *help)
{
    add(t, (struct cn_conf_key){section, key, CN_CONF_DOUBLE, value, .min = min, .max = max,
                                .help = help});
}

static void choice(struct srv_conf_table *t, const char *section, const char *key, int *value,
                   const char *names, const char *help)
{
    add(t, (struct cn_conf_key){section, key, CN_CONF_ENUM, value, .names = names, .help = help});
}

/* clang-format off */
void srv_conf_table(struct srv_conf *c, struct srv_conf_table *t)
{
    t->n = 0;
    text(t, "fleet", "name", c->name, sizeof c->name, "what people call this fleet");
    text(t, "fleet", "listen", c->listen, sizeof c->listen, "where devices connect; port 0 takes a free port at the first start and keeps it");
    text(t, "fleet", "enrol_listen", c->enrol_listen, sizeof c->enrol_listen, "where new devices join with a token");
    text(t, "fleet", "admin_listen", c->admin_listen, sizeof c->admin_listen, "where cairn connects; empty: ipc://DATA/admin.ipc");
    text(t, "fleet", "advertise", c->advertise, sizeof c->advertise, "the host name or address that tokens tell devices; empty: the one listened on, else this machine's name");

    uint(t, "round", "updates", &c->updates, 1, CN_MAX_ROUND_UPDATES, "a round closes when it holds this many updates");
    uint(t, "round", "max_wait_s", &c->max_wait_s, 1, 86400 * 7, "or this long after its first one");
    uint(t, "round", "score_wait_s", &c->score_wait_s, 1, 3600, "how long devices may take to score the candidates on their held-out examples");
    uint(t, "round", "max_staleness", &c->max_staleness, 0, 10000, "updates against releases older than this many are refused");
    uint(t, "round", "uploads", &c->uploads, 1, CN_MAX_UPLOADS, "uploads in flight at once; each holds one update in memory");
    uint(t, "round", "upload_idle_s", &c->upload_idle_s, 1, 3600, "an upload without a byte for this long loses its place");

    choice(t, "labels", "policy", &c->policy, "auto|quorum|manual", "who accepts a new label: at once, after quorum devices proposed it, or a person");
    uint(t, "labels", "quorum", &c->quorum, 1, CN_MAX_DEVICES, "devices that must propose the same name (policy quorum)");

    uint(t, "gate", "min_evidence", &c->min_evidence, 0, 1e9, "held-out answers below which synthesized data judge a candidate");
    uint(t, "gate", "min_label", &c->min_label, 1, 1e9, "answers about one label below which it cannot refuse a candidate");
    real(t, "gate", "alpha", &c->alpha, 1e-9, 0.5, "chance of refusing a candidate that is no worse");
    real(t, "gate", "tolerance", &c->tolerance, 0, 1, "a drop in accuracy up to this never counts");
    real(t, "gate", "growth_tolerance", &c->growth_tolerance, 0, 1, "more of it when a release brings new labels");
    real(t, "gate", "synth_tolerance", &c->synth_tolerance, 0, 1, "more of it when only synthesized data judge");

    choice(t, "recipe", "kind", &c->recipe_kind, "features|article", "how the fleet learns; this section is fixed when the fleet is made");
    choice(t, "recipe", "synth", &c->synth, "none|moments|cgan", "what makes the samples that keep labels in balance");
    text(t, "recipe", "image", c->image, sizeof c->image, "WIDTHxHEIGHTxCHANNELS of the network's input; channels 1 or 3");
    uint(t, "recipe", "seed", &c->seed, 0, 9e15, "of the random trunk and of first initializations");
    uint(t, "recipe", "filters", &c->n_filters, 0, 0, "features: random filters; 32 numbers each");
    uint(t, "recipe", "rank", &c->rank, 0, 0, "of the moments' covariance");
    uint(t, "recipe", "min_count", &c->min_count, 0, 0, "fewer images of a label on a device than this send no statistics");
    uint(t, "recipe", "local_steps", &c->local_steps, 0, 0, "training steps per correction, at most");
    uint(t, "recipe", "gan_steps", &c->gan_steps, 0, 0, "CGAN steps on a device per update");
    uint(t, "recipe", "consolidate_steps", &c->consolidate_steps, 0, 0, "steps of fine-tuning on synthesized data per release");

    choice(t, "log", "level", &c->log_level, "debug|info|warn|error", "lines below this level are dropped");
}
/* clang-format on */

enum cn_err srv_conf_assign(struct srv_conf *c, const char *text, struct cn_error *err)
{
    char section[32], key[32];
    int at = 0;
    struct srv_conf_table t;

    if (sscanf(text, "%31[a-z_].%31[a-z_]=%n", section, key, &at) != 2 || at == 0)
        return cn_fail(err, CN_E_PARSE, "\"%s\" is not section.key=value", text);
    srv_conf_table(c, &t);
    const struct cn_conf_key *k = cn_conf_find(t.key, t.n, section, key);
    if (!k)
        return cn_fail(err, CN_E_PARSE, "%s.%s is not a setting; --help lists them", section, key);
    return cn_conf_set(k, text + at, err);
}

static enum cn_err image_size(const struct srv_conf *c, uint32_t *w, uint32_t *h, uint32_t *ch,
                              struct cn_error *err)
{
    int end = 0;

    if (sscanf(c->image, "%5ux%5ux%1u%n", w, h, ch, &end) != 3 || c->image[end])
        return cn_fail(err, CN_E_PARSE,
                       "recipe.image: \"%s\" is not WIDTHxHEIGHTxCHANNELS, as 28x28x1", c->image);
    struct cn_pipeline p = {.channels = *ch, .height = *h, .width = *w, .scale = 1};
    if (*w == 0 || *h == 0 || (*ch != 1 && *ch != 3) || cn_pipeline_check(&p, err) != CN_OK)
        return cn_fail(err, CN_E_LIMIT,
                       "recipe.image: \"%s\": sides go from 1 to 1024, channels are 1 or 3",
                       c->image);
    return CN_OK;
}

enum cn_err srv_conf_recipe_defaults(struct srv_conf *c, struct cn_error *err)
{
    uint32_t w, h, ch;
    enum cn_err e = image_size(c, &w, &h, &ch, err);

    if (e != CN_OK)
        return e;
    struct cn_recipe r = cn_recipe_default((enum cn_recipe_kind)c->recipe_kind, ch, h, w);
    c->n_filters = r.n_filters;
    c->rank = r.rank;
    c->min_count = r.min_count;
    c->local_steps = r.local_steps;
    c->gan_steps = r.gan_steps;
    c->consolidate_steps = r.consolidate_steps;
    return CN_OK;
}

static uint32_t u32(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v; /* cn_recipe_check names what is too much */
}

enum cn_err srv_conf_recipe(const struct srv_conf *c, struct cn_recipe *ret, struct cn_error *err)
{
    uint32_t w, h, ch;
    enum cn_err e = image_size(c, &w, &h, &ch, err);

    if (e != CN_OK)
        return e;
    struct cn_recipe r = cn_recipe_default((enum cn_recipe_kind)c->recipe_kind, ch, h, w);
    r.synth = (enum cn_synth_kind)c->synth;
    r.seed = c->seed;
    r.n_filters = u32(c->n_filters);
    r.rank = u32(c->rank);
    r.min_count = u32(c->min_count);
    r.local_steps = u32(c->local_steps);
    r.gan_steps = u32(c->gan_steps);
    r.consolidate_steps = u32(c->consolidate_steps);
    e = cn_recipe_check(&r, err);
    if (e != CN_OK) {
        cn_fail_prefix(err, "[recipe]");
        return e;
    }
    *ret = r;
    return CN_OK;
}

enum cn_err srv_conf_read(struct srv_conf *c, const char *path, struct cn_error *err)
{
    struct srv_conf_table t;

    srv_conf_table(c, &t);
    return cn_conf_read(path, t.key, t.n, err);
}

void srv_conf_write(struct srv_conf *c, struct cn_buf *out)
{
    struct srv_conf_table t;
    const char *section = "";

    srv_conf_table(c, &t);
    cn_buf_printf(out, "# cairn-coordinator: read at start; cairn-coordinator run --check-config "
                       "tells what is wrong with it.\n");
    for (size_t i = 0; i < t.n; i++) {
        const struct cn_conf_key *k = &t.key[i];
        if (strcmp(section, k->section) != 0)
            cn_buf_printf(out, "\n[%s]\n", k->section);
        section = k->section;
        cn_buf_printf(out, "# %s", k->help);
        if (k->names)
            cn_buf_printf(out, " (%s)", k->names);
        cn_buf_printf(out, "\n%s = ", k->key);
        cn_conf_print(k, out);
        cn_buf_printf(out, "\n");
    }
}

void srv_conf_help(struct cn_buf *out)
{
    struct srv_conf c;
    struct srv_conf_table t;

    srv_conf_init(&c);
    srv_conf_table(&c, &t);
    for (size_t i = 0; i < t.n; i++) {
        char name[72];
        snprintf(name, sizeof name, "%s.%s", t.key[i].section, t.key[i].key);
        cn_buf_printf(out, "  %-26s %s", name, t.key[i].help);
        if (t.key[i].names)
            cn_buf_printf(out, " (%s)", t.key[i].names);
        cn_buf_printf(out, "\n");
    }
}
