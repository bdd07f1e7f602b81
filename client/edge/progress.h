/* A progress bar on standard error, drawn only when that is a terminal. One thread. */
#ifndef EDGE_PROGRESS_H
#define EDGE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct edge_progress {
    const char *what;
    uint64_t total, started_ms, drawn_ms;
    bool on;
};

void edge_progress_start(struct edge_progress *p, const char *what, uint64_t total);
void edge_progress_show(struct edge_progress *p, uint64_t done);
/* Wipes the line. */
void edge_progress_end(struct edge_progress *p);

#endif
