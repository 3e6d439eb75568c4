/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a long run when nodes fail. Interruptions come at random, so many a node-day;
 * after each the run starts again from its last checkpoint. Pure functions; seconds. */
#ifndef SFT_LIB_GOODPUT_H
#define SFT_LIB_GOODPUT_H

struct sft_outages {
    double interval;   /* mean, between interruptions of the whole run */
    double restart;    /* until it trains again, behind the last checkpoint */
    double checkpoint; /* that training stops for, to write one */
};

/* Of `nodes` nodes of which 1,000 have so many interruptions a day. */
double sft_outages_interval(double thousand_days, double nodes);

/* Share of the time that goes into steps which count, with a checkpoint after each `every` seconds
 * of steps: every / E, where E is the mean time to get through `every` and its checkpoint with
 * exponential interruptions, exp(restart / interval) interval (exp((every + checkpoint) /
 * interval) - 1), Daly, 2006, (20); interruptions may come while it restarts, too. */
double sft_goodput(const struct sft_outages *outages, double every);

/* `every` for which that is most. */
double sft_goodput_best(const struct sft_outages *outages);

#endif
