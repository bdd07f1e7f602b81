/* The real cairn-coordinator as a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/server/coordinator.h"

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fs.h"
#include "common/base/limits.h"

enum { ANSWER_MS = 20000, MAX_ARGS = 64 };

static void fail_with(const struct cn_error *err)
{
    fail_msg("%s", err->text);
}

/* Starts the binary; *ret_out and *ret_err are pipes, or NULL to inherit. */
static pid_t spawn(const char *const *args, int *ret_out, int *ret_err)
{
    int out[2], err[2];
    const char *argv[MAX_ARGS] = {COORDINATOR};

    for (size_t i = 0; args[i]; i++)
        argv[i + 1] = args[i];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ret_out ? out[1] : open("/dev/null", O_WRONLY), 1);
        if (ret_err)
            dup2(err[1], 2);
        execv(COORDINATOR, (char *const *)argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    if (ret_out)
        *ret_out = out[0];
    else
        close(out[0]);
    if (ret_err)
        *ret_err = err[0];
    else
        close(err[0]);
    return pid;
}

int coordinator_try(const char *const *args, char *text, size_t size)
{
    int err, status;
    size_t n = 0;
    ssize_t got;
    pid_t pid = spawn(args, NULL, &err);

    while ((got = read(err, text + n, size - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void coordinator_init(struct coordinator *c, const char *const *sets)
{
    const char *args[MAX_ARGS] = {"init", "--data", c->dir};
    char text[4096];
    size_t n = 3;

    *c = (struct coordinator){.root = "/tmp/cairn-test.XXXXXX"};
    assert_non_null(mkdtemp(c->root));
    snprintf(c->dir, sizeof c->dir, "%s/c", c->root);
    for (size_t i = 0; sets && sets[i]; i++) {
        args[n++] = "--set";
        args[n++] = sets[i];
    }
    if (coordinator_try(args, text, sizeof text) != 0)
        fail_msg("%s", text);
}

/* It is ready when it has printed its endpoints, the admin's last. */
static void wait_until_ready(struct coordinator *c)
{
    char text[1024];
    size_t n = 0;

    while (n < sizeof text - 1) {
        ssize_t got = read(c->out, text + n, sizeof text - 1 - n);
        if (got <= 0)
            fail_msg("the coordinator ended instead of starting");
        n += (size_t)got;
        text[n] = 0;
        if (strstr(text, "\nadmin") && text[n - 1] == '\n')
            return;
    }
}

static void dial_admin(struct coordinator *c)
{
    char path[160], endpoint[256];
    struct cn_error err;

    snprintf(path, sizeof path, "%s/keys/admin.key", c->dir);
    if (cn_secret_load(&c->admin_key, CN_SECRET_LINK, path, &err) != CN_OK)
        fail_with(&err);
    coordinator_endpoint(c, "admin", endpoint, sizeof endpoint);
    const struct cn_link_dial_conf conf = {.endpoint = endpoint,
                                           .server = coordinator_key(c),
                                           .secret = c->admin_key,
                                           .max_header_bytes = CN_MAX_JSON_BYTES};
    if (cn_link_dial(&c->admin, &conf, &err) != CN_OK)
        fail_with(&err);
}

void coordinator_start(struct coordinator *c)
{
    cn_link_close(&c->admin);
    cn_secret_destroy(&c->admin_key);
    const char *args[] = {"run", "--data", c->dir, "--set", "log.level=warn", NULL};

    c->pid = spawn(args, &c->out, NULL);
    wait_until_ready(c);
    dial_admin(c);
}

int coordinator_end(struct coordinator *c, int signal)
{
    int status = 0;

    cn_link_close(&c->admin);
    cn_secret_destroy(&c->admin_key);
    kill(c->pid, signal);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    close(c->out);
    c->pid = 0;
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void coordinator_fini(struct coordinator *c)
{
    if (c->pid)
        coordinator_end(c, SIGKILL);
    nftw(c->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the admin ---- */

/* The first message after the link is up. */
static void wait_for_reply(struct cn_link *link, struct cn_link_event *ev)
{
    struct cn_error err;

    if (cn_link_wait(link, ANSWER_MS, ev, &err) != CN_OK)
        fail_with(&err);
}

/* Until the link is up nothing can be sent. */
static void send_when_up(struct cn_link *link, struct cn_bytes text)
{
    struct cn_error err;
    struct cn_link_event ev;

    for (;;) {
        enum cn_err e = cn_link_send(link, 0, text, NULL, &err);
        if (e == CN_OK)
            return;
        if (e != CN_E_NOTFOUND && e != CN_E_BUSY)
            fail_with(&err);
        e = cn_link_wait(link, 50, &ev, &err);
        if (e != CN_OK && e != CN_E_TIMEOUT && e != CN_E_NOTFOUND)
            fail_with(&err);
    }
}

struct cn_json *coordinator_ask(struct coordinator *c, const char *command, const char *args)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_json *reply = NULL;
    struct cn_link_event ev;
    struct cn_error err;

    cn_buf_printf(&text, "{\"id\":%lld,\"do\":\"%s\",\"args\":%s}", (long long)++c->n_calls,
                  command, args ? args : "{}");
    send_when_up(c->admin, (struct cn_bytes){text.at, text.n});
    do
        wait_for_reply(c->admin, &ev);
    while (ev.what != CN_LINK_MESSAGE);
    if (cn_json_parse(ev.header, CN_MAX_JSON_BYTES, &reply, &err) != CN_OK)
        fail_with(&err);
    assert_int_equal(cn_json_int(reply, "id", -1), c->n_calls);
    return reply;
}

struct cn_json *coordinator_do(struct coordinator *c, const char *command, const char *args)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) reply = coordinator_ask(c, command, args);

    if (!cn_json_bool(reply, "ok", false))
        fail_msg("%s: %s", command, cn_json_string(cn_json_get(reply, "error"), "text", "?"));
    return cn_json_copy(cn_json_get(reply, "result"));
}

void coordinator_refuses(struct coordinator *c, const char *command, const char *args,
                         const char *code)
{
    struct cn_json *CN_CLEANUP(cn_json_destroy) reply = coordinator_ask(c, command, args);
    const struct cn_json *error = cn_json_get(reply, "error");

    assert_false(cn_json_bool(reply, "ok", true));
    assert_string_equal(cn_json_string(error, "code", ""), code);
    assert_true(strlen(cn_json_string(error, "text", "")) > 10); /* a sentence */
}

/* ---- where it is ---- */

void coordinator_endpoint(const struct coordinator *c, const char *which, char *out, size_t size)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_json *CN_CLEANUP(cn_json_destroy) j = NULL;
    struct cn_error err;
    char path[160];

    snprintf(path, sizeof path, "%s/endpoints", c->dir);
    if (cn_fs_read(path, 4096, &text, &err) != CN_OK ||
        cn_json_parse((struct cn_bytes){text.at, text.n}, 4096, &j, &err) != CN_OK)
        fail_with(&err);
    snprintf(out, size, "%s", cn_json_string(j, which, ""));
}

struct cn_public_key coordinator_key(const struct coordinator *c)
{
    struct cn_buf CN_CLEANUP(cn_buf_fini) text = {0};
    struct cn_public_key key;
    struct cn_error err;
    char path[160], hex[2 * CN_KEY_BYTES + 1] = "";

    snprintf(path, sizeof path, "%s/keys/server.pub", c->dir);
    if (cn_fs_read(path, 4096, &text, &err) != CN_OK)
        fail_with(&err);
    snprintf(hex, sizeof hex, "%s", cn_buf_cstr(&text));
    if (cn_hex_decode(key.b, sizeof key.b, hex, "server.pub", &err) != CN_OK)
        fail_with(&err);
    return key;
}
