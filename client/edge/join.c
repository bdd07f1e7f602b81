/* cairn-edge join: make keys, show the token to the coordinator, write down who we are.

   Every step can be repeated: the key is made once and kept, the coordinator answers the same token
   with the same key by the same admission, and identity.json is written last. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/edge/commands.h"
#include "client/edge/conf.h"
#include "client/edge/identity.h"
#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/base/msg.h"
#include "common/base/reason.h"
#include "common/doors/json.h"
#include "common/doors/link.h"
#include "common/doors/wire.h"
#include "common/model/token.h"

enum { ANSWER_MS = 15000 };

static enum cn_err send_join(struct cn_link *link, const struct cn_token *token, const char *name,
                             struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf header = {0};
    struct cn_msg m = {.kind = CN_MSG_JOIN};

    m.join.n_secret = sizeof token->secret;
    memcpy(m.join.secret, token->secret, sizeof token->secret);
    m.join.major = CN_PROTO_MAJOR;
    m.join.minor = CN_PROTO_MINOR;
    snprintf(m.join.name, sizeof m.join.name, "%s", name);
    cn_wire_encode(&m, &header);
    return cn_link_send(link, 0, (struct cn_bytes){header.at, header.n}, NULL, err);
}

static enum cn_err take_answer(const struct cn_link_event *ev, const struct cn_token *token,
                               struct edge_identity *id, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf scratch = {0};
    struct cn_msg m;

    enum cn_err e = cn_wire_decode(ev->header, ev->bulk.n, &scratch, &m, err);
    if (e) {
        cn_fail_prefix(err, "the coordinator's answer");
        return e;
    }
    if (m.kind == CN_MSG_REFUSED)
        return cn_fail(err, CN_E_DENIED, "the coordinator does not admit this device: %s",
                       cn_refused_text(m.refused.reason));
    if (m.kind != CN_MSG_ADMITTED)
        return cn_fail(err, CN_E_PARSE, "the coordinator answered %s instead of ADMITTED",
                       cn_msg_name(m.kind));
    if (!cn_digest_equal(&m.admitted.fleet, &token->fleet))
        return cn_fail(err, CN_E_CRYPTO, "the coordinator admits to another fleet than the token");
    *id = (struct edge_identity){
        .device = m.admitted.device, .fleet = m.admitted.fleet, .server = token->server};
    snprintf(id->name, sizeof id->name, "%s", m.admitted.name);
    snprintf(id->endpoint, sizeof id->endpoint, "%s",
             *m.admitted.endpoint ? m.admitted.endpoint : token->fleet_endpoint);
    return CN_OK;
}

/* JOIN goes out whenever the link comes up; the first message back is the answer. */
static enum cn_err enrol(const struct cn_token *token, const struct cn_secret *key,
                         const char *name, struct edge_identity *id, struct cn_error *err)
{
    struct cn_link *CN_CLEANUP(cn_link_close) link = NULL;
    const struct cn_link_dial_conf conf = {
        .endpoint = token->enrol, .server = token->server, .secret = key};
    uint64_t deadline_ms = cn_clock_mono_ms() + ANSWER_MS;
    struct cn_link_event ev;

    enum cn_err e = cn_link_dial(&link, &conf, err);
    while (!e) {
        uint64_t now = cn_clock_mono_ms();
        if (now >= deadline_ms)
            return cn_fail(err, CN_E_TIMEOUT, "no answer from %s within %d s", token->enrol,
                           ANSWER_MS / 1000);
        e = cn_link_wait(link, (uint32_t)(deadline_ms - now), &ev, err);
        if (!e && ev.what == CN_LINK_UP)
            e = send_join(link, token, name, err);
        if (!e && ev.what == CN_LINK_MESSAGE)
            return take_answer(&ev, token, id, err);
    }
    return e;
}

static enum cn_err leave_example_conf(const char *data, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/edge.conf", data);
    if (cn_fs_exists(path))
        return CN_OK;
    edge_conf_example(&text);
    return cn_fs_write_atomic(path, (struct cn_bytes){text.at, text.n}, 0644, err);
}

static enum cn_err join(const char *data, const char *token_text, const char *name,
                        struct edge_identity *id, struct cn_error *err)
{
    CN_CLEANUP(cn_fs_closep) int lock = -1;
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = NULL;
    struct cn_token token;

    enum cn_err e = cn_token_decode(&token, token_text, err);
    if (!e)
        e = cn_fs_mkdirs(data, 0700, err);
    if (!e)
        e = cn_fs_lock(data, &lock, err);
    if (e)
        return e;
    e = edge_identity_load(id, data, err);
    if (!e)
        return cn_fail(err, CN_E_EXISTS,
                       "%s is device %u (%s) already; another device needs another data directory",
                       data, id->device, id->name);
    if (e != CN_E_NOTFOUND)
        return e;
    e = edge_identity_key(&key, data, true, err);
    if (!e)
        e = enrol(&token, key, name, id, err);
    if (!e)
        e = leave_example_conf(data, err);
    return e ? e : edge_identity_save(id, data, err);
}

static void report(const struct edge_identity *id, const struct edge_common *common)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};
    char fleet[2 * CN_DIGEST_BYTES + 1];

    cn_hex_encode(fleet, id->fleet.b, CN_DIGEST_BYTES);
    if (!common->json) {
        printf("This is now device %u, \"%s\", of the fleet %.16s.\n"
               "Run it: cairn-edge run --data %s\n",
               id->device, id->name, fleet, common->data);
        return;
    }
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    cn_json_set_int(j, "device", id->device);
    cn_json_set_string(j, "name", id->name);
    cn_json_set_string(j, "fleet", fleet);
    cn_json_set_string(j, "endpoint", id->endpoint);
    cn_json_dump(j, false, &out);
    printf("%s\n", cn_buf_cstr(&out));
}

int edge_cmd_join(const struct edge_command *self, int argc, char **argv)
{
    const char *name = NULL;
    const struct edge_arg args[] = {
        {"--name", "NAME", "what the device is called (default: the host's name)", EDGE_ARG_TEXT,
         &name},
    };
    char host[CN_MAX_DEVICE_NAME_BYTES + 1] = "edge";
    struct edge_common common;
    struct edge_identity id;
    struct edge_conf conf;
    struct cn_error err;
    int n, exit_code;

    if (!edge_args_parse(self, args, CN_COUNT(args), &common, argc, argv, &n, &exit_code))
        return exit_code;
    if (edge_conf_load(&conf, common.data, &err))
        return edge_args_failed(self, &err);
    gethostname(host, sizeof host - 1);
    if (!name)
        name = *conf.name ? conf.name : host;
    if (strlen(name) > CN_MAX_DEVICE_NAME_BYTES)
        return edge_args_usage(self, "a name has at most %d bytes", CN_MAX_DEVICE_NAME_BYTES);
    enum cn_err e = cn_crypto_init(&err);
    if (!e)
        e = join(common.data, argv[1], name, &id, &err);
    if (e) {
        edge_args_failed(self, &err);
        return e == CN_E_NOTFOUND || e == CN_E_TIMEOUT ? EDGE_EXIT_UNREACHABLE : EDGE_EXIT_FAILED;
    }
    report(&id, &common);
    return EDGE_EXIT_OK;
}
