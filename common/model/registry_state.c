/* What each event does to the labels. The rules have been checked before; here nothing can fail. */
#include "common/model/registry_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- one label ---- */

static void set_text(char **text, const char *to)
{
    char *copy = cn_strdup(to);

    free(*text);
    *text = copy;
}

/* After any change: what callers see shows what is owned. */
static void show(struct cn_registry_label *label)
{
    label->seen.name = label->name;
    label->seen.reason = label->reason;
    label->seen.aliases = label->aliases;
}

static struct cn_registry_label *new_label(struct cn_registry *r, const char *name,
                                           enum cn_label_state state, uint64_t time_ms)
{
    r->labels = cn_realloc(r->labels, (r->n_labels + 1) * sizeof *r->labels);
    struct cn_registry_label *label = &r->labels[r->n_labels];
    *label = (struct cn_registry_label){.name = cn_strdup(name), .reason = cn_strdup("")};
    label->seen = (struct cn_label){.id = r->n_labels++,
                                    .state = state,
                                    .merged_into = CN_LABEL_NONE,
                                    .created_ms = time_ms,
                                    .changed_ms = time_ms};
    show(label);
    return label;
}

static void free_label(struct cn_registry_label *label)
{
    free(label->name);
    free(label->reason);
    free(label->aliases);
    free(label->proposers);
}

static void add_alias(struct cn_registry_label *label, struct cn_label_name *name)
{
    label->aliases = cn_realloc(label->aliases, (label->seen.n_aliases + 1) * sizeof(char *));
    label->aliases[label->seen.n_aliases++] = name->text;
}

/* No-op for a name that is not among the aliases. */
static void drop_alias(struct cn_registry_label *label, const struct cn_label_name *name)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < label->seen.n_aliases; i++)
        if (label->aliases[i] != name->text)
            label->aliases[n++] = label->aliases[i];
    label->seen.n_aliases = n;
}

static void set_state(struct cn_registry *r, uint32_t id, enum cn_label_state state)
{
    struct cn_label *label = &r->labels[id].seen;

    r->n_accepted -= label->state == CN_LABEL_ACCEPTED;
    r->n_accepted += state == CN_LABEL_ACCEPTED;
    label->state = state;
}

/* ---- events ---- */

static void on_proposed(struct cn_registry *r, const struct cn_label_event *ev, const char *key)
{
    if (ev->id == r->n_labels) {
        new_label(r, ev->text, CN_LABEL_PROPOSED, ev->time_ms);
        cn_label_names_add(&r->names, ev->text, key, ev->id);
    }
    struct cn_registry_label *label = &r->labels[ev->id];
    label->proposers =
        cn_realloc(label->proposers, (label->seen.n_proposers + 1) * sizeof(uint32_t));
    label->proposers[label->seen.n_proposers++] = ev->other;
}

static void on_added(struct cn_registry *r, const struct cn_label_event *ev, const char *key)
{
    new_label(r, ev->text, CN_LABEL_ACCEPTED, ev->time_ms);
    cn_label_names_add(&r->names, ev->text, key, ev->id);
    r->n_accepted++;
}

/* The old name stays as an alias: a device that has been away may still use it. A new name that
   differs in form only ("cat", "Cat"), or that is one of the aliases, is no further name. */
static void on_renamed(struct cn_registry *r, const struct cn_label_event *ev, const char *key)
{
    struct cn_registry_label *label = &r->labels[ev->id];
    struct cn_label_name *name = cn_label_names_find(&r->names, key), *old = NULL;

    for (uint32_t i = 0; i < r->names.n && !old; i++)
        if (r->names.at[i]->id == ev->id && strcmp(r->names.at[i]->text, label->name) == 0)
            old = r->names.at[i];
    assert(old);
    if (!name)
        name = cn_label_names_add(&r->names, ev->text, key, ev->id);
    drop_alias(label, name);
    if (name != old)
        add_alias(label, old);
    set_text(&name->text, ev->text);
    set_text(&label->name, ev->text);
}

static void on_alias_added(struct cn_registry *r, const struct cn_label_event *ev, const char *key)
{
    add_alias(&r->labels[ev->id], cn_label_names_add(&r->names, ev->text, key, ev->id));
}

static void on_alias_removed(struct cn_registry *r, const char *key)
{
    struct cn_label_name *name = cn_label_names_find(&r->names, key);

    drop_alias(&r->labels[name->id], name);
    cn_label_names_remove(&r->names, key);
}

static void on_merged(struct cn_registry *r, const struct cn_label_event *ev)
{
    for (uint32_t i = 0; i < r->names.n; i++) {
        struct cn_label_name *name = r->names.at[i];
        if (name->id != ev->id)
            continue;
        name->id = ev->other;
        add_alias(&r->labels[ev->other], name);
    }
    set_state(r, ev->id, CN_LABEL_MERGED);
    r->labels[ev->id].seen.n_aliases = 0;
    r->labels[ev->id].seen.merged_into = ev->other;
    r->labels[ev->other].seen.changed_ms = ev->time_ms;
    show(&r->labels[ev->other]);
}

static void fold(struct cn_registry *r, const struct cn_label_event *ev, const char *key)
{
    switch (ev->kind) {
    case CN_LABEL_EV_PROPOSED: on_proposed(r, ev, key); break;
    case CN_LABEL_EV_ADDED: on_added(r, ev, key); break;
    case CN_LABEL_EV_RENAMED: on_renamed(r, ev, key); break;
    case CN_LABEL_EV_ALIAS_ADDED: on_alias_added(r, ev, key); break;
    case CN_LABEL_EV_ALIAS_REMOVED: on_alias_removed(r, key); break;
    case CN_LABEL_EV_MERGED: on_merged(r, ev); break;
    case CN_LABEL_EV_APPROVED:
    case CN_LABEL_EV_RESTORED: set_state(r, ev->id, CN_LABEL_ACCEPTED); break;
    case CN_LABEL_EV_REJECTED: set_state(r, ev->id, CN_LABEL_REJECTED); break;
    case CN_LABEL_EV_RETIRED:
    case CN_LABEL_EV_REPLACED: set_state(r, ev->id, CN_LABEL_RETIRED); break;
    }
    struct cn_registry_label *label = &r->labels[ev->id];
    if (ev->kind == CN_LABEL_EV_REJECTED || ev->kind == CN_LABEL_EV_RETIRED)
        set_text(&label->reason, ev->text);
    if (label->seen.state == CN_LABEL_ACCEPTED)
        set_text(&label->reason, "");
    label->seen.changed_ms = ev->time_ms;
    show(label);
}

/* ---- the log ---- */

enum cn_err cn_registry_step(struct cn_registry *r, const struct cn_label_event *ev,
                             struct cn_error *err)
{
    char key[CN_MAX_LABEL_KEY_BYTES + 1];
    enum cn_err e = cn_registry_check(r, ev, key, err);

    if (e)
        return e;
    fold(r, ev, key);
    cn_label_event_encode(ev, &r->log);
    if (r->version == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->ends = cn_realloc(r->ends, r->cap * sizeof *r->ends);
    }
    r->ends[r->version++] = (uint32_t)r->log.n;
    return CN_OK;
}

void cn_registry_fini(struct cn_registry *r)
{
    for (uint32_t i = 0; i < r->n_labels; i++)
        free_label(&r->labels[i]);
    free(r->labels);
    free(r->ends);
    cn_label_names_fini(&r->names);
    cn_buf_fini(&r->log);
    *r = (struct cn_registry){0};
}

void cn_registry_reset(struct cn_registry *r)
{
    cn_registry_fini(r);
    new_label(r, "noise", CN_LABEL_PLACEHOLDER, 0);
}
