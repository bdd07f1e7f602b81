/* [#########.........] 45 %  450 of 1000, 12 s left */
#include "client/edge/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { BAR = 30, REDRAW_MS = 100 };

void edge_progress_start(struct edge_progress *p, const char *what, uint64_t total)
{
    *p = (struct edge_progress){what, total, cn_clock_mono_ms(), 0, isatty(STDERR_FILENO) == 1};
}

void edge_progress_show(struct edge_progress *p, uint64_t done)
{
    uint64_t now = cn_clock_mono_ms();
    char bar[BAR + 1];

    if (!p->on || !p->total || (now - p->drawn_ms < REDRAW_MS && done < p->total))
        return;
    p->drawn_ms = now;
    size_t full = (size_t)(done * BAR / p->total);
    memset(bar, '.', BAR);
    memset(bar, '#', full);
    bar[BAR] = 0;
    uint64_t left_s = done ? (now - p->started_ms) * (p->total - done) / done / 1000 : 0;
    fprintf(stderr, "\r%s [%s] %3u %%  %llu of %llu, %llu s left ", p->what, bar,
            (unsigned)(done * 100 / p->total), (unsigned long long)done,
            (unsigned long long)p->total, (unsigned long long)left_s);
    fflush(stderr);
}

void edge_progress_end(struct edge_progress *p)
{
    if (p->on)
        fprintf(stderr, "\r\033[K");
    p->on = false;
}
