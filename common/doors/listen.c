/* Listening stream sockets. */
#include "common/doors/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/fs.h"

enum { BACKLOG = 64, TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };

static enum cn_err fail_bind(const char *address, struct cn_error *err)
{
    switch (errno) {
    case EADDRINUSE:
        return cn_fail(err, CN_E_EXISTS,
                       "cannot listen on %s: another program does; stop it or choose another "
                       "address",
                       address);
    case EADDRNOTAVAIL:
        return cn_fail(err, CN_E_NOTFOUND, "cannot listen on %s: no such address here", address);
    default: return cn_fail_errno(err, "cannot listen on %s", address);
    }
}

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* Splits HOST:PORT; HOST is a number, in brackets for IPv6, or localhost. */
static bool parse(const char *address, union any_address *ret, socklen_t *ret_size)
{
    char host[64], *end;
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;

    if (n == 0 || n >= sizeof host || colon[1] < '0' || colon[1] > '9')
        return false;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > UINT16_MAX)
        return false;
    memcpy(host, address, n);
    host[n] = 0;
    memset(ret, 0, sizeof *ret);
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = 0;
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_size = sizeof ret->v6;
        return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1;
    }
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = htons((uint16_t)port);
    *ret_size = sizeof ret->v4;
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                     &ret->v4.sin_addr) == 1;
}

static enum cn_err listen_tcp(const char *address, int *ret_fd, char *ret_address,
                              struct cn_error *err)
{
    union any_address at;
    socklen_t size;
    char host[INET6_ADDRSTRLEN];
    int on = 1;

    if (!parse(address, &at, &size))
        return cn_fail(err, CN_E_PARSE,
                       "\"%.100s\" is not an address; write 127.0.0.1:PORT or unix:PATH", address);
    int CN_CLEANUP(cn_fs_closep) fd = socket(at.any.sa_family, TYPE, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, &at.any, size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, &at.any, &size) < 0)
        return fail_bind(address, err);
    if (at.any.sa_family == AF_INET6)
        snprintf(ret_address, CN_ADDRESS_BYTES, "[%s]:%u",
                 inet_ntop(AF_INET6, &at.v6.sin6_addr, host, sizeof host), ntohs(at.v6.sin6_port));
    else
        snprintf(ret_address, CN_ADDRESS_BYTES, "%s:%u",
                 inet_ntop(AF_INET, &at.v4.sin_addr, host, sizeof host), ntohs(at.v4.sin_port));
    *ret_fd = fd;
    fd = -1;
    return CN_OK;
}

static bool is_answered(const union any_address *at)
{
    int CN_CLEANUP(cn_fs_closep) fd = socket(AF_UNIX, TYPE, 0);

    return fd >= 0 && (connect(fd, &at->any, sizeof at->local) == 0 || errno == EAGAIN);
}

static enum cn_err listen_unix(const char *address, const char *path, int *ret_fd,
                               char *ret_address, struct cn_error *err)
{
    union any_address at = {.local = {.sun_family = AF_UNIX}};
    struct stat st;

    if (*path == 0 || strlen(path) >= sizeof at.local.sun_path)
        return cn_fail(err, CN_E_LIMIT, "%.200s: the path of a socket has 1 to %zu bytes", address,
                       sizeof at.local.sun_path - 1);
    memcpy(at.local.sun_path, path, strlen(path) + 1);
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode) || is_answered(&at)) {
            errno = EADDRINUSE;
            return fail_bind(address, err);
        }
        unlink(path);
    }
    int CN_CLEANUP(cn_fs_closep) fd = socket(AF_UNIX, TYPE, 0);
    mode_t before = umask(0177);
    bool bound = fd >= 0 && bind(fd, &at.any, sizeof at.local) == 0;
    umask(before);
    if (!bound || listen(fd, BACKLOG) < 0)
        return fail_bind(address, err);
    snprintf(ret_address, CN_ADDRESS_BYTES, "%s", address);
    *ret_fd = fd;
    fd = -1;
    return CN_OK;
}

enum cn_err cn_listen(const char *address, int *ret_fd, char ret_address[CN_ADDRESS_BYTES],
                      struct cn_error *err)
{
    if (strncmp(address, "unix:", 5) == 0)
        return listen_unix(address, address + 5, ret_fd, ret_address, err);
    return listen_tcp(address, ret_fd, ret_address, err);
}
