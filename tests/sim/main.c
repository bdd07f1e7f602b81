/* sim [--seeds N] [--first S] [--verbose]: runs N seeds from S on and stops at the first in which a
   promise is broken. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/own.h"
#include "tests/sim/sim.h"

static bool parse_number(const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

struct request {
    uint64_t n_seeds, first;
    struct sim_options options;
};

static bool parse(int argc, char **argv, struct request *ret)
{
    for (int i = 1; i < argc; i++) {
        uint64_t *number = NULL;
        if (strcmp(argv[i], "--verbose") == 0) {
            ret->options.verbose = true;
            continue;
        }
        if (strcmp(argv[i], "--seeds") == 0)
            number = &ret->n_seeds;
        else if (strcmp(argv[i], "--first") == 0)
            number = &ret->first;
        if (!number || ++i == argc || !parse_number(argv[i], number))
            return false;
    }
    return true;
}

/* Prints what was seen; false: something between devices and coordinator never came about. */
static bool report(const struct sim_seen *seen)
{
    bool all = true;

    for (enum cn_msg_kind k = CN_MSG_HELLO; k < CN_MSG_JOIN; k++) {
        printf("%s %llu  ", cn_msg_name(k), (unsigned long long)seen->kinds[k]);
        all = all && seen->kinds[k];
    }
    for (enum cn_wait w = CN_WAIT_SLOTS; w < CN_WAIT_N; w++)
        printf("wait:%s %llu  ", cn_wait_name(w), (unsigned long long)seen->waits[w]);
    for (enum cn_reject j = CN_REJECT_STALE; j < CN_REJECT_N; j++)
        printf("reject:%s %llu  ", cn_reject_name(j), (unsigned long long)seen->rejects[j]);
    for (enum cn_refused f = CN_REFUSED_VERSION; f < CN_REFUSED_N; f++)
        printf("refused:%s %llu  ", cn_refused_name(f), (unsigned long long)seen->refusals[f]);
    putchar('\n');
    return all;
}

static void destroy(struct sim **s)
{
    free((*s)->pool);
    free((*s)->heap);
    free((*s)->spare);
    free(*s);
}

int main(int argc, char **argv)
{
    struct request r = {.n_seeds = 1000, .first = 1};
    struct sim_seen seen = {0};
    CN_CLEANUP(destroy) struct sim *s = cn_calloc(1, sizeof *s);
    unsigned long long n_events = 0, n_releases = 0;

    if (!parse(argc, argv, &r)) {
        fprintf(stderr, "usage: sim [--seeds N] [--first S] [--verbose]\n");
        return 2;
    }
    r.options.seen = &seen;
    for (uint64_t seed = r.first; seed < r.first + r.n_seeds; seed++) {
        if (!sim_run(s, seed, &r.options)) {
            printf("seed %llu, at %.3f s: %s\nagain: sim --first %llu --seeds 1 --verbose\n",
                   (unsigned long long)seed, (double)s->now_ms / 1000, s->failure,
                   (unsigned long long)seed);
            return 1;
        }
        n_events += s->n_events;
        n_releases += s->co.n_releases;
    }
    printf("%llu seeds, %llu events, %llu releases: all promises held\n",
           (unsigned long long)r.n_seeds, n_events, n_releases);
    if (!report(&seen) && r.n_seeds >= 1000) {
        printf("but some message was never sent: the simulator has gone blind\n");
        return 1;
    }
    return 0;
}
