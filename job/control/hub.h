/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 orders, the others answer, each order within its time: who does not answer is lost, and
 * the rest goes on without it. Over TCP, a connection a rank, since a tree would lose with one rank
 * those behind it. What is ordered and answered are structures of one size each, plain memory of
 * one build's ranks. A lone rank has no socket: rank 0 does its own part itself. */
#ifndef SFT_JOB_CONTROL_HUB_H
#define SFT_JOB_CONTROL_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "job/control/control.h"

struct hub;

/* Collective over the control, within its limit. -1 and err, which names who did not come. */
struct hub *hub_open(struct control *control, size_t order_bytes, size_t answer_bytes,
                     struct sft_error *err);
/* NULL does nothing. */
void hub_close(struct hub *hub);

/* On rank 0: the order to one rank that is there. */
void hub_order(struct hub *hub, int rank, const void *order);
/* The same, and no answer is waited for: only that it hears from rank 0. */
void hub_tell(struct hub *hub, int rank, const void *order);
/* On rank 0: waits until each rank that has an order has answered into answers[rank], or is lost:
 * its connection has ended, or `limit` seconds have gone by. Time in which this process was stopped
 * does not count. */
void hub_wait(struct hub *hub, double limit, void *answers);
/* Has this rank's answer come to the last order? */
bool hub_has_answered(const struct hub *hub, int rank);
bool hub_is_lost(const struct hub *hub, int rank);
/* It is not waited for any more; what it may still say is not heard. */
void hub_lose(struct hub *hub, int rank);

/* On the others: the next order; -1 and err where rank 0 is gone, or silent for `patience` seconds,
 * however long this rank was stopped. */
int hub_take(struct hub *hub, void *order, double patience, struct sft_error *err);
void hub_answer(struct hub *hub, const void *answer);

#endif
