/* The real cairn-coordinator as a child process, and an admin who talks to it. */
#ifndef TEST_COORDINATOR_H
#define TEST_COORDINATOR_H

#include <sys/types.h>

#include "common/doors/json.h"
#include "common/doors/link.h"

struct coordinator {
    char root[64], dir[96]; /* dir: the data directory, inside root */
    pid_t pid;              /* 0: not running */
    int out;                /* its standard output */
    struct cn_secret *admin_key;
    struct cn_link *admin;
    int64_t n_calls;
};

/* A fresh directory, and a fleet in it; sets are "section.key=value", NULL-terminated. */
void coordinator_init(struct coordinator *c, const char *const *sets);
/* Starts it and waits until it is ready. */
void coordinator_start(struct coordinator *c);
/* Sends the signal and returns what waitpid says. */
int coordinator_end(struct coordinator *c, int signal);
/* Ends it, and removes the directory. */
void coordinator_fini(struct coordinator *c);

/* Runs the binary with these arguments to its end: exit code, and its standard error in text. */
int coordinator_try(const char *const *args, char *text, size_t size);

/* An admin's request: args is JSON text or NULL. The whole reply; the caller destroys it. */
struct cn_json *coordinator_ask(struct coordinator *c, const char *command, const char *args);
/* The same, which must succeed: its result alone. */
struct cn_json *coordinator_do(struct coordinator *c, const char *command, const char *args);
/* The same, which must fail, with this code. */
void coordinator_refuses(struct coordinator *c, const char *command, const char *args,
                         const char *code);

/* DATA/endpoints: "fleet", "enrol", "admin". */
void coordinator_endpoint(const struct coordinator *c, const char *which, char *out, size_t size);
struct cn_public_key coordinator_key(const struct coordinator *c);

#endif
