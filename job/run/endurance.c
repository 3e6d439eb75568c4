/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/endurance.h"

#include <math.h>
#include <stdio.h>

#include "job/run/scaling.h"
#include "lib/goodput.h"
#include "lib/params.h"

/* Assumed: a GPU's copies to the host while all GPUs of the node copy, of a new start what is no
 * reading, and the rest by the keys' defaults: Llama 3's 419 interruptions in 54 days on 2,048
 * nodes of 8 GPUs, whose storage writes 2 TB/s (Dubey et al., 2024). */
static const double host_gbs = 25, start_s = 300, giga = 1e9;

/* Of what trains, values and moments: fp32 has all three in 4 bytes, bf16 in 2. */
static double checkpoint_bytes(const struct forecast *f, const struct sft_preset *shape)
{
    return (f->fit.states == SFT_STATES_BF16 ? 6 : 12) * (double)sft_params_trained(shape);
}

static double end_of(const struct endurance *e, double restart, double stop, double least,
                     double *every)
{
    struct sft_outages o = {.interval = e->interval, .restart = restart, .checkpoint = stop};
    *every = fmax(sft_goodput_best(&o), least);
    return sft_goodput(&o, *every);
}

struct endurance endurance_make(const struct forecast *f, const struct forecast_question *question)
{
    struct sft_request said = *question->request, assumed;
    sft_request_defaults(&assumed, NULL);
    struct endurance e = {
        .interrupts = said.interrupts > 0 ? said.interrupts : assumed.interrupts,
        .storage_gbs = said.storage_gbs > 0 ? said.storage_gbs : assumed.storage_gbs,
        .checkpoint = checkpoint_bytes(f, &question->input->shape),
    };
    double written = e.checkpoint / f->plan.nodes / (e.storage_gbs * giga);
    e.interval = sft_outages_interval(e.interrupts, f->plan.nodes);
    e.stop_low = written;
    e.stop_high = fmin(written, e.checkpoint / f->plan.ranks / (host_gbs * giga));
    e.share_low = end_of(&e, start_s + written, e.stop_low, f->step_s, &e.every_low);
    e.share_high =
        end_of(&e, start_s + written, e.stop_high, fmax(written, f->step_s), &e.every_high);
    return e;
}

/* In the unit that it is at least one of. Returns text. */
static const char *duration(char text[32], double seconds)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    snprintf(text, 32, "%.3g %s", seconds / units[i].seconds, units[i].name);
    return text;
}

void endurance_print(const struct endurance *e, const struct forecast *f)
{
    char interval[32], soon[32], late[32], stops[SCALING_RANGE], share[SCALING_RANGE],
        rate[SCALING_RANGE];
    int nodes = f->plan.nodes;
    printf("outages    %d node%s would be interrupted each %s, as %.3g times in 1,000 node-days "
           "(interrupts=)\n",
           nodes, nodes == 1 ? "" : "s", duration(interval, e->interval), e->interrupts);
    printf(
        "           a checkpoint of %.4g GB stops training for %s s, as %.3g GB/s of storage a "
        "node (storage_gbs=) or %.3g GB/s\n           to the host of a GPU; best each %s to %s\n",
        e->checkpoint / giga, scaling_range(stops, e->stop_high, e->stop_low, 2), e->storage_gbs,
        host_gbs, duration(soon, fmin(e->every_high, e->every_low)),
        duration(late, fmax(e->every_high, e->every_low)));
    printf("           steps that count would be %s%% of a long run: %s tok/s; all of this is "
           "assumed or derived\n",
           scaling_range(share, 100 * e->share_low, 100 * e->share_high, 1),
           scaling_range(rate, e->share_low * f->tok_s_low, e->share_high * f->tok_s_high, 0));
}

void endurance_json(const struct endurance *e, json_t *root)
{
    json_t *figures = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "interval_s", e->interval, "checkpoint_bytes",
        e->checkpoint, "stop_s_low", e->stop_high, "stop_s_high", e->stop_low, "every_s_low",
        fmin(e->every_low, e->every_high), "every_s_high", fmax(e->every_low, e->every_high),
        "goodput_low", e->share_low, "goodput_high", e->share_high);
    json_object_set_new(root, "outages", figures);
}
