/* The edge daemon's settings: DATA/edge.conf, then --set on the command line. One thread. */
#ifndef EDGE_CONF_H
#define EDGE_CONF_H

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/limits.h"

struct edge_conf {
    char listen[128];                        /* 127.0.0.1:PORT or unix:PATH */
    char name[CN_MAX_DEVICE_NAME_BYTES + 1]; /* asked for at join; the coordinator may differ */
    uint64_t max_mb;                         /* of images in the spool */
    bool keep_images;                        /* after their example is in a release */
    uint64_t batch, max_wait_s;              /* an update goes out at so many, or so late */
};

void edge_conf_init(struct edge_conf *c);
/* The defaults, then DATA/edge.conf where it exists. CN_E_PARSE names file, line and setting. */
enum cn_err edge_conf_load(struct edge_conf *c, const char *data,
                           struct cn_error *err) CN_NODISCARD;
/* One "section.key=value", as given to --set. */
enum cn_err edge_conf_set(struct edge_conf *c, const char *assignment,
                          struct cn_error *err) CN_NODISCARD;
/* The defaults as a commented file: what join leaves in DATA/edge.conf. */
void edge_conf_example(struct cn_buf *out);

#endif
