/* Files: whole reads with a cap, atomic writes, locked directories. */
#include "common/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void cn_fs_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool cn_fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum cn_err cn_fs_read(const char *path, size_t max_bytes, struct cn_buf *ret, struct cn_error *err)
{
    int CN_CLEANUP(cn_fs_closep) fd = open(path, O_RDONLY | O_CLOEXEC);
    struct cn_buf CN_CLEANUP(cn_buf_fini) bytes = {0};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cn_fail_errno(err, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return cn_fail(err, CN_E_IO, "cannot read %s: it is a directory", path);
    for (;;) {
        /* The size at open is a hint only: files grow, and those of /proc have none. */
        cn_buf_reserve(&bytes, bytes.n == 0 && st.st_size > 0 && (size_t)st.st_size <= max_bytes
                                   ? (size_t)st.st_size + 1
                                   : 4096);
        ssize_t n = read(fd, bytes.at + bytes.n, bytes.cap - bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cn_fail_errno(err, "cannot read %s", path);
        if (n == 0)
            break;
        bytes.n += (size_t)n;
        if (bytes.n > max_bytes)
            return cn_fail(err, CN_E_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
    }
    cn_buf_append(ret, bytes.at, bytes.n);
    return CN_OK;
}

static int write_all(int fd, struct cn_bytes bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.at, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes.at += n;
        bytes.n -= (size_t)n;
    }
    return 0;
}

/* Makes what happened to the names in path's directory survive a power cut. */
static int sync_dir_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (n >= sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(dir, path, n);
    dir[n] = 0;
    int CN_CLEANUP(cn_fs_closep) fd =
        open(n ? dir : (slash ? "/" : "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

enum cn_err cn_fs_write_atomic(const char *path, struct cn_bytes bytes, mode_t mode,
                               struct cn_error *err)
{
    char temp[PATH_MAX];

    if ((size_t)snprintf(temp, sizeof temp, "%s.tmp-XXXXXX", path) >= sizeof temp)
        return cn_fail(err, CN_E_LIMIT, "the path %.100s... is too long", path);
    int CN_CLEANUP(cn_fs_closep) fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return cn_fail_errno(err, "cannot create a file beside %s", path);
    if (write_all(fd, bytes) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
        rename(temp, path) < 0) {
        enum cn_err code = cn_fail_errno(err, "cannot write %s", path);
        unlink(temp);
        return code;
    }
    if (sync_dir_of(path) < 0)
        return cn_fail_errno(err, "cannot make %s durable", path);
    return CN_OK;
}

enum cn_err cn_fs_mkdirs(const char *path, mode_t mode, struct cn_error *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof part)
        return cn_fail(err, CN_E_LIMIT, "\"%.100s\" is not a usable path", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, mode) == 0) {
            if (sync_dir_of(part) < 0)
                return cn_fail_errno(err, "cannot make the directory %s durable", part);
        } else if (errno != EEXIST) {
            return cn_fail_errno(err, "cannot create the directory %s", part);
        }
    }
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return cn_fail(err, CN_E_EXISTS, "%s is there, but it is not a directory", path);
    return CN_OK;
}

enum cn_err cn_fs_lock(const char *dir, int *ret_fd, struct cn_error *err)
{
    char path[PATH_MAX], pid[24] = "";

    if ((size_t)snprintf(path, sizeof path, "%s/lock", dir) >= sizeof path)
        return cn_fail(err, CN_E_LIMIT, "the path %.100s... is too long", dir);
    int CN_CLEANUP(cn_fs_closep) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return cn_fail_errno(err, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return cn_fail_errno(err, "cannot lock %s", path);
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = 0;
        pid[strspn(pid, "0123456789")] = 0;
        return cn_fail(err, CN_E_BUSY, "%s is in use by another process (pid %s); stop it first",
                       dir, *pid ? pid : "unknown");
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        return cn_fail_errno(err, "cannot write %s", path);
    *ret_fd = fd;
    fd = -1;
    return CN_OK;
}

enum cn_err cn_fs_remove(const char *path, struct cn_error *err)
{
    if (unlink(path) < 0)
        return errno == ENOENT ? CN_OK : cn_fail_errno(err, "cannot remove %s", path);
    if (sync_dir_of(path) < 0)
        return cn_fail_errno(err, "cannot make the removal of %s durable", path);
    return CN_OK;
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum cn_err cn_fs_list(const char *dir, size_t max_names, struct cn_fs_names *ret,
                       struct cn_error *err)
{
    DIR *CN_CLEANUP(close_dir) d = opendir(dir);
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};
    size_t cap = 0;

    if (!d)
        return cn_fail_errno(err, "cannot read the directory %s", dir);
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e && errno)
            return cn_fail_errno(err, "cannot read the directory %s", dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (names.n == max_names)
            return cn_fail(err, CN_E_LIMIT, "%s holds more than %zu files", dir, max_names);
        if (names.n == cap) {
            cap = cap ? 2 * cap : 16;
            names.at = cn_realloc(names.at, cap * sizeof *names.at);
        }
        names.at[names.n++] = cn_strdup(e->d_name);
    }
    if (names.n > 1)
        qsort(names.at, names.n, sizeof *names.at, by_bytes);
    *ret = names;
    names = (struct cn_fs_names){0};
    return CN_OK;
}

void cn_fs_names_fini(struct cn_fs_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
    *names = (struct cn_fs_names){0};
}
