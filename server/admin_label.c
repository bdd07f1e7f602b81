/* Commands about labels. */
#include <stdlib.h>
#include <string.h>

#include "server/admin.h"

/* ---- what is known of each label beside its name ---- */

struct numbers {
    uint64_t images[CN_MAX_LABELS], confirmed[CN_MAX_LABELS], answered[CN_MAX_LABELS];
    const struct cn_registry *registry;
};

/* Where the numbers of a merged label are counted. */
static uint32_t home(const struct numbers *n, uint32_t label)
{
    uint32_t to = cn_registry_resolve(n->registry, label);

    if (to >= CN_MAX_LABELS)
        to = label < CN_MAX_LABELS ? label : 0;
    return to;
}

static void add_images(void *user, const struct srv_release_label *l)
{
    struct numbers *n = user;

    n->images[home(n, l->label)] += l->images;
}

static void add_answers(void *user, const struct cn_label_tally *t)
{
    struct numbers *n = user;

    n->confirmed[home(n, t->label)] += t->confirmed;
    n->answered[home(n, t->label)] += (uint64_t)t->confirmed + t->corrected;
}

static enum cn_err count(const struct srv_server *s, struct numbers **ret, struct cn_error *err)
{
    struct numbers *n = cn_calloc(1, sizeof *n);
    enum cn_err e;

    n->registry = s->labels.registry;
    if ((e = srv_store_each_label(s->db, 0, add_images, n, err)) != CN_OK ||
        (e = srv_store_each_tally(s->db, 0, s->release.number, add_answers, n, err)) != CN_OK)
        free(n);
    else
        *ret = n;
    return e;
}

static void put_label(const struct cn_label *l, const struct numbers *n, struct cn_json *j)
{
    cn_json_set_int(j, "id", l->id);
    cn_json_set_string(j, "name", l->name);
    cn_json_set_string(j, "state", cn_label_state_name(l->state));
    struct cn_json *aliases = cn_json_set_array(j, "aliases");
    for (uint32_t i = 0; i < l->n_aliases; i++)
        cn_json_push_string(aliases, l->aliases[i]);
    cn_json_set_int(j, "proposers", l->n_proposers);
    cn_json_set_int(j, "created_ms", (int64_t)l->created_ms);
    if (l->state == CN_LABEL_MERGED)
        cn_json_set_int(j, "into", l->merged_into);
    if (l->reason[0])
        cn_json_set_string(j, "reason", l->reason);
    cn_json_set_int(j, "images", (int64_t)n->images[l->id]);
    srv_admin_set_share(j, "accuracy", n->confirmed[l->id], n->answered[l->id]);
}

static void put_event(uint32_t version, const struct cn_label_event *ev, struct cn_json *list)
{
    bool is_reason = ev->kind == CN_LABEL_EV_REJECTED || ev->kind == CN_LABEL_EV_RETIRED;
    struct cn_json *j = cn_json_push_object(list);

    cn_json_set_int(j, "version", version);
    cn_json_set_int(j, "time_ms", (int64_t)ev->time_ms);
    cn_json_set_string(j, "actor", ev->actor);
    cn_json_set_string(j, "event", cn_label_event_name(ev->kind));
    cn_json_set_int(j, "id", ev->id);
    if (ev->text[0])
        cn_json_set_string(j, is_reason ? "reason" : "name", ev->text);
    if (ev->kind == CN_LABEL_EV_MERGED || ev->kind == CN_LABEL_EV_REPLACED)
        cn_json_set_int(j, "into", ev->other);
    if (ev->kind == CN_LABEL_EV_PROPOSED)
        cn_json_set_int(j, "device", ev->other);
}

/* Events after version `since`; of one label, or of all with CN_LABEL_NONE. */
static void put_history(const struct srv_labels *l, uint32_t since, uint32_t id,
                        struct cn_json *list)
{
    struct cn_label_event ev;

    for (uint32_t v = since + 1; v <= cn_registry_version(l->registry); v++) {
        cn_registry_event(l->registry, v, &ev);
        if (id == CN_LABEL_NONE || ev.id == id || (ev.kind == CN_LABEL_EV_MERGED && ev.other == id))
            put_event(v, &ev, list);
    }
}

/* ---- reading ---- */

static enum cn_err list(struct srv_admin_call *c, struct cn_error *err)
{
    const struct cn_registry *r = c->s->labels.registry;
    struct numbers *CN_CLEANUP(cn_freep) n = NULL;
    struct cn_json *labels = cn_json_set_array(c->result, "labels");
    bool all = cn_json_bool(c->args, "all", false);
    enum cn_err e = count(c->s, &n, err);

    if (e != CN_OK)
        return e;
    for (uint32_t id = 0; id < cn_registry_n_labels(r); id++) {
        const struct cn_label *l = cn_registry_get(r, id);
        if (all || l->state == CN_LABEL_ACCEPTED || l->state == CN_LABEL_PROPOSED ||
            l->state == CN_LABEL_PLACEHOLDER)
            put_label(l, n, cn_json_push_object(labels));
    }
    return CN_OK;
}

/* The label that an argument names. */
static enum cn_err need_label(const struct srv_admin_call *c, const char *key,
                              const struct cn_label **ret, struct cn_error *err)
{
    const char *text;
    enum cn_err e = cn_json_need_string(c->args, key, &text, err);

    return e == CN_OK ? srv_labels_find(&c->s->labels, text, ret, err) : e;
}

static enum cn_err show(struct srv_admin_call *c, struct cn_error *err)
{
    struct numbers *CN_CLEANUP(cn_freep) n = NULL;
    const struct cn_label *l;
    enum cn_err e;

    if ((e = need_label(c, "label", &l, err)) != CN_OK || (e = count(c->s, &n, err)) != CN_OK)
        return e;
    put_label(l, n, c->result);
    put_history(&c->s->labels, 0, l->id, cn_json_set_array(c->result, "history"));
    return CN_OK;
}

static enum cn_err history(struct srv_admin_call *c, struct cn_error *err)
{
    int64_t since = cn_json_int(c->args, "since", 0);

    if (since < 0 || since > c->s->labels.stored_version)
        return cn_fail(err, CN_E_NOTFOUND, "the registry's version is %u",
                       c->s->labels.stored_version);
    put_history(&c->s->labels, (uint32_t)since, CN_LABEL_NONE,
                cn_json_set_array(c->result, "events"));
    return CN_OK;
}

static enum cn_err export(struct srv_admin_call *c, struct cn_error *err) {
    const struct cn_registry *r = c->s->labels.registry; struct cn_json * labels;

    (void)err; cn_json_set_int(c->result, "version", cn_registry_version(r));
    labels = cn_json_set_array(c->result, "labels");
    for (uint32_t id = 0; id < cn_registry_n_labels(r); id++){
        const struct cn_label *l = cn_registry_get(r, id);
        struct cn_json *j = cn_json_push_object(labels); cn_json_set_int(j, "id", id);
        cn_json_set_string(j, "name", l->name);
        struct cn_json *aliases = cn_json_set_array(j, "aliases");
        for (uint32_t i = 0; i < l->n_aliases; i++) cn_json_push_string(aliases, l->aliases[i]);
        cn_json_set_string(j, "state", cn_label_state_name(l->state));}
return CN_OK;
}

/* ---- changing ---- */

static struct cn_registry_by by(const struct srv_admin_call *c)
{
    return (struct cn_registry_by){.actor = c->audit.who, .now_ms = c->audit.time_ms};
}

/* Stores what changed and answers with the label's id. */
static enum cn_err changed(struct srv_admin_call *c, uint32_t id, struct cn_error *err)
{
    enum cn_err e = srv_server_save_labels(c->s, &c->audit, err);

    if (e != CN_OK)
        return e;
    cn_json_set_int(c->result, "id", id);
    cn_json_set_int(c->result, "registry_version", c->s->labels.stored_version);
    return CN_OK;
}

static enum cn_err add(struct srv_admin_call *c, struct cn_error *err)
{
    const char *name;
    uint32_t id;
    enum cn_err e;

    if ((e = cn_json_need_string(c->args, "name", &name, err)) != CN_OK ||
        (e = cn_registry_add(c->s->labels.registry, by(c), name, &id, err)) != CN_OK)
        return e;
    return changed(c, id, err);
}

/* approve, reject, retire and restore differ in what they do to the one label that they name. */
static enum cn_err change_state(struct srv_admin_call *c, enum cn_label_event_kind kind,
                                struct cn_error *err)
{
    struct cn_registry *r = c->s->labels.registry;
    const char *reason = cn_json_string(c->args, "reason", "");
    const struct cn_label *l;
    enum cn_err e = need_label(c, "label", &l, err);

    if (e != CN_OK)
        return e;
    uint32_t id = l->id;
    if (kind == CN_LABEL_EV_APPROVED)
        e = cn_registry_approve(r, by(c), id, err);
    else if (kind == CN_LABEL_EV_REJECTED)
        e = cn_registry_reject(r, by(c), id, reason, err);
    else if (kind == CN_LABEL_EV_RETIRED)
        e = cn_registry_retire(r, by(c), id, reason, err);
    else
        e = cn_registry_restore(r, by(c), id, err);
    return e == CN_OK ? changed(c, id, err) : e;
}

static enum cn_err approve(struct srv_admin_call *c, struct cn_error *err)
{
    return change_state(c, CN_LABEL_EV_APPROVED, err);
}

static enum cn_err reject(struct srv_admin_call *c, struct cn_error *err)
{
    return change_state(c, CN_LABEL_EV_REJECTED, err);
}

static enum cn_err retire(struct srv_admin_call *c, struct cn_error *err)
{
    return change_state(c, CN_LABEL_EV_RETIRED, err);
}

static enum cn_err restore(struct srv_admin_call *c, struct cn_error *err)
{
    return change_state(c, CN_LABEL_EV_RESTORED, err);
}

static enum cn_err label_rename(struct srv_admin_call *c, struct cn_error *err)
{
    const struct cn_label *l;
    const char *to;
    enum cn_err e;

    if ((e = need_label(c, "label", &l, err)) != CN_OK ||
        (e = cn_json_need_string(c->args, "to", &to, err)) != CN_OK)
        return e;
    uint32_t id = l->id;
    e = cn_registry_rename(c->s->labels.registry, by(c), id, to, err);
    return e == CN_OK ? changed(c, id, err) : e;
}

static enum cn_err alias(struct srv_admin_call *c, struct cn_error *err)
{
    const struct cn_label *l;
    const char *name;
    enum cn_err e;

    if ((e = need_label(c, "label", &l, err)) != CN_OK ||
        (e = cn_json_need_string(c->args, "alias", &name, err)) != CN_OK)
        return e;
    uint32_t id = l->id;
    if (cn_json_bool(c->args, "remove", false))
        e = cn_registry_unalias(c->s->labels.registry, by(c), id, name, err);
    else
        e = cn_registry_alias(c->s->labels.registry, by(c), id, name, err);
    return e == CN_OK ? changed(c, id, err) : e;
}

static enum cn_err merge(struct srv_admin_call *c, struct cn_error *err)
{
    const struct cn_label *from, *into;
    enum cn_err e;

    if ((e = need_label(c, "from", &from, err)) != CN_OK ||
        (e = need_label(c, "into", &into, err)) != CN_OK)
        return e;
    uint32_t id = into->id;
    e = cn_registry_merge(c->s->labels.registry, by(c), from->id, id, err);
    return e == CN_OK ? changed(c, id, err) : e;
}

/* ---- import ---- */

static enum cn_err import_aliases(struct srv_admin_call *c, uint32_t id,
                                  const struct cn_json *aliases, struct cn_error *err)
{
    enum cn_err e = CN_OK;

    for (size_t i = 0; e == CN_OK && i < cn_json_n(aliases); i++) {
        const char *name = cn_json_as_string(cn_json_at(aliases, i), "");
        const struct cn_label *has = cn_registry_find(c->s->labels.registry, name);
        if (!has || has->id != id)
            e = cn_registry_alias(c->s->labels.registry, by(c), id, name, err);
    }
    return e;
}

static enum cn_err import_one(struct srv_admin_call *c, const struct cn_json *j, bool *ret_added,
                              struct cn_error *err)
{
    const char *name = cn_json_type(j) == CN_JSON_OBJECT ? cn_json_string(j, "name", "")
                                                         : cn_json_as_string(j, "");
    const struct cn_label *has = cn_registry_find(c->s->labels.registry, name);
    uint32_t id = has ? has->id : CN_LABEL_NONE;
    enum cn_err e = CN_OK;

    if (!has)
        e = cn_registry_add(c->s->labels.registry, by(c), name, &id, err);
    if (e == CN_OK && cn_json_type(j) == CN_JSON_OBJECT)
        e = import_aliases(c, id, cn_json_get(j, "aliases"), err);
    if (e == CN_OK)
        *ret_added = !has;
    return e;
}

/* Stops at the first name that cannot be; what came before it stays and is stored. */
static enum cn_err import(struct srv_admin_call *c, struct cn_error *err)
{
    const struct cn_json *labels;
    int64_t added = 0, existing = 0;
    enum cn_err e = cn_json_need_array(c->args, "labels", &labels, err);

    for (size_t i = 0; e == CN_OK && i < cn_json_n(labels); i++) {
        bool is_new;
        e = import_one(c, cn_json_at(labels, i), &is_new, err);
        if (e == CN_OK)
            *(is_new ? &added : &existing) += 1;
        else
            cn_fail_prefix(err, "entry %zu", i + 1);
    }
    struct cn_error saving;
    if (srv_server_save_labels(c->s, &c->audit, e == CN_OK ? err : &saving) != CN_OK && e == CN_OK)
        e = err->code;
    cn_json_set_int(c->result, "added", added);
    cn_json_set_int(c->result, "existing", existing);
    cn_json_set_int(c->result, "registry_version", c->s->labels.stored_version);
    return e;
}

const struct srv_admin_command srv_admin_label_commands[] = {
    {"label.list", "all", list},
    {"label.show", "label", show},
    {"label.add", "name", add},
    {"label.approve", "label reason", approve},
    {"label.reject", "label reason", reject},
    {"label.retire", "label reason", retire},
    {"label.restore", "label reason", restore},
    {"label.rename", "label to", label_rename},
    {"label.alias", "label alias remove", alias},
    {"label.merge", "from into", merge},
    {"label.history", "since", history},
    {"label.export", "", export},
    {"label.import", "labels", import},
    {NULL, NULL, NULL},
};
