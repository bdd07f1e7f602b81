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
    CN_CLEANUP(destroy) struct sim *s = cn_calloc(1, sizeof *s);
    unsigned long long n_events = 0, n_releases = 0;

    if (!parse(argc, argv, &r)) {
        fprintf(stderr, "usage: sim [--seeds N] [--first S] [--verbose]\n");
        return 2;
    }
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
    return 0;
}
