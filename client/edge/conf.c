/* Settings of the edge daemon: one table drives the file, --set and the example file. */
#include "client/edge/conf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N_KEYS = 6 };

static void table(struct edge_conf *c, struct cn_conf_key keys[N_KEYS])
{
    const struct cn_conf_key all[N_KEYS] = {
        {"edge", "listen", CN_CONF_STRING, c->listen, sizeof c->listen,
         .help = "address of the local API: 127.0.0.1:PORT (0 takes any) or unix:PATH"},
        {"edge", "name", CN_CONF_STRING, c->name, sizeof c->name,
         .help = "what this device is called when it joins; empty: the host's name"},
        {"spool", "max_mb", CN_CONF_UINT, &c->max_mb, .min = 1, .max = 1024 * 1024,
         .help = "megabytes of images that may wait for a release"},
        {"spool", "keep_images", CN_CONF_BOOL, &c->keep_images,
         .help = "keep images after a release holds what was learnt from them"},
        {"update", "batch", CN_CONF_UINT, &c->batch, .min = 1, .max = 100000,
         .help = "examples that make an update worth sending"},
        {"update", "max_wait_s", CN_CONF_UINT, &c->max_wait_s, .min = 1, .max = 30 * 86400,
         .help = "seconds after which a smaller one is sent"},
    };
    memcpy(keys, all, sizeof all);
}

void edge_conf_init(struct edge_conf *c)
{
    *c = (struct edge_conf){
        .listen = "127.0.0.1:8471",
        .max_mb = 1024,
        .batch = 50,
        .max_wait_s = 30,
    };
}

enum cn_err edge_conf_load(struct edge_conf *c, const char *data, struct cn_error *err)
{
    struct cn_conf_key keys[N_KEYS];
    struct edge_conf read;
    char path[4096];

    edge_conf_init(&read);
    table(&read, keys);
    snprintf(path, sizeof path, "%s/edge.conf", data);
    if (access(path, F_OK) == 0) {
        enum cn_err e = cn_conf_read(path, keys, N_KEYS, err);
        if (e)
            return e;
    }
    *c = read;
    return CN_OK;
}

enum cn_err edge_conf_set(struct edge_conf *c, const char *assignment, struct cn_error *err)
{
    struct cn_conf_key keys[N_KEYS];
    char section[32] = "", key[32] = "";
    const char *value = strchr(assignment, '=');

    table(c, keys);
    if (!value || sscanf(assignment, "%31[^.=].%31[^=]", section, key) != 2)
        return cn_fail(err, CN_E_PARSE, "--set takes section.key=value, not \"%.100s\"",
                       assignment);
    const struct cn_conf_key *k = cn_conf_find(keys, N_KEYS, section, key);
    if (!k)
        return cn_fail(err, CN_E_PARSE, "%s.%s is not a setting of cairn-edge", section, key);
    return cn_conf_set(k, value + 1, err);
}

void edge_conf_example(struct cn_buf *out)
{
    struct cn_conf_key keys[N_KEYS];
    struct edge_conf c;
    const char *section = "";

    edge_conf_init(&c);
    table(&c, keys);
    cn_buf_printf(out, "; Settings of this edge device; what is commented out is the default.\n");
    for (int i = 0; i < N_KEYS; i++) {
        if (strcmp(section, keys[i].section) != 0)
            cn_buf_printf(out, "\n[%s]\n", keys[i].section);
        section = keys[i].section;
        cn_buf_printf(out, "; %s\n; %s = ", keys[i].help, keys[i].key);
        cn_conf_print(&keys[i], out);
        cn_buf_printf(out, "\n");
    }
}
