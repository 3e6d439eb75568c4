/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/params.h"

#include <stdio.h>
#include <string.h>

#include "lib/params_list.h"

static void (*const architectures[])(const struct sft_preset *, struct params_list *) = {
    [SFT_LLAMA] = params_llama,
    [SFT_GPT2] = params_gpt2,
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

int sft_params_check(const struct sft_preset *s, struct sft_error *err)
{
    if (s->layers < 1 || s->hidden < 1 || s->kv_heads < 1 || s->heads < 1 ||
        s->heads % s->kv_heads != 0 || s->head_dim < 2 || s->head_dim % 2 != 0 || s->vocab < 1 ||
        s->ffn < 1)
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
    return list.count;
}

char *sft_param_name(const struct sft_param *param, const char *name, char text[SFT_PARAM_NAME])
{
    const char *number = strstr(name, "%d");
    if (number == NULL)
        snprintf(text, SFT_PARAM_NAME, "%s", name);
    else
        snprintf(text, SFT_PARAM_NAME, "%.*s%d%s", (int)(number - name), name, param->unit - 1,
                 number + 2);
    return text;
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

static bool is_multiplied(const struct sft_param *param)
{
    return param->role != SFT_ROLE_POSITION &&
           (param->role != SFT_ROLE_EMBEDDING || param->overwritten);
}

static bool is_head(const struct sft_param *param)
{
    return param->role == SFT_ROLE_HEAD ||
           (param->role == SFT_ROLE_EMBEDDING && param->overwritten);
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
    return unit_sum(shape, unit, is_any);
}

uint64_t sft_params_count(const struct sft_preset *shape)
{
    return params_sum(shape, is_any);
}

uint64_t sft_params_multiplied(const struct sft_preset *shape)
{
    return params_sum(shape, is_multiplied);
}

uint64_t sft_params_head(const struct sft_preset *shape)
{
    return params_sum(shape, is_head);
}

double sft_params_flops(const struct sft_preset *s, double tokens, double squared_lengths)
{
    double attention = 6.0 * s->layers * s->heads * s->head_dim * squared_lengths;
    return 6.0 * (double)sft_params_multiplied(s) * tokens + attention;
}
