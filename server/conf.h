/* The coordinator's settings: one table behind the file, --set, --help and the comments that init
   writes. One thread. */
#ifndef SRV_CONF_H
#define SRV_CONF_H

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/recipe/recipe.h"

enum { SRV_ENDPOINT_BYTES = 256, SRV_NAME_BYTES = 64 };

enum srv_label_policy { SRV_POLICY_AUTO, SRV_POLICY_QUORUM, SRV_POLICY_MANUAL };

struct srv_conf {
    char name[SRV_NAME_BYTES];
    char listen[SRV_ENDPOINT_BYTES], enrol_listen[SRV_ENDPOINT_BYTES];
    char admin_listen[SRV_ENDPOINT_BYTES]; /* empty: ipc://DATA/admin.ipc */
    char advertise[SRV_NAME_BYTES];        /* host in tokens; empty: this machine's name */

    uint64_t updates, max_wait_s, score_wait_s, max_staleness, uploads, upload_idle_s;

    int policy; /* enum srv_label_policy */
    uint64_t quorum;

    uint64_t min_evidence, min_label;
    double alpha, tolerance, growth_tolerance, synth_tolerance;

    int recipe_kind, synth; /* enum cn_recipe_kind, enum cn_synth_kind */
    char image[24];         /* WIDTHxHEIGHTxCHANNELS */
    uint64_t seed, n_filters, rank, min_count, local_steps, gan_steps, consolidate_steps;

    int log_level;
};

enum { SRV_CONF_MAX_KEYS = 48 };

struct srv_conf_table {
    struct cn_conf_key key[SRV_CONF_MAX_KEYS];
    size_t n;
};

/* Every setting at its default. */
void srv_conf_init(struct srv_conf *c);
/* The table whose values point into *c. */
void srv_conf_table(struct srv_conf *c, struct srv_conf_table *ret);

/* "section.key=value", as --set gives it. */
enum cn_err srv_conf_assign(struct srv_conf *c, const char *text,
                            struct cn_error *err) CN_NODISCARD;
/* The defaults of the recipe for c's kind and image size go to every [recipe] number: what init
   does before it applies the person's own numbers. */
enum cn_err srv_conf_recipe_defaults(struct srv_conf *c, struct cn_error *err) CN_NODISCARD;
/* The recipe that the settings describe, checked. */
enum cn_err srv_conf_recipe(const struct srv_conf *c, struct cn_recipe *ret,
                            struct cn_error *err) CN_NODISCARD;

enum cn_err srv_conf_read(struct srv_conf *c, const char *path, struct cn_error *err) CN_NODISCARD;
/* The commented file that reads back as *c. */
void srv_conf_write(struct srv_conf *c, struct cn_buf *out);
/* One line per setting, for --help. */
void srv_conf_help(struct cn_buf *out);

#endif
