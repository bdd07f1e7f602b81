/* Endpoints: bound, remembered, advertised. */
#include "server/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "common/base/log.h"
#include "common/doors/json.h"
#include "server/admin.h"
#include "server/enrol.h"
#include "server/gateway.h"

enum { MAX_FILE_BYTES = 4096 };

static bool is_any(const char *host, size_t n)
{
    static const char *const any[] = {"0.0.0.0", "*", "[::]"};

    for (size_t i = 0; i < CN_COUNT(any); i++)
        if (strlen(any[i]) == n && memcmp(any[i], host, n) == 0)
            return true;
    return false;
}

enum cn_err srv_endpoint_advertise(const char *bound, const char *advertise,
                                   char out[CN_MAX_ENDPOINT_BYTES + 1], struct cn_error *err)
{
    char name[128] = "localhost";
    const char *host = strstr(bound, "://"), *port = strrchr(bound, ':');
    int n;

    if (strncmp(bound, "tcp://", 6) != 0 || !host || !port || port <= host + 3) {
        n = snprintf(out, CN_MAX_ENDPOINT_BYTES + 1, "%s", bound);
    } else {
        host += 3;
        int n_host = (int)(port - host);
        if (advertise[0]) {
            snprintf(name, sizeof name, "%s", advertise);
        } else if (!is_any(host, (size_t)n_host)) {
            snprintf(name, sizeof name, "%.*s", n_host, host);
        } else if (gethostname(name, sizeof name - 1) != 0) {
            return cn_fail_errno(err, "cannot find this machine's name; set fleet.advertise");
        }
        n = snprintf(out, CN_MAX_ENDPOINT_BYTES + 1, "tcp://%s%s", name, port);
    }
    if (n < 0 || n > CN_MAX_ENDPOINT_BYTES)
        return cn_fail(err, CN_E_LIMIT,
                       "the endpoint that devices are told is longer than %d bytes",
                       CN_MAX_ENDPOINT_BYTES);
    return CN_OK;
}

/* ---- listening ---- */

static enum cn_err listen_on(struct srv_server *s, struct cn_link **ret, const char *endpoint,
                             const char *earlier, struct cn_link_listen_conf conf,
                             struct cn_error *err)
{
    size_t n = strlen(endpoint);
    struct cn_error first;

    conf.secret = s->data.server;
    conf.user = s;
    /* An earlier port is taken again when the host is the same. */
    if (n > 2 && strcmp(endpoint + n - 2, ":0") == 0 && strncmp(earlier, endpoint, n - 1) == 0) {
        conf.endpoint = earlier;
        if (cn_link_listen(ret, &conf, &first) == CN_OK)
            return CN_OK;
        char text[600];
        cn_log(CN_LOG_WARN, "endpoint.moved", "from=%s error=%s", earlier,
               cn_log_quote(text, sizeof text, first.text));
    }
    conf.endpoint = endpoint;
    return cn_link_listen(ret, &conf, err);
}

static struct cn_json *earlier_life(const struct srv_server *s)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_json *j = NULL;
    struct cn_error err;
    char path[SRV_PATH_BYTES];

    if (cn_fs_read(srv_data_path(&s->data, "endpoints", path), MAX_FILE_BYTES, &text, &err) !=
            CN_OK ||
        cn_json_parse((struct cn_bytes){text.at, text.n}, MAX_FILE_BYTES, &j, &err) != CN_OK)
        return NULL;
    return j;
}

enum cn_err srv_endpoint_listen(struct srv_server *s, struct cn_error *err)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) earlier = earlier_life(s);
    char path[SRV_PATH_BYTES], ipc[SRV_PATH_BYTES + 8];
    const char *admin = s->conf.admin_listen;
    enum cn_err e;

    if (!admin[0]) {
        snprintf(ipc, sizeof ipc, "ipc://%s", srv_data_path(&s->data, "admin.ipc", path));
        admin = ipc;
    }
    if ((e = listen_on(s, &s->fleet, s->conf.listen, cn_json_string(earlier, "fleet", ""),
                       (struct cn_link_listen_conf){.domain = "fleet",
                                                    .allow = srv_gateway_allow,
                                                    .max_bulk_bytes = CN_CHUNK_BYTES},
                       err)) != CN_OK ||
        (e = listen_on(s, &s->enrol, s->conf.enrol_listen, cn_json_string(earlier, "enrol", ""),
                       (struct cn_link_listen_conf){.domain = "enrol",
                                                    .max_header_bytes = SRV_ENROL_MAX_BYTES},
                       err)) != CN_OK ||
        (e = listen_on(s, &s->admin, admin, cn_json_string(earlier, "admin", ""),
                       (struct cn_link_listen_conf){.domain = "admin",
                                                    .allow = srv_admin_allow,
                                                    .max_header_bytes = CN_MAX_JSON_BYTES},
                       err)) != CN_OK ||
        (e = srv_endpoint_advertise(cn_link_endpoint(s->fleet), s->conf.advertise,
                                    s->fleet_endpoint, err)) != CN_OK)
        return e;
    return srv_endpoint_advertise(cn_link_endpoint(s->enrol), s->conf.advertise, s->enrol_endpoint,
                                  err);
}

enum cn_err srv_endpoint_publish(const struct srv_server *s, struct cn_error *err)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = cn_json_new_object();
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    char path[SRV_PATH_BYTES];

    cn_json_set_string(j, "fleet", cn_link_endpoint(s->fleet));
    cn_json_set_string(j, "enrol", cn_link_endpoint(s->enrol));
    cn_json_set_string(j, "admin", cn_link_endpoint(s->admin));
    cn_json_dump(j, true, &text);
    return cn_fs_write_atomic(srv_data_path(&s->data, "endpoints", path),
                              (struct cn_bytes){text.at, text.n}, 0644, err);
}
