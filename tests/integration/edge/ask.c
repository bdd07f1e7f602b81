/* ask DATA COMMAND [JSON]: one request to a coordinator's admin endpoint, for tests of the edge
   that should not depend on the admin CLI. Prints the result; exits 1 with the error's text. */
#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "common/base/limits.h"
#include "common/doors/json.h"
#include "common/doors/link.h"

enum { ANSWER_MS = 120000 };

static enum cn_err server_key(const char *data, struct cn_public_key *ret, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf text = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/keys/server.pub", data);
    enum cn_err e = cn_fs_read(path, 4096, &text, err);
    if (e)
        return e;
    cn_buf_cstr(&text);
    char *hex = (char *)(void *)text.at;
    hex[strcspn(hex, " \n")] = 0;
    return cn_hex_decode(ret->b, CN_KEY_BYTES, hex, path, err);
}

static enum cn_err ask(struct cn_link *link, const char *request, struct cn_json **ret,
                       struct cn_error *err)
{
    struct cn_link_event ev;

    for (;;) {
        enum cn_err e = cn_link_wait(link, ANSWER_MS, &ev, err);
        if (!e && ev.what == CN_LINK_UP)
            e = cn_link_send(link, 0, (struct cn_bytes){(const uint8_t *)request, strlen(request)},
                             NULL, err);
        if (!e && ev.what == CN_LINK_MESSAGE)
            return cn_json_parse(ev.header, CN_MAX_JSON_BYTES, ret, err);
        if (e)
            return e;
    }
}

static enum cn_err run(char **argv, const char *args, struct cn_json **ret, struct cn_error *err)
{
    struct cn_secret *CN_CLEANUP(cn_secret_destroy) key = NULL;
    struct cn_link *CN_CLEANUP(cn_link_close) link = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf request = {0};
    struct cn_link_dial_conf conf = {0};
    char path[4096], endpoint[4096];

    snprintf(path, sizeof path, "%s/keys/admin.key", argv[1]);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/admin.ipc", argv[1]);
    cn_buf_printf(&request, "{\"id\": 1, \"do\": \"%s\", \"args\": %s}", argv[2], args);
    enum cn_err e = cn_crypto_init(err);
    if (!e)
        e = cn_secret_load(&key, CN_SECRET_LINK, path, err);
    if (!e)
        e = server_key(argv[1], &conf.server, err);
    conf.endpoint = endpoint;
    conf.secret = key;
    if (!e)
        e = cn_link_dial(&link, &conf, err);
    return e ? e : ask(link, cn_buf_cstr(&request), ret, err);
}

int main(int argc, char **argv)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) reply = NULL;
    CN_CLEANUP(cn_buf_fini) struct cn_buf out = {0};
    struct cn_error err;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: ask DATA COMMAND [JSON]\n");
        return 2;
    }
    if (run(argv, argc == 4 ? argv[3] : "{}", &reply, &err)) {
        fprintf(stderr, "ask: %s\n", err.text);
        return 1;
    }
    cn_json_dump(reply, false, &out);
    printf("%s\n", cn_buf_cstr(&out));
    return cn_json_bool(reply, "ok", false) ? 0 : 1;
}
