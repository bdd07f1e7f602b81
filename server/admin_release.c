/* Commands that read releases: list, show, verify, export, refused. What compares or changes stands
   in diff.c and rollback.c. */
#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "server/admin.h"
#include "server/diff.h"
#include "server/rollback.h"

static void put_release(const struct srv_release *r, struct cn_json *j)
{
    cn_json_set_int(j, "number", r->number);
    cn_json_set_string(j, "kind", cn_release_kind_name(r->kind));
    cn_json_set_int(j, "parent", r->parent);
    if (r->kind == CN_RELEASE_ROLLBACK)
        cn_json_set_int(j, "rolled_back_to", r->rolled_back_to);
    cn_json_set_int(j, "created_ms", (int64_t)r->created_ms);
    cn_json_set_int(j, "labels", r->n_labels);
    cn_json_set_int(j, "corrections", (int64_t)r->n_examples);
    cn_json_set_string(j, "candidate", r->candidate);
    cn_json_set_string(j, "summary", r->summary);
    cn_json_set_int(j, "model_bytes", (int64_t)r->model.size);
}

struct sums {
    uint64_t part, whole;
};

static void add_field(void *user, const struct cn_label_tally *t)
{
    struct sums *s = user;

    s->part += t->confirmed;
    s->whole += (uint64_t)t->confirmed + t->corrected;
}

static void add_held_out(void *user, const struct srv_release_label *l)
{
    struct sums *s = user;

    s->part += l->right;
    s->whole += l->right + l->wrong;
}

/* What devices say of a release: in the field, and of what they held out. */
static enum cn_err put_accuracy(const struct srv_server *s, uint32_t number, struct cn_json *j,
                                struct cn_error *err)
{
    struct sums field = {0}, held = {0};
    enum cn_err e;

    if ((e = srv_store_each_tally(s->db, 0, number, add_field, &field, err)) != CN_OK ||
        (e = srv_store_each_label(s->db, number, add_held_out, &held, err)) != CN_OK)
        return e;
    srv_admin_set_share(j, "accuracy", field.part, field.whole);
    srv_admin_set_share(j, "held_out", held.part, held.whole);
    return CN_OK;
}

struct list {
    const struct srv_server *s;
    struct cn_json *to;
};

static enum cn_err list_one(void *user, const struct srv_release *r, struct cn_error *err)
{
    const struct list *l = user;
    struct cn_json *j = cn_json_push_object(l->to);

    put_release(r, j);
    cn_json_set_int(j, "updates", r->n_updates);
    return put_accuracy(l->s, r->number, j, err);
}

static enum cn_err list(struct srv_admin_call *c, struct cn_error *err)
{
    struct list l = {c->s, cn_json_set_array(c->result, "releases")};

    return srv_store_each_release(c->s->db, list_one, &l, err);
}

/* ---- show ---- */

static void put_artifact(struct cn_json *j, const char *key, const struct cn_artifact *a)
{
    struct cn_json *o = cn_json_set_object(j, key);

    srv_admin_set_digest(o, "digest", &a->digest);
    cn_json_set_int(o, "bytes", (int64_t)a->size);
}

static void show_label(void *user, const struct srv_release_label *r)
{
    const struct list *l = user;
    struct cn_json *j = cn_json_push_object(l->to);
    char scratch[16];

    cn_json_set_int(j, "label", r->label);
    cn_json_set_string(j, "name", srv_labels_name(&l->s->labels, r->label, scratch));
    cn_json_set_int(j, "corrections", (int64_t)r->images);
    cn_json_set_int(j, "synthesized", (int64_t)r->synthesized);
    cn_json_set_int(j, "right", (int64_t)r->right);
    cn_json_set_int(j, "wrong", (int64_t)r->wrong);
}

static void show_update(void *user, const struct srv_update *u)
{
    const struct list *l = user;
    const struct srv_member *m = srv_members_get(&l->s->members, u->device);
    struct cn_json *j = cn_json_push_object(l->to);

    cn_json_set_string(j, "device", m ? m->name : "?");
    cn_json_set_int(j, "seq", (int64_t)u->seq);
    cn_json_set_int(j, "examples", u->n_examples);
}

/* Moves the members of the stored report into the answer; what a release without a round lacks is
   there, empty. */
static enum cn_err put_report(const struct srv_server *s, uint32_t number, struct cn_json *j,
                              struct cn_error *err)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) report = NULL;
    const struct cn_json *value;
    const char *key;
    void *it = NULL;
    enum cn_err e;

    cn_json_set_array(j, "candidates");
    cn_json_set_object(j, "stages");
    cn_json_set_null(j, "synth");
    if ((e = srv_store_report(s->db, number, &text, err)) != CN_OK ||
        (e = cn_json_parse((struct cn_bytes){text.at, text.n}, CN_MAX_JSON_BYTES, &report, err)) !=
            CN_OK)
        return e;
    while (cn_json_next(report, &it, &key, &value)) {
        struct cn_json *copy = cn_json_copy(value);
        cn_json_set(j, key, &copy);
    }
    return CN_OK;
}

static enum cn_err need_release(const struct srv_admin_call *c, const char *key,
                                struct srv_release *ret, struct cn_error *err)
{
    int64_t number;
    enum cn_err e = cn_json_need_int(c->args, key, &number, err);

    if (e != CN_OK)
        return e;
    if (number < 1 || number > c->s->release.number)
        return cn_fail(err, CN_E_NOTFOUND, "there is no release %lld; the newest is %u",
                       (long long)number, c->s->release.number);
    return srv_store_release(c->s->db, (uint32_t)number, ret, err);
}

static enum cn_err show(struct srv_admin_call *c, struct cn_error *err)
{
    const struct srv_server *s = c->s;
    struct srv_release r;
    struct list l = {.s = s};
    enum cn_err e;

    if ((e = need_release(c, "number", &r, err)) != CN_OK)
        return e;
    put_release(&r, c->result);
    srv_admin_set_digest(c->result, "digest", &r.manifest.digest);
    struct cn_json *m = cn_json_set_object(c->result, "manifest");
    put_artifact(m, "model", &r.model);
    put_artifact(m, "stats", &r.stats);
    put_artifact(m, "registry", &r.registry);
    cn_json_set_int(m, "registry_version", r.registry_version);
    if ((e = put_accuracy(s, r.number, c->result, err)) != CN_OK ||
        (e = put_report(s, r.number, c->result, err)) != CN_OK)
        return e;
    l.to = cn_json_set_array(c->result, "per_label");
    if ((e = srv_store_each_label(s->db, r.number, show_label, &l, err)) != CN_OK)
        return e;
    l.to = cn_json_set_array(c->result, "updates");
    return srv_store_each_update(s->db, r.number, show_update, &l, err);
}

/* ---- verify, export ---- */

static void put_check(struct cn_json *j, const char *key, enum cn_err e, const struct cn_error *err)
{
    cn_json_set_string(j, key, e == CN_OK ? "ok" : err->text);
}

/* That what lies on the disk is what was signed: signature and form of the manifest, that it names
   what the database says, and the digest of each file. */
static enum cn_err check_manifest(struct srv_server *s, const struct srv_release *r,
                                  struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) sealed = NULL;
    struct cn_manifest m;
    enum cn_err e;

    if ((e = srv_blobs_check(&s->blobs, &r->manifest.digest, err)) != CN_OK ||
        (e = srv_blobs_get(&s->blobs, &r->manifest.digest, &sealed, err)) != CN_OK ||
        (e = cn_release_open(cn_blob_bytes(sealed), &s->data.fleet_id, &m, err)) != CN_OK)
        return e;
    bool same = m.number == r->number && cn_digest_equal(&m.model.digest, &r->model.digest) &&
                cn_digest_equal(&m.stats.digest, &r->stats.digest) &&
                cn_digest_equal(&m.registry.digest, &r->registry.digest);
    cn_release_fini(&m);
    return same ? CN_OK
                : cn_fail(err, CN_E_CRYPTO, "the manifest names other files than the database");
}

static enum cn_err verify(struct srv_admin_call *c, struct cn_error *err)
{
    struct srv_release r;
    struct cn_error why = {0};
    enum cn_err e = need_release(c, "number", &r, err);

    if (e != CN_OK)
        return e;
    put_check(c->result, "signature", check_manifest(c->s, &r, &why), &why);
    put_check(c->result, "model", srv_blobs_check(&c->s->blobs, &r.model.digest, &why), &why);
    if (r.stats.size)
        put_check(c->result, "stats", srv_blobs_check(&c->s->blobs, &r.stats.digest, &why), &why);
    else
        cn_json_set_string(c->result, "stats", "ok");
    put_check(c->result, "registry", srv_blobs_check(&c->s->blobs, &r.registry.digest, &why), &why);
    return CN_OK;
}

static enum cn_err export_one(struct srv_server *s, const struct cn_artifact *a, const char *path,
                              struct cn_json *files, struct cn_error *err)
{
    struct cn_blob *CN_CLEANUP(cn_blob_unref) blob = NULL;
    enum cn_err e;

    if (a->size == 0)
        return CN_OK;
    if ((e = srv_blobs_get(&s->blobs, &a->digest, &blob, err)) != CN_OK ||
        (e = cn_fs_write_atomic(path, cn_blob_bytes(blob), 0644, err)) != CN_OK)
        return e;
    cn_json_push_string(files, path);
    return CN_OK;
}

static enum cn_err export(struct srv_admin_call *c, struct cn_error *err) {
    struct srv_release r; const char * dir; enum cn_err e;

    if ((e = need_release(c, "number", &r, err)) != CN_OK ||
        (e = cn_json_need_string(c->args, "directory", &dir, err)) != CN_OK) return e;
    if (dir[0] != '/' || strlen(dir) > 900) return cn_fail(
        err, CN_E_PARSE, "the directory must be an absolute path on the coordinator's machine");
    if ((e = cn_fs_mkdirs(dir, 0755, err)) != CN_OK) return e;
    const struct {const char * what; const struct cn_artifact * artifact;}
parts[] = {
    {"manifest", &r.manifest}, {"model", &r.model}, {"stats", &r.stats}, {"registry", &r.registry}};
struct cn_json *files = cn_json_set_array(c->result, "files");
for (size_t i = 0; e == CN_OK && i < CN_COUNT(parts); i++) {
    char path[SRV_PATH_BYTES];
    snprintf(path, sizeof path, "%s/release-%u.%s", dir, r.number, parts[i].what);
    e = export_one(c->s, parts[i].artifact, path, files, err);
}
return e;
}

/* ---- refused rounds ---- */

static void put_refusal(void *user, const struct srv_refusal *r)
{
    struct cn_json *j = cn_json_push_object(user);
    struct cn_json *CN_CLEANUP(cn_json_destroy) report = NULL;
    struct cn_error err;

    cn_json_set_int(j, "time_ms", (int64_t)r->time_ms);
    cn_json_set_int(j, "updates", r->n_updates);
    cn_json_set_string(j, "why", r->why);
    if (cn_json_parse((struct cn_bytes){(const uint8_t *)r->report, strlen(r->report)},
                      CN_MAX_JSON_BYTES, &report, &err) == CN_OK &&
        cn_json_get(report, "candidates")) {
        struct cn_json *copy = cn_json_copy(cn_json_get(report, "candidates"));
        cn_json_set(j, "candidates", &copy);
    } else {
        cn_json_set_array(j, "candidates");
    }
}

static enum cn_err refused(struct srv_admin_call *c, struct cn_error *err)
{
    return srv_store_each_refusal(c->s->db, put_refusal, cn_json_set_array(c->result, "rounds"),
                                  err);
}

static enum cn_err diff(struct srv_admin_call *c, struct cn_error *err)
{
    struct srv_release from, to;
    enum cn_err e;

    if ((e = need_release(c, "from", &from, err)) != CN_OK ||
        (e = need_release(c, "to", &to, err)) != CN_OK)
        return e;
    return srv_diff(c->s, &from, &to, c->result, err);
}

static enum cn_err rollback(struct srv_admin_call *c, struct cn_error *err)
{
    struct srv_release to;
    enum cn_err e;

    if ((e = need_release(c, "to", &to, err)) != CN_OK ||
        (e = srv_rollback(c->s, &to, cn_json_string(c->args, "reason", ""), &c->audit, err)) !=
            CN_OK)
        return e;
    cn_json_set_int(c->result, "number", c->s->release.number);
    return CN_OK;
}

const struct srv_admin_command srv_admin_release_commands[] = {
    {"release.list", "", list},
    {"release.show", "number", show},
    {"release.diff", "from to", diff},
    {"release.verify", "number", verify},
    {"release.rollback", "to reason", rollback},
    {"release.export", "number directory", export},
    {"release.refused", "", refused},
    {NULL, NULL, NULL},
};
