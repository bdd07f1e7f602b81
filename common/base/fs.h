/* Files: whole reads with a cap, atomic writes, locked directories. Shells and doors only.
   Threads: reentrant. */
#ifndef CN_FS_H
#define CN_FS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends the file to *ret. More than max_bytes: CN_E_LIMIT; absent: CN_E_NOTFOUND. */
enum cn_err cn_fs_read(const char *path, size_t max_bytes, struct cn_buf *ret,
                       struct cn_error *err) CN_NODISCARD;
/* The file is the old one or the new one, whole, at any moment and after a power cut: a temporary
   beside it, fsync, rename, fsync of the directory. */
enum cn_err cn_fs_write_atomic(const char *path, struct cn_bytes bytes, mode_t mode,
                               struct cn_error *err) CN_NODISCARD;
/* As mkdir -p; a directory that is there already keeps its mode. */
enum cn_err cn_fs_mkdirs(const char *path, mode_t mode, struct cn_error *err) CN_NODISCARD;
/* Takes DIR/lock for as long as *ret_fd is open. Held by another process: CN_E_BUSY, with its pid.
 */
enum cn_err cn_fs_lock(const char *dir, int *ret_fd, struct cn_error *err) CN_NODISCARD;
/* Removes a file, durably (the directory is synced). Absent already: CN_OK. */
enum cn_err cn_fs_remove(const char *path, struct cn_error *err) CN_NODISCARD;
bool cn_fs_exists(const char *path);

/* Names in a directory in byte order, without "." and "..". {0} is empty. */
struct cn_fs_names {
    char **at;
    size_t n;
};

/* More than max_names: CN_E_LIMIT. */
enum cn_err cn_fs_list(const char *dir, size_t max_names, struct cn_fs_names *ret,
                       struct cn_error *err) CN_NODISCARD;
void cn_fs_names_fini(struct cn_fs_names *names);

/* Cleanup function for descriptors: CN_CLEANUP(cn_fs_closep) int fd = -1; */
void cn_fs_closep(int *fd);

#endif
