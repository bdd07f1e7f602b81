/* The bytes of one label event. */
#include "common/model/label_event.h"

#include <stdio.h>
#include <string.h>

#include "common/doors/text.h"

/* What each kind carries besides id, time and actor. */
enum { OTHER = 1, TEXT = 2, MAYBE_TEXT = 4 };

/* clang-format off */
static const struct { const char *name; unsigned has; } kinds[] = {
    [CN_LABEL_EV_PROPOSED]      = {"proposed",      OTHER | TEXT},
    [CN_LABEL_EV_ADDED]         = {"added",         TEXT},
    [CN_LABEL_EV_APPROVED]      = {"approved",      0},
    [CN_LABEL_EV_REJECTED]      = {"rejected",      MAYBE_TEXT},
    [CN_LABEL_EV_RENAMED]       = {"renamed",       TEXT},
    [CN_LABEL_EV_ALIAS_ADDED]   = {"alias added",   TEXT},
    [CN_LABEL_EV_ALIAS_REMOVED] = {"alias removed", TEXT},
    [CN_LABEL_EV_MERGED]        = {"merged",        OTHER},
    [CN_LABEL_EV_RETIRED]       = {"retired",       MAYBE_TEXT},
    [CN_LABEL_EV_RESTORED]      = {"restored",      0},
    [CN_LABEL_EV_REPLACED]      = {"replaced",      OTHER},
};
/* clang-format on */

const char *cn_label_event_name(enum cn_label_event_kind kind)
{
    return kinds[kind].name;
}

static void put_text(struct cn_buf *out, const char *s)
{
    uint8_t n = (uint8_t)strlen(s);

    cn_buf_append(out, &n, 1);
    cn_buf_append(out, s, n);
}

void cn_label_event_encode(const struct cn_label_event *ev, struct cn_buf *out)
{
    uint8_t *p = cn_buf_extend(out, 17);

    p[0] = (uint8_t)ev->kind;
    cn_put32(p + 1, ev->id);
    cn_put32(p + 5, ev->other);
    cn_put64(p + 9, ev->time_ms);
    put_text(out, ev->kind == CN_LABEL_EV_PROPOSED ? "" : ev->actor);
    put_text(out, ev->text);
}

/* A counted text into a NUL-terminated one of at most max bytes. */
static enum cn_err get_text(struct cn_bytes *from, char *to, size_t max, struct cn_error *err)
{
    if (from->n < 1 || from->at[0] > from->n - 1)
        return cn_fail(err, CN_E_PARSE, "the label event is cut off in a text");
    size_t n = from->at[0];
    const char *text = (const char *)from->at + 1;
    if (n > max)
        return cn_fail(err, CN_E_LIMIT, "a text of %zu bytes in a label event; at most %zu", n,
                       max);
    if (!cn_text_is_line(text, n))
        return cn_fail(err, CN_E_PARSE, "a text in a label event is not a line of UTF-8");
    memcpy(to, text, n);
    to[n] = 0;
    from->at += 1 + n;
    from->n -= 1 + n;
    return CN_OK;
}

static enum cn_err check_form(const struct cn_label_event *ev, struct cn_error *err)
{
    unsigned has = kinds[ev->kind].has;

    if (ev->id >= CN_MAX_LABELS)
        return cn_fail(err, CN_E_LIMIT, "label id %u; at most %d labels", ev->id, CN_MAX_LABELS);
    if (!(has & OTHER) && ev->other != 0)
        return cn_fail(err, CN_E_PARSE, "a second id in a label event that has none");
    if (!(has & (TEXT | MAYBE_TEXT)) && ev->text[0])
        return cn_fail(err, CN_E_PARSE, "a text in a label event that has none");
    if ((has & TEXT) && !ev->text[0])
        return cn_fail(err, CN_E_PARSE, "a label event without its name");
    if ((ev->kind == CN_LABEL_EV_PROPOSED) != (ev->actor[0] == 0))
        return cn_fail(err, CN_E_PARSE, "a label event must name its device or its actor");
    return CN_OK;
}

enum cn_err cn_label_event_decode(struct cn_bytes *from, struct cn_label_event *ret,
                                  struct cn_error *err)
{
    struct cn_bytes rest = *from;
    struct cn_label_event ev = {0};

    if (rest.n < CN_LABEL_EVENT_MIN_BYTES)
        return cn_fail(err, CN_E_PARSE, "the label event is cut off");
    if (rest.at[0] == 0 || rest.at[0] >= CN_COUNT(kinds))
        return cn_fail(err, CN_E_PARSE, "unknown kind of label event: %u", rest.at[0]);
    ev.kind = (enum cn_label_event_kind)rest.at[0];
    ev.id = cn_get32(rest.at + 1);
    ev.other = cn_get32(rest.at + 5);
    ev.time_ms = cn_get64(rest.at + 9);
    rest = (struct cn_bytes){rest.at + 17, rest.n - 17};
    enum cn_err e = get_text(&rest, ev.actor, CN_MAX_ACTOR_BYTES, err);
    if (!e)
        e = get_text(&rest, ev.text, CN_MAX_REASON_BYTES, err);
    if (!e)
        e = check_form(&ev, err);
    if (e)
        return e;
    if (ev.kind == CN_LABEL_EV_PROPOSED)
        snprintf(ev.actor, sizeof ev.actor, "device %u", ev.other);
    *ret = ev;
    *from = rest;
    return CN_OK;
}
