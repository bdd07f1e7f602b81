/* Solved rows made comparable with trained ones, and confidences made honest. Threads: reentrant.
 */
#ifndef CN_CALIBRATE_H
#define CN_CALIBRATE_H

#include "common/model/stats.h"
#include "common/synth/moments.h"

/* Takes the mean row off every row, which no prediction notices, and divides all by one temperature
   (Guo et al., arXiv 1706.04599): a discriminant solved from fewer images than it has features is
   far too sure of itself. moments: row[i] is where the solved label i has its mean. */
void cn_calibrate(struct cn_stats_head *solved, const struct cn_moments *moments,
                  const uint32_t *row, uint64_t seed);

#endif
