/* Reads a folder-per-label tree of image files. */
#include "deploy/demo/images.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int is_image(const struct dirent *e)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp",
                                          ".gif", ".pgm",  ".ppm", ".pnm"};
    const char *dot = strrchr(e->d_name, '.');

    for (size_t i = 0; dot && i < CN_COUNT(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return e->d_name[0] != '.';
    return 0;
}

static void free_entries(struct dirent **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

/* Appends the images of dir/name as label number set->n_names; a folder without images is no label.
 */
static void read_label(struct deal_set *set, const char *dir, const char *name)
{
    char path[8192];
    struct dirent **list;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int n = scandir(path, &list, is_image, alphasort);
    if (n < 0)
        return;
    if (n > 0) {
        set->images = cn_realloc(set->images, (set->n_images + (size_t)n) * sizeof *set->images);
        for (int i = 0; i < n; i++) {
            snprintf(path, sizeof path, "%s/%s/%s", dir, name, list[i]->d_name);
            set->images[set->n_images++] = (struct deal_image){set->n_names, cn_strdup(path), NULL};
        }
        set->names = cn_realloc(set->names, (set->n_names + 1) * sizeof *set->names);
        set->names[set->n_names++] = cn_strdup(name);
    }
    free_entries(list, n);
}

enum cn_err deal_read_tree(struct deal_set *set, const char *dir, struct cn_error *err)
{
    struct dirent **list;
    CN_CLEANUP(cn_freep) char *whole = realpath(dir, NULL);
    int n = whole ? scandir(whole, &list, is_visible, alphasort) : -1;

    if (n < 0)
        return cn_fail_errno(err, "cannot read the folder %s", dir);
    for (int i = 0; i < n; i++)
        read_label(set, whole, list[i]->d_name);
    free_entries(list, n);
    if (set->n_names == 0)
        return cn_fail(err, CN_E_NOTFOUND, "%s has no sub-folder with images: each label needs one",
                       dir);
    return CN_OK;
}

void deal_set_fini(struct deal_set *set)
{
    for (uint32_t i = 0; i < set->n_names; i++)
        free(set->names[i]);
    for (size_t i = 0; i < set->n_images; i++)
        free(set->images[i].path);
    free(set->names);
    free(set->images);
    free(set->store);
    *set = (struct deal_set){0};
}
