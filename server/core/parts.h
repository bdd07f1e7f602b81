/* How the files of the coordinator's core see each other. Nobody else includes this. */
#ifndef SRV_PARTS_H
#define SRV_PARTS_H

#include "server/core/core.h"

/* ---- core.c ---- */

struct srv_action *srv_act(struct srv_actions *out, enum srv_action_kind kind);
/* A message to the device over its connection, in its session, for the caller to fill in. The
   device is online. */
struct cn_msg *srv_tell(struct srv_core *c, uint32_t device, enum cn_msg_kind kind,
                        struct srv_actions *out);
/* Tells the device to wait, and remembers it as the reason. */
void srv_tell_wait(struct srv_core *c, uint32_t device, enum cn_wait_about about, uint64_t ref,
                   enum cn_wait reason, uint64_t until_ms, struct srv_actions *out);
/* 1 <= device <= n_devices. */
struct srv_device *srv_device(const struct srv_core *c, uint32_t device);
/* The heads as they are told now, with the coordinator's time. */
struct cn_heads srv_heads(const struct srv_core *c);

/* ---- roster.c: who is enrolled, who is online ---- */

void srv_roster_record(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
void srv_roster_hello(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
/* Is the message from the device's session? If so it counts as a sign of life; if not, the sender
   is told. */
bool srv_roster_admit(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
void srv_roster_gone(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
void srv_roster_tick(struct srv_core *c, struct srv_actions *out);
uint64_t srv_roster_deadline(const struct srv_core *c);
const char *srv_roster_broken(const struct srv_core *c);

/* ---- list.c: the two lists of devices ---- */

void srv_list_push(struct srv_core *c, struct srv_list *l, uint32_t device);
void srv_list_remove(struct srv_core *c, struct srv_list *l, uint32_t device);
/* Members, walked from the head, agree with l->n and with their neighbours. */
bool srv_list_is_sound(const struct srv_core *c, const struct srv_list *l);

/* ---- line.c: devices waiting for an upload slot, first come first served ---- */

/* May this device have a slot now? Those whose turn passed unused lose their place. */
bool srv_line_admits(struct srv_core *c, uint32_t device);
void srv_line_join(struct srv_core *c, uint32_t device, uint64_t seq, enum cn_wait reason,
                   struct srv_actions *out);
void srv_line_leave(struct srv_core *c, uint32_t device);
/* A slot is free: tells the first in line to come now. */
void srv_line_nudge(struct srv_core *c, struct srv_actions *out);
void srv_line_tick(struct srv_core *c, struct srv_actions *out);
uint64_t srv_line_deadline(const struct srv_core *c);

/* ---- upload.c: from OFFER to the sums of the round ---- */

void srv_upload_offer(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
void srv_upload_chunk(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
void srv_upload_merged(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
/* The round gathers again: what was parked goes to it. */
void srv_upload_unpark(struct srv_core *c, struct srv_actions *out);
/* The device is out: its slot is free, unless a merge job has the bytes. */
void srv_upload_drop(struct srv_core *c, uint32_t device, struct srv_actions *out);
void srv_upload_tick(struct srv_core *c, struct srv_actions *out);
uint64_t srv_upload_deadline(const struct srv_core *c);
const char *srv_upload_broken(const struct srv_core *c);

/* From now on nothing up to seq is taken from this device: it was told REJECT. */
void srv_upload_mark_rejected(struct srv_core *c, uint32_t device, uint64_t seq,
                              enum cn_reject reason);

/* ---- round.c: gathering, consolidating, scoring, deciding ---- */

/* How many updates close the round. */
uint32_t srv_round_needed(const struct srv_core *c);
bool srv_round_has_room(const struct srv_core *c);
void srv_round_ready(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
/* The slot's update is in the sums. */
void srv_round_add(struct srv_core *c, const struct srv_slot *slot);
/* Closes the round if it has what it waits for. */
void srv_round_advance(struct srv_core *c, struct srv_actions *out);
void srv_round_close(struct srv_core *c, struct srv_actions *out);
void srv_round_consolidated(struct srv_core *c, const struct srv_event *ev,
                            struct srv_actions *out);
/* Scoring has ended. */
void srv_round_scored(struct srv_core *c, struct srv_actions *out);
void srv_round_decided(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
/* A release from elsewhere: the round starts over. */
void srv_round_abandon(struct srv_core *c, struct srv_actions *out);
void srv_round_tick(struct srv_core *c, struct srv_actions *out);
const char *srv_round_broken(const struct srv_core *c);

/* ---- score.c: devices try the candidates on what they held out ---- */

void srv_score_start(struct srv_core *c, struct srv_actions *out);
void srv_score_answer(struct srv_core *c, const struct srv_event *ev, struct srv_actions *out);
/* The device is online in a new session: asked, or asked again. */
void srv_score_join(struct srv_core *c, uint32_t device, struct srv_actions *out);
/* It is about to go offline. srv_score_advance must follow. */
void srv_score_leave(struct srv_core *c, uint32_t device);
/* Goes on when nobody is left to answer. */
void srv_score_advance(struct srv_core *c, struct srv_actions *out);
/* The device was asked, is online and has not answered for every model. */
bool srv_score_awaits(const struct srv_core *c, uint32_t device);
const char *srv_score_broken(const struct srv_core *c);

/* ---- announce.c: what is newest ---- */

void srv_announce_release(struct srv_core *c, const struct cn_heads *heads,
                          struct srv_actions *out);
void srv_announce_registry(struct srv_core *c, const struct cn_heads *heads,
                           struct srv_actions *out);
void srv_announce_tick(struct srv_core *c, struct srv_actions *out);

#endif
