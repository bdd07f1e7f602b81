/* Walking a folder of labelled images. */
#include "client/edge/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/fs.h"
#include "common/base/limits.h"

enum { MAX_FILES = 10 * 1000 * 1000 };

void edge_tree_fini(struct edge_tree *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free(t->at[i].path);
    for (uint32_t i = 0; i < t->n_labels; i++)
        free(t->labels[i]);
    free(t->at);
    free(t->labels);
    *t = (struct edge_tree){0};
}

/* Whether the name is a word of a list with commas. */
static bool is_wanted(const char *only, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = only; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    return !only;
}

static char *join_path(const char *dir, const char *name)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf path = {0};

    cn_buf_printf(&path, "%s/%s", dir, name);
    return cn_strdup(cn_buf_cstr(&path));
}

static bool is_kind(const char *path, mode_t kind)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static enum cn_err read_label(struct edge_tree *t, const char *dir, const char *name,
                              struct cn_error *err)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names files = {0};

    enum cn_err e = cn_fs_list(dir, MAX_FILES, &files, err);
    if (e)
        return e;
    t->labels = cn_realloc(t->labels, (t->n_labels + 1) * sizeof *t->labels);
    t->labels[t->n_labels++] = cn_strdup(name);
    t->at = cn_realloc(t->at, (t->n + files.n + 1) * sizeof *t->at);
    for (size_t i = 0; i < files.n; i++) {
        char *path = join_path(dir, files.at[i]);
        if (files.at[i][0] == '.' || !is_kind(path, S_IFREG))
            free(path);
        else
            t->at[t->n++] = (struct edge_tree_image){t->n_labels - 1, path};
    }
    return CN_OK;
}

enum cn_err edge_tree_read(struct edge_tree *ret, const char *dir, const char *only,
                           struct cn_error *err)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names folders = {0};
    CN_CLEANUP(edge_tree_fini) struct edge_tree t = {0};

    enum cn_err e = cn_fs_list(dir, CN_MAX_LABELS, &folders, err);
    for (size_t i = 0; i < folders.n && !e; i++) {
        CN_CLEANUP(cn_freep) char *path = join_path(dir, folders.at[i]);
        if (folders.at[i][0] != '.' && is_wanted(only, folders.at[i]) && is_kind(path, S_IFDIR))
            e = read_label(&t, path, folders.at[i], err);
    }
    if (e)
        return e;
    if (!t.n)
        return cn_fail(err, CN_E_NOTFOUND,
                       "%s has no images in sub-folders that are named after labels", dir);
    *ret = t;
    t = (struct edge_tree){0};
    return CN_OK;
}

void edge_tree_shuffle(struct edge_tree *t, uint64_t seed)
{
    struct cn_rng rng;

    cn_rng_init(&rng, seed);
    for (uint32_t i = t->n; i > 1; i--) {
        uint32_t j = cn_rng_below(&rng, i);
        struct edge_tree_image swap = t->at[i - 1];
        t->at[i - 1] = t->at[j];
        t->at[j] = swap;
    }
}
