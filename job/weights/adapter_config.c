/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/adapter_config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file_read.h"

enum { CONFIG_MOST = 1 << 20, RANK_MOST = 1024, TARGETS = 256 };

/* What adapters here are not; said as false, null or empty it is as if it were missing. */
static const char *const others[] = {
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "lora_bias",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "exclude_modules",
    "layers_to_transform",
    "layer_replication",
    "target_parameters",
    "eva_config",
    "corda_config",
    "trainable_token_indices",
    "megatron_config",
    "arrow_config",
    "alora_invocation_tokens",
};

static bool is_said(const json_t *value)
{
    return value != NULL && !json_is_null(value) && !json_is_false(value) &&
           !((json_is_object(value) || json_is_array(value)) && json_object_size(value) == 0 &&
             json_array_size(value) == 0);
}

static int others_refuse(const json_t *root, struct sft_error *err)
{
    const char *kind = json_string_value(json_object_get(root, "peft_type"));
    const json_t *bias = json_object_get(root, "bias");
    const char *word = json_string_value(bias);
    if (kind == NULL || strcmp(kind, "LORA") != 0)
        return sft_error_set(err, "peft_type is %.64s: adapters here are LORA",
                             kind == NULL ? "missing" : kind);
    if (is_said(bias) && (word == NULL || strcmp(word, "none") != 0))
        return sft_error_set(err, "bias is %.64s: adapters here train no biases",
                             word == NULL ? "no text" : word);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (is_said(json_object_get(root, others[i])))
            return sft_error_set(err, "has %s, which adapters here have not", others[i]);
    return 0;
}

static int real_take(const json_t *root, const char *key, double least, double most,
                     double otherwise, double *to, struct sft_error *err)
{
    const json_t *value = json_object_get(root, key);
    *to = otherwise;
    if (value == NULL || json_is_null(value))
        return 0;
    *to = json_number_value(value);
    if (json_is_number(value) && *to >= least && *to <= most)
        return 0;
    return sft_error_set(err, "%s must be a number from %g to %g", key, least, most);
}

/* Names become those of lora_targets=. */
static int targets_take(const json_t *list, const struct sft_preset *shape, unsigned *targets,
                        struct sft_error *err)
{
    char text[TARGETS] = "";
    const char *word = json_string_value(list);
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL || used + strlen(name) + 2 > sizeof text)
            return sft_error_set(err, "target_modules has what is no projection's name");
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "+" : "", name);
    }
    if (word != NULL && strcmp(word, "all-linear") == 0)
        snprintf(text, sizeof text, "all");
    if (text[0] == '\0')
        return sft_error_set(err, "target_modules must be a list of projections' names, or "
                                  "all-linear");
    if (sft_adapters_read(shape, text, targets, err) == 0)
        return 0;
    return sft_error_set(err, "target_modules are %.200s, which are no projections of this model",
                         text);
}

static int config_take(struct sft_adapters *a, const struct sft_preset *shape, const json_t *root,
                       struct sft_error *err)
{
    const json_t *rank = json_object_get(root, "r");
    if (!json_is_object(root))
        return sft_error_set(err, "is no object");
    if (others_refuse(root, err) < 0)
        return -1;
    if (!json_is_integer(rank) || json_integer_value(rank) < 1 ||
        json_integer_value(rank) > RANK_MOST)
        return sft_error_set(err, "r must be a whole number from 1 to %d", RANK_MOST);
    a->rank = (int)json_integer_value(rank);
    a->rank_stabilized = json_is_true(json_object_get(root, "use_rslora"));
    if (real_take(root, "lora_alpha", 1e-3, 1e6, 8, &a->alpha, err) < 0 ||
        real_take(root, "lora_dropout", 0, 0.9, 0, &a->dropout, err) < 0)
        return -1;
    return targets_take(json_object_get(root, "target_modules"), shape, &a->targets, err);
}

int adapter_config_parse(struct sft_adapters *adapters, const struct sft_preset *shape,
                         const char *text, size_t size, struct sft_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    memset(adapters, 0, sizeof *adapters);
    int failed = root == NULL
                     ? sft_error_set(err, "is no JSON: %.160s (line %d)", why.text, why.line)
                     : config_take(adapters, shape, root, err);
    json_decref(root);
    return failed;
}

int adapter_config_read(struct sft_adapters *adapters, const struct sft_preset *shape,
                        const char *path, struct sft_error *err)
{
    size_t size = 0;
    char *text = file_read(path, "adapter", CONFIG_MOST, &size, err);
    if (text == NULL)
        return -1;
    int failed = adapter_config_parse(adapters, shape, text, size, err);
    free(text);
    return failed < 0 ? sft_error_prefix(err, "%s", path) : 0;
}
