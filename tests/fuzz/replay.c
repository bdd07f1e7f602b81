/* Runs a fuzz target over files, without a fuzzer: each argument is a file or a directory of files.
   So every input that once broke something is tried again by every build. */
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/fs.h"
#include "common/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static enum cn_err replay_file(const char *path, struct cn_error *err)
{
    CN_CLEANUP(cn_buf_fini) struct cn_buf b = {0};
    enum cn_err e = cn_fs_read(path, CN_MAX_IMAGE_BYTES, &b, err);

    if (e)
        return e;
    /* of exactly that size, so that the sanitizer sees a read beyond */
    CN_CLEANUP(cn_freep) uint8_t *exact = cn_alloc(b.n);
    for (size_t i = 0; i < b.n; i++)
        exact[i] = b.at[i];
    LLVMFuzzerTestOneInput(exact, b.n);
    return CN_OK;
}

static enum cn_err replay_directory(const char *dir, size_t *n_files, struct cn_error *err)
{
    CN_CLEANUP(cn_fs_names_fini) struct cn_fs_names names = {0};
    enum cn_err e = cn_fs_list(dir, 100000, &names, err);

    for (size_t i = 0; !e && i < names.n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, names.at[i]);
        e = replay_file(path, err);
        *n_files += e == CN_OK;
    }
    return e;
}

int main(int argc, char **argv)
{
    size_t n_files = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        struct cn_error err;
        bool is_directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        enum cn_err e =
            is_directory ? replay_directory(argv[i], &n_files, &err) : replay_file(argv[i], &err);
        if (e) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        n_files += !is_directory;
    }
    printf("%zu inputs replayed\n", n_files);
    return n_files == 0; /* an empty corpus tests nothing */
}
