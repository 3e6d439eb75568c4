/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 of verify: a collective among some ranks, on all of them. */
#ifndef SFT_JOB_RUN_VERIFY_TEAMS_H
#define SFT_JOB_RUN_VERIFY_TEAMS_H

#include "job/run/verify.h"

struct teamwork {
    enum check check;
    enum verify_team team;
    enum collective_kind kind;
    size_t bytes;
    int times;
};

/* An order does not hold more than VERIFY_LOST that are lost: before each. A line says so. */
bool verify_teams_end(struct verify_lead *lead);
/* The order to one rank, without who is lost by now. */
void verify_teams_order(struct verify_lead *lead, int rank, const struct teamwork *work, int mate,
                        int number);
/* A number for each team of these orders: its first rank tells them apart. members: [size], room
 * here and below. */
void verify_teams_number(struct verify_lead *lead, int members[]);
/* New teams. */
void verify_teams_ask(struct verify_lead *lead, const bool *chosen, int *members);
/* The slowest member's seconds of each repeat, of the rank's team; false: not of all of them. */
bool verify_teams_seconds(const struct verify_lead *lead, int rank, int *members,
                          double seconds[JUDGE_REPEATS], int *count);
/* The members are all there, and one of them did not come, or it takes too long: it is noted of
 * this rank. */
bool verify_teams_late(struct verify_lead *lead, int rank, const struct teamwork *work,
                       int *members);

#endif
