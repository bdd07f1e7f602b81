/* Why somebody is refused, told to wait, or rejected: the names that travel in messages, and the
   sentences that people read. Constants only; threads: any. */
#ifndef CN_REASON_H
#define CN_REASON_H

/* A session (or an enrolment) is not opened, or ends. Numbers are the protocol's: only append. */
enum cn_refused {
    CN_REFUSED_NONE,
    CN_REFUSED_VERSION,   /* another major version of the protocol */
    CN_REFUSED_FLEET,     /* the device belongs to another fleet */
    CN_REFUSED_SUSPENDED, /* an admin suspended it: it keeps its queue and asks again later */
    CN_REFUSED_REVOKED,   /* out for good */
    CN_REFUSED_BUSY,      /* enrolments or sessions come too fast */
    CN_REFUSED_SESSION,   /* the coordinator does not know this session: say HELLO again */
    CN_REFUSED_TOKEN,     /* enrolment: no such token, or expired, or used */
    CN_REFUSED_FORM,      /* enrolment: the request cannot be what it says */
    CN_REFUSED_N
};

/* Not now; each WAIT says when to ask again. */
enum cn_wait {
    CN_WAIT_NONE,
    CN_WAIT_SLOTS,         /* all upload slots are taken; the device stands in line */
    CN_WAIT_MEMORY,        /* bytes in flight are at their cap */
    CN_WAIT_ROUND_FULL,    /* the round holds as many updates as a release may have */
    CN_WAIT_MERGING,       /* the update has arrived and is being checked */
    CN_WAIT_PARKED,        /* the update has arrived; it is merged in the next round */
    CN_WAIT_IN_FLIGHT,     /* another update of this device is held: first that one is settled */
    CN_WAIT_CONSOLIDATING, /* the round is closed; a release is being made */
    CN_WAIT_SCORING,       /* devices score the candidates */
    CN_WAIT_DECIDING,      /* gate, signature, commit */
    CN_WAIT_STALE_BASE,    /* the device's release is too old to build on: fetch the newer one */
    CN_WAIT_AHEAD,         /* the device runs a release that this coordinator does not have */
    CN_WAIT_STALLED,       /* the upload made no progress and lost its slot */
    CN_WAIT_RATE,          /* asked too often */
    CN_WAIT_N
};

/* This update will never be in a release; its examples go back to the device's queue. */
enum cn_reject {
    CN_REJECT_NONE,
    CN_REJECT_STALE,         /* built against a release that is too old */
    CN_REJECT_AHEAD,         /* built against a release that does not exist here */
    CN_REJECT_TOO_LARGE,     /* bytes over the cap */
    CN_REJECT_DIGEST,        /* the bytes do not have the digest that was offered */
    CN_REJECT_FORM,          /* not an update: cannot be parsed */
    CN_REJECT_FLEET,         /* made for another fleet or architecture */
    CN_REJECT_SHAPE,         /* tensors of the wrong shape */
    CN_REJECT_NUMERIC,       /* NaN, infinity, or absurd norms */
    CN_REJECT_COUNTS,        /* absurd counts */
    CN_REJECT_LABEL,         /* a label id that the registry does not have */
    CN_REJECT_GATE,          /* the gate refused the round's candidates */
    CN_REJECT_CONSOLIDATION, /* the round could not be consolidated */
    CN_REJECT_BASE_CHANGED,  /* a rollback came between */
    CN_REJECT_OLD_SEQ,       /* the number was used before */
    CN_REJECT_N
};

/* Short stable names ("slots", "gate"), and one sentence each; never NULL. */
const char *cn_refused_name(enum cn_refused r);
const char *cn_refused_text(enum cn_refused r);
const char *cn_wait_name(enum cn_wait w);
const char *cn_wait_text(enum cn_wait w);
const char *cn_reject_name(enum cn_reject r);
const char *cn_reject_text(enum cn_reject r);

#endif
