/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of an LSTM and a classifier of the last step: torch.nn.LSTM's parameters, two biases as
 * well, which get the same gradient, and torch.nn.Linear's. Unit 0, the drawn features, has none.
 */
#include "lib/params_internal.h"

#include <math.h>

enum { GATES = 4 };

/* torch's first values: uniform to 1/sqrt(width), biases too. */
static void begin_uniform(struct params_list *list, int width)
{
    struct sft_param *param = &list->params[list->count - 1];
    param->init = SFT_INIT_UNIFORM;
    param->spread = 1 / sqrtf((float)width);
}

static void linear_list(struct params_list *list, enum sft_role role, const char *const names[4],
                        int in, int out, int width)
{
    params_matrix(list, role, names[0], in);
    params_rows(list, names[1], out);
    begin_uniform(list, width);
    params_bias(list, role, names[2], out);
    params_rows(list, names[3], 1);
    begin_uniform(list, width);
}

void params_lstm(const struct sft_preset *s, struct params_list *list)
{
    static const char *const names[][4] = {
        {"layers.%d.in", "lstm.weight_ih_l%d", "layers.%d.in_bias", "lstm.bias_ih_l%d"},
        {"layers.%d.state", "lstm.weight_hh_l%d", "layers.%d.state_bias", "lstm.bias_hh_l%d"},
        {"head", "linear.weight", "head_bias", "linear.bias"},
    };
    int h = s->hidden;
    if (list->unit == 0)
        return;
    if (list->unit > s->layers) {
        linear_list(list, SFT_ROLE_HEAD, names[2], h, s->classes, h);
        return;
    }
    linear_list(list, SFT_ROLE_LSTM_IN, names[0], list->unit == 1 ? s->features : h, GATES * h, h);
    linear_list(list, SFT_ROLE_LSTM_STATE, names[1], h, GATES * h, h);
}

/* Rows that a parameter is multiplied with: all steps; no state comes into a sequence's first step,
 * and the classifier sees its last alone. */
static double param_rows(const struct sft_preset *s, const struct sft_param *p, double steps)
{
    double sequences = steps / s->context;
    if (p->role == SFT_ROLE_HEAD)
        return sequences;
    return p->role == SFT_ROLE_LSTM_STATE && !p->bias ? steps - sequences : steps;
}

/* The features want no gradient. */
static double param_passes(const struct sft_param *p)
{
    return p->role == SFT_ROLE_LSTM_IN && p->unit == 1 && !p->bias ? 2 : 3;
}

double params_lstm_flops(const struct sft_preset *shape, double steps, bool forward)
{
    double sum = 0;
    for (int unit = 0; unit < sft_params_units(shape); unit++) {
        struct sft_param params[SFT_UNIT_PARAMS];
        int count = sft_params_list(shape, unit, params);
        for (int i = 0; i < count; i++)
            sum += 2.0 * (double)sft_param_elements(&params[i]) *
                   param_rows(shape, &params[i], steps) * (forward ? 1 : param_passes(&params[i]));
    }
    return sum;
}
