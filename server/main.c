/* cairn-coordinator: arguments. */
#include <stdio.h>
#include <string.h>

#include "common/doors/crypto.h"
#include "server/conf.h"
#include "server/init.h"
#include "server/run.h"

#ifndef CAIRN_VERSION
#define CAIRN_VERSION "unknown"
#endif

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, MAX_SETS = 64 };

struct args {
    const char *data;
    char *sets[MAX_SETS];
    size_t n_sets;
    bool check_config;
};

static void usage(FILE *f)
{
    fputs(
        "usage: cairn-coordinator init --data DIR [--recipe NAME] [--image WxHxC] [--synth NAME]\n"
        "                              [--set SECTION.KEY=VALUE]...\n"
        "       cairn-coordinator run --data DIR [--check-config] [--set SECTION.KEY=VALUE]...\n"
        "       cairn-coordinator --help | --version\n"
        "\n"
        "The coordinator of a fleet: devices send it what people taught them, it makes releases of "
        "it.\n"
        "\n"
        "init makes a fleet in DIR: keys, settings, database and the first release.\n"
        "  --recipe NAME  how the fleet learns: features (default) or article\n"
        "  --image WxHxC  the network's input, as 28x28x1 (default) or 64x64x3\n"
        "  --synth NAME   what keeps labels in balance: cgan (default), moments or none\n"
        "run serves the fleet until SIGTERM.\n"
        "  --check-config reads DIR/coordinator.conf, says what is wrong with it, and ends\n"
        "\n"
        "Then, with cairn: `cairn --data DIR device token` lets a device join, `cairn --data DIR "
        "status`\n"
        "tells how it goes.\n"
        "\n"
        "Settings (DIR/coordinator.conf, or --set):\n",
        f);
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    srv_conf_help(&text);
    fputs(cn_buf_cstr(&text), f);
    fputs("\nExit codes: 0 ended well, 1 it could not do it (one sentence on standard error), 2 "
          "wrong usage.\n",
          f);
}

static int wrong(const char *what, const char *arg)
{
    fprintf(stderr, "cairn-coordinator: %s %s; --help lists what there is\n", what, arg);
    return EXIT_USAGE;
}

static int failed(const struct cn_error *err)
{
    fprintf(stderr, "cairn-coordinator: %s\n", err->text);
    return EXIT_FAILED;
}

/* Options of init that are settings by another name. */
static const char *setting_of(const char *option)
{
    if (strcmp(option, "--recipe") == 0)
        return "recipe.kind=";
    if (strcmp(option, "--image") == 0)
        return "recipe.image=";
    if (strcmp(option, "--synth") == 0)
        return "recipe.synth=";
    return strcmp(option, "--set") == 0 ? "" : NULL;
}

static int parse(int argc, char **argv, bool is_init, struct args *a, char texts[][320])
{
    for (int i = 2; i < argc; i++) {
        const char *prefix = setting_of(argv[i]);
        if (!is_init && prefix && prefix[0])
            return wrong("run does not know", argv[i]);
        if (!is_init && strcmp(argv[i], "--check-config") == 0) {
            a->check_config = true;
            continue;
        }
        if (!prefix && strcmp(argv[i], "--data") != 0)
            return wrong("unknown argument", argv[i]);
        if (i + 1 == argc)
            return wrong("a value must follow", argv[i]);
        const char *value = argv[++i];
        if (!prefix) {
            a->data = value;
            continue;
        }
        if (a->n_sets == MAX_SETS || strlen(prefix) + strlen(value) >= 320)
            return wrong("too many or too long", argv[i - 1]);
        snprintf(texts[a->n_sets], 320, "%s%s", prefix, value);
        a->sets[a->n_sets] = texts[a->n_sets];
        a->n_sets++;
    }
    return a->data ? EXIT_OK : wrong("missing", "--data DIR");
}

static enum cn_err assign_all(struct srv_conf *conf, const struct args *a, struct cn_error *err)
{
    enum cn_err e = CN_OK;

    for (size_t i = 0; e == CN_OK && i < a->n_sets; i++)
        e = srv_conf_assign(conf, a->sets[i], err);
    return e;
}

static int init(const struct args *a)
{
    struct srv_conf conf;
    struct cn_error err;

    /* The recipe's own defaults depend on its kind and image size, and give way to the person's. */
    srv_conf_init(&conf);
    if (assign_all(&conf, a, &err) != CN_OK || srv_conf_recipe_defaults(&conf, &err) != CN_OK ||
        assign_all(&conf, a, &err) != CN_OK || srv_init(&conf, a->data, &err) != CN_OK)
        return failed(&err);
    printf("fleet \"%s\" made in %s\nstart it:      cairn-coordinator run --data %s\n"
           "add a device:  cairn --data %s device token --name NAME\n",
           conf.name, a->data, a->data, a->data);
    return EXIT_OK;
}

static int run(const struct args *a)
{
    struct cn_error err;

    if (a->check_config) {
        if (srv_run_check_conf(a->data, a->sets, a->n_sets, &err) != CN_OK)
            return failed(&err);
        printf("%s/coordinator.conf is fine\n", a->data);
        return EXIT_OK;
    }
    return srv_run(a->data, a->sets, a->n_sets, &err) == CN_OK ? EXIT_OK : failed(&err);
}

int main(int argc, char **argv)
{
    static char texts[MAX_SETS][320];
    const char *verb = argc > 1 ? argv[1] : "";
    struct args a = {0};
    struct cn_error err;

    if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0 ||
        (argc > 2 && strcmp(argv[2], "--help") == 0)) {
        usage(stdout);
        return EXIT_OK;
    }
    if (strcmp(verb, "--version") == 0) {
        puts("cairn-coordinator " CAIRN_VERSION);
        return EXIT_OK;
    }
    bool is_init = strcmp(verb, "init") == 0;
    if (!is_init && strcmp(verb, "run") != 0)
        return wrong(verb[0] ? "unknown command" : "missing", verb[0] ? verb : "a command");
    int code = parse(argc, argv, is_init, &a, texts);
    if (code != EXIT_OK)
        return code;
    if (cn_crypto_init(&err) != CN_OK)
        return failed(&err);
    return is_init ? init(&a) : run(&a);
}
