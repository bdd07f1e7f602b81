/* What a device contributes: built from examples against one release, checked, and added into the
   round's fixed-point accumulators. Threads: functions are reentrant; one thread per cn_merge. */
#ifndef CN_UPDATE_H
#define CN_UPDATE_H

#include "common/base/label.h"
#include "common/recipe/learner.h"

struct cn_update_report {
    uint32_t n_examples, n_labels;
    uint32_t n_gan_steps;
    float gan_loss_d, gan_loss_g;
    size_t raw_bytes; /* what the same tensors would take as plain fp32 */
};

/* Trains from the release's model blob on the examples alone and writes the update's bytes (row
   deltas, statistics or body deltas, generator and discriminator deltas, counts per label; never a
   pixel). All labels canonical. Labels that the release lacks get new rows. Deterministic in seed.
   Long (seconds): a job. */
enum cn_err cn_update_build(struct cn_blob *model, const struct cn_example *examples, uint32_t n,
                            uint64_t seed, struct cn_buf *ret_update,
                            struct cn_update_report *report, struct cn_error *err) CN_NODISCARD;

/* ---- the coordinator's side ---- */

struct cn_merge; /* the sums of one round: O(model), whatever the number of updates */

/* model: the release that the round starts from. */
enum cn_err cn_merge_new(struct cn_merge **ret, struct cn_blob *model,
                         struct cn_error *err) CN_NODISCARD;
void cn_merge_destroy(struct cn_merge **m);

/* Checks one update completely (form, architecture, shapes, finite, norms, counts, label ids known
   to `labels`) and only then adds it with weight 1/sqrt(1+staleness). An error names the tensor or
   label and changes nothing. Sums are 64-bit integers: any order of the same updates gives the same
   bytes. */
enum cn_err cn_merge_add(struct cn_merge *m, struct cn_bytes update, const uint32_t *labels,
                         uint32_t n_labels, uint32_t staleness, struct cn_error *err) CN_NODISCARD;
/* Counts per label of what was added so far, ascending by id; valid until the next add. */
const struct cn_label_count *cn_merge_counts(const struct cn_merge *m, uint32_t *ret_n);
/* All sums as bytes, canonical: what order independence is tested on, and what a relay would send.
 */
void cn_merge_encode(const struct cn_merge *m, struct cn_buf *out);

#endif
