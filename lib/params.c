/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/params.h"

#include <stdio.h>
#include <string.h>

#include "lib/params_internal.h"

static void (*const architectures[])(const struct sft_preset *, struct params_list *) = {
    [SFT_LLAMA] = params_llama,
    [SFT_GPT2] = params_gpt2,
    [SFT_LSTM] = params_lstm,
};

static const float spread = 0.02f; /* Llama's and Hugging Face's initializer_range */

static void params_add(struct params_list *list, struct sft_param param)
{
    param.unit = list->unit;
    param.trains = true;
    list->params[list->count++] = param;
}

/* Only as a head's matrix it is a product's operand, too. */
void params_table(struct params_list *list, enum sft_role role, const char *name, int columns,
                  bool head)
{
    params_matrix(list, role, name, columns);
    list->params[list->count - 1].overwritten = head;
}

void params_matrix(struct params_list *list, enum sft_role role, const char *name, int columns)
{
    params_add(list, (struct sft_param){.name = name,
                                        .columns = columns,
                                        .role = role,
                                        .init = SFT_INIT_NORMAL,
                                        .spread = spread,
                                        .decays = true,
                                        .overwritten = true});
}

void params_norm(struct params_list *list, enum sft_role role, const char *name, int columns)
{
    params_add(list, (struct sft_param){
                         .name = name, .columns = columns, .role = role, .init = SFT_INIT_ONES});
}

void params_bias(struct params_list *list, enum sft_role role, const char *name, int columns)
{
    params_add(
        list,
        (struct sft_param){
            .name = name, .columns = columns, .role = role, .bias = true, .init = SFT_INIT_ZEROS});
}

void params_rows(struct params_list *list, const char *source, int rows)
{
    struct sft_param *param = &list->params[list->count - 1];
    int i = 0;
    while (param->source[i].name != NULL)
        i++;
    param->source[i] = (struct sft_source){source, param->rows, rows, false};
    param->rows += rows;
}

static bool lstm_is_consistent(const struct sft_preset *s)
{
    return s->layers > 0 && s->hidden > 0 && s->features > 0 && s->classes > 0 && s->context > 0;
}

int sft_params_check(const struct sft_preset *s, struct sft_error *err)
{
    if (s->architecture == SFT_LSTM && lstm_is_consistent(s))
        return 0;
    if (s->layers < 1 || s->hidden < 1 || s->kv_heads < 1 || s->heads < 1 ||
        s->heads % s->kv_heads != 0 || s->head_dim < 2 || s->head_dim % 2 != 0 || s->vocab < 1 ||
        s->ffn < 1 || s->classes < 0)
        return sft_error_set(err, "%s: the shape is not consistent", s->name);
    return 0;
}

int sft_params_units(const struct sft_preset *shape)
{
    return shape->layers + 2;
}

int sft_params_list(const struct sft_preset *shape, int unit,
                    struct sft_param params[SFT_UNIT_PARAMS])
{
    struct params_list list = {.unit = unit, .params = params};
    architectures[shape->architecture](shape, &list);
    if (shape->adapters.rank > 0)
        params_adapt(shape, &list);
    return list.count;
}

char *sft_param_name(const struct sft_param *param, const char *name, char text[SFT_PARAM_NAME])
{
    static const char weight[] = ".weight";
    const char *number = strstr(name, "%d"), *end = name + strlen(name), *adapter = "";
    char inside[16] = "";
    const char *begin = name, *kind = "";
    if (param->adapter != SFT_ADAPTER_NONE) {
        kind = param->adapter == SFT_ADAPTER_A ? ".lora_A" : ".lora_B";
        const char *last = strrchr(name, '.');
        if (last != NULL && strcmp(last, weight) == 0) {
            adapter = "base_model.model.";
            end = last;
        }
    }
    if (number != NULL) {
        snprintf(inside, sizeof inside, "%d", param->unit - 1);
        begin = number + 2;
    }
    snprintf(text, SFT_PARAM_NAME, "%s%.*s%s%.*s%s%s", adapter,
             (int)(number == NULL ? 0 : number - name), name, inside, (int)(end - begin), begin,
             kind, *end == '\0' ? "" : weight);
    return text;
}

bool sft_param_is_linear(const struct sft_param *param)
{
    enum sft_role role = param->role;
    return !param->bias && param->adapter == SFT_ADAPTER_NONE &&
           (role == SFT_ROLE_QKV || role == SFT_ROLE_ATTENTION_OUT || role == SFT_ROLE_FFN_IN ||
            role == SFT_ROLE_FFN_OUT);
}

uint64_t sft_param_elements(const struct sft_param *param)
{
    return (uint64_t)param->rows * (uint64_t)param->columns;
}

/* Is it counted? */
typedef bool params_filter(const struct sft_param *param);

static bool is_any(const struct sft_param *param)
{
    (void)param;
    return true;
}

static bool is_trained(const struct sft_param *param)
{
    return param->trains;
}

static bool is_frozen(const struct sft_param *param)
{
    return !param->trains;
}

/* A table is a product's operand only as a head's matrix. */
static bool is_multiplied(const struct sft_param *param)
{
    return param->role != SFT_ROLE_POSITION &&
           (param->role != SFT_ROLE_EMBEDDING || param->overwritten);
}

static bool is_multiplied_frozen(const struct sft_param *param)
{
    return is_multiplied(param) && !param->trains;
}

static bool is_head(const struct sft_param *param)
{
    return param->role == SFT_ROLE_HEAD ||
           (param->role == SFT_ROLE_EMBEDDING && param->overwritten);
}

static bool is_adapter(const struct sft_param *param)
{
    return param->adapter != SFT_ADAPTER_NONE;
}

static uint64_t unit_sum(const struct sft_preset *shape, int unit, params_filter *counts)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(shape, unit, params);
    uint64_t sum = 0;
    for (int i = 0; i < count; i++)
        if (counts(&params[i]))
            sum += sft_param_elements(&params[i]);
    return sum;
}

static uint64_t params_sum(const struct sft_preset *shape, params_filter *counts)
{
    uint64_t sum = 0;
    for (int unit = 0; unit < sft_params_units(shape); unit++)
        sum += unit_sum(shape, unit, counts);
    return sum;
}

uint64_t sft_params_unit(const struct sft_preset *shape, int unit)
{
    return unit_sum(shape, unit, is_trained);
}

uint64_t sft_params_unit_frozen(const struct sft_preset *shape, int unit)
{
    return unit_sum(shape, unit, is_frozen);
}

uint64_t sft_params_count(const struct sft_preset *shape)
{
    return params_sum(shape, is_any);
}

uint64_t sft_params_trained(const struct sft_preset *shape)
{
    return params_sum(shape, is_trained);
}

uint64_t sft_params_multiplied(const struct sft_preset *shape)
{
    return params_sum(shape, is_multiplied);
}

uint64_t sft_params_head(const struct sft_preset *shape)
{
    return params_sum(shape, is_head);
}

uint64_t sft_params_adapters(const struct sft_preset *shape)
{
    return params_sum(shape, is_adapter);
}

static double attention_flops(const struct sft_preset *s, double squared_lengths)
{
    return 6.0 * s->layers * s->heads * s->head_dim * squared_lengths;
}

double sft_params_flops(const struct sft_preset *s, double tokens, double squared_lengths)
{
    if (s->architecture == SFT_LSTM)
        return params_lstm_flops(s, tokens, false);
    double all = (double)sft_params_multiplied(s);
    double frozen = (double)params_sum(s, is_multiplied_frozen);
    return (6.0 * all - 2.0 * frozen) * tokens + attention_flops(s, squared_lengths);
}

double sft_params_flops_forward(const struct sft_preset *s, double tokens, double squared_lengths)
{
    if (s->architecture == SFT_LSTM)
        return params_lstm_flops(s, tokens, true);
    double all = (double)sft_params_multiplied(s);
    return 2.0 * all * tokens + attention_flops(s, squared_lengths) / 3;
}

double sft_params_limit(const struct sft_preset *shape, double fast, double slow)
{
    double all = sft_params_flops(shape, 1, 0);
    double head = (double)sft_params_head(shape) * (shape->adapters.rank > 0 ? 4 : 6);
    double exact = head + 6 * (double)sft_params_adapters(shape);
    return all / ((all - exact) / fast + exact / slow);
}
