/* The gate: which candidate becomes the release, or none. Pure: counts in, verdict with sentences
   out. */
#ifndef SRV_GATE_H
#define SRV_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/label.h"

enum { SRV_GATE_MAX_CANDIDATES = 3, SRV_GATE_WHY_BYTES = 256 };

struct srv_gate_conf {
    uint32_t min_evidence; /* held-out answers below which synthesized data decide */
    uint32_t min_label;    /* answers about one label below which it cannot refuse a candidate */
    double alpha;          /* chance of refusing a candidate that is no worse (0.01) */
    double tolerance;      /* a drop up to this never counts (0.01) */
    /* More of it when labels are new: an old label then shares its images with look-alikes that it
       did not have to be told apart from before. */
    double growth_tolerance;
    double synth_tolerance; /* more of it when only synthesized data speak */
};

/* What is known of one model. Tallies are ascending by label; only right and wrong are read. */
struct srv_gate_model {
    const char *name;
    const uint32_t *labels; /* its rows, in any order */
    uint32_t n_labels;
    const struct cn_label_tally *held; /* devices' held-out examples, summed over devices */
    uint32_t n_held;
    const struct cn_label_tally *synthetic;
    uint32_t n_synthetic;
};

struct srv_gate_judgement {
    double score;      /* balanced accuracy over its labels with evidence, 0..1 */
    uint32_t evidence; /* answers behind it */
    bool passed;       /* not worse than the release before */
    bool taken;
    char why[SRV_GATE_WHY_BYTES];
};

struct srv_gate_verdict {
    int taken; /* index of the candidate, -1: all refused */
    bool by_held_out;
    struct srv_gate_judgement candidate[SRV_GATE_MAX_CANDIDATES];
};

/* Judges n candidates (1..SRV_GATE_MAX_CANDIDATES) against the release before. Held-out answers
   decide when every candidate has min_evidence of them, synthesized data otherwise. A candidate
   passes unless it is worse than `before`, overall or on one label that both have, by more than
   noise and tolerance. Of those that passed the first is taken, unless held-out answers show a
   later one to be better by more than noise: synthesized data may refuse a candidate but never
   prefer one, since a candidate that was tuned on a synthesizer's samples does well on more of
   them. */
void srv_gate_decide(const struct srv_gate_conf *conf, const struct srv_gate_model *before,
                     const struct srv_gate_model *candidates, uint32_t n,
                     struct srv_gate_verdict *ret);

#endif
