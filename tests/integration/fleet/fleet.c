/* Many devices in one process: the real edge core and a real CURVE link each, one shared model and
   one shared set of examples. It opens the connections of a large fleet where a daemon each would
   not fit, and is done when every device has so many updates committed.

   usage: fleet --tokens FILE --labels ID,ID... [--updates N] [--examples N] [--timeout S]
   FILE holds one device token per line. Prints one line of JSON. */
#include "tests/integration/fleet/device.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/fs.h"

enum { MAX_LABELS = 64 };

struct options {
    const char *tokens;
    uint32_t labels[MAX_LABELS], n_labels, updates, examples, timeout_s;
};

static void die(const char *what, const struct cn_error *err)
{
    fprintf(stderr, "fleet: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(1);
}

static struct options parse(int argc, char **argv)
{
    struct options o = {.updates = 1, .examples = 40, .timeout_s = 120};
    static const struct option known[] = {{"tokens", 1, 0, 't'},  {"labels", 1, 0, 'l'},
                                          {"updates", 1, 0, 'u'}, {"examples", 1, 0, 'e'},
                                          {"timeout", 1, 0, 's'}, {0}};

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 't': o.tokens = optarg; break;
        case 'l':
            for (char *p = optarg; *p && o.n_labels < MAX_LABELS; p += *p == ',')
                o.labels[o.n_labels++] = (uint32_t)strtoul(p, &p, 10);
            break;
        case 'u': o.updates = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'e': o.examples = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 's': o.timeout_s = (uint32_t)strtoul(optarg, NULL, 10); break;
        default: die("usage: fleet --tokens FILE --labels ID,ID...", NULL);
        }
    }
    if (!o.tokens || !o.n_labels || !o.updates)
        die("usage: fleet --tokens FILE --labels ID,ID...", NULL);
    return o;
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    struct cn_error err = {0};
    struct cn_loop *loop = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    struct fleet fleet = {
        .updates = o.updates, .n_examples = o.examples, .labels = o.labels, .n_labels = o.n_labels};

    if (cn_crypto_init(&err) || cn_loop_new(&loop, &err) ||
        cn_fs_read(o.tokens, 1 << 20, &text, &err))
        die("cannot start", &err);
    fleet.loop = loop;
    char *save = NULL, *all = cn_strdup(cn_buf_cstr(&text));
    for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (fleet_add(&fleet, line, &err))
            die("a device could not join", &err);
    free(all);

    uint64_t start = cn_clock_mono_ms(), end = start + o.timeout_s * 1000ull;
    while (fleet.n_done < fleet.n_devices && cn_clock_mono_ms() < end)
        if (cn_loop_turn(loop, 50, &err))
            die("the loop failed", &err);
    printf("{\"devices\":%u,\"done\":%u,\"committed\":%u,\"rejected\":%u,\"update_bytes\":%zu,"
           "\"ms\":%llu}\n",
           fleet.n_devices, fleet.n_done, fleet.n_committed, fleet.n_rejected, fleet.update_bytes,
           (unsigned long long)(cn_clock_mono_ms() - start));
    if (fleet.n_done < fleet.n_devices)
        fleet_explain(&fleet);
    int rc = fleet.n_done == fleet.n_devices ? 0 : 1;
    fleet_fini(&fleet);
    cn_loop_destroy(&loop);
    return rc;
}
