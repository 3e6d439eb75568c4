/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/config.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file_read.h"
#include "lib/params.h"

enum { CONFIG_MOST = 1 << 20 };

#define MEMBER(member) offsetof(struct sft_preset, member)

/* A whole number of the shape; `otherwise` where the key is missing or null, 0: it must be there.
 */
struct number_key {
    const char *key;
    size_t offset;
    int least, most;
    int otherwise;
};

/* What the model here does one way alone; missing is as it should be. */
struct fixed_key {
    const char *key;
    bool truth;             /* the value, of a truth value, */
    const char *word, *too; /* or of a word either of these */
};

enum { FROM_OTHERS = -1 }; /* follows from other numbers */

static const struct number_key llama_numbers[] = {
    {"vocab_size", MEMBER(vocab), 2, 1 << 22, 0},
    {"hidden_size", MEMBER(hidden), 2, 1 << 17, 0},
    {"num_hidden_layers", MEMBER(layers), 1, 1024, 0},
    {"num_attention_heads", MEMBER(heads), 1, 1024, 0},
    {"num_key_value_heads", MEMBER(kv_heads), 1, 1024, FROM_OTHERS},
    {"head_dim", MEMBER(head_dim), 2, 1024, FROM_OTHERS},
    {"intermediate_size", MEMBER(ffn), 1, 1 << 20, 0},
    {"max_position_embeddings", MEMBER(context), 1, 1 << 24, 2048},
    {NULL, 0, 0, 0, 0},
};

static const struct number_key gpt2_numbers[] = {
    {"vocab_size", MEMBER(vocab), 2, 1 << 22, 0},
    {"n_embd", MEMBER(hidden), 2, 1 << 17, 0},
    {"n_layer", MEMBER(layers), 1, 1024, 0},
    {"n_head", MEMBER(heads), 1, 1024, 0},
    {"n_inner", MEMBER(ffn), 1, 1 << 20, FROM_OTHERS},
    {"n_positions", MEMBER(context), 1, 1 << 24, 0},
    {NULL, 0, 0, 0, 0},
};

static const struct fixed_key llama_fixed[] = {
    {"hidden_act", false, "silu", "swish"},
    {"attention_bias", false, NULL, NULL},
    {"mlp_bias", false, NULL, NULL},
    {NULL, false, NULL, NULL},
};

static const struct fixed_key gpt2_fixed[] = {
    {"activation_function", false, "gelu_new", "gelu_pytorch_tanh"},
    {"scale_attn_weights", true, NULL, NULL},
    {"scale_attn_by_inverse_layer_idx", false, NULL, NULL},
    {"add_cross_attention", false, NULL, NULL},
    {"tie_word_embeddings", true, NULL, NULL},
    {NULL, false, NULL, NULL},
};

static int number_take(struct sft_preset *shape, const json_t *root, const struct number_key *key,
                       struct sft_error *err)
{
    const json_t *value = json_object_get(root, key->key);
    int *number = (int *)((char *)shape + key->offset);
    *number = key->otherwise;
    if ((value == NULL || json_is_null(value)) && key->otherwise != 0)
        return 0;
    if (value == NULL)
        return sft_error_set(err, "%s is missing", key->key);
    json_int_t whole = json_integer_value(value);
    if (!json_is_integer(value) || whole < key->least || whole > key->most)
        return sft_error_set(err, "%s is no whole number from %d to %d", key->key, key->least,
                             key->most);
    *number = (int)whole;
    return 0;
}

static int numbers_take(struct sft_preset *shape, const json_t *root, const struct number_key *keys,
                        struct sft_error *err)
{
    for (; keys->key != NULL; keys++)
        if (number_take(shape, root, keys, err) < 0)
            return -1;
    return 0;
}

static int fixed_check(const json_t *root, const struct fixed_key *keys, struct sft_error *err)
{
    for (; keys->key != NULL; keys++) {
        const json_t *value = json_object_get(root, keys->key);
        const char *word = json_string_value(value);
        if (value == NULL || json_is_null(value))
            continue;
        if (keys->word == NULL
                ? !json_is_boolean(value) || json_is_true(value) != keys->truth
                : word == NULL || (strcmp(word, keys->word) != 0 && strcmp(word, keys->too) != 0))
            return sft_error_set(err, "%s must be %s: another kind of model is not known here",
                                 keys->key,
                                 keys->word != NULL ? keys->word
                                 : keys->truth      ? "true"
                                                    : "false");
    }
    return 0;
}

/* A number above 0 and not above `most`; `otherwise` where it is missing, 0: it must be there. */
static int real_take(double *number, const json_t *root, const char *key, double most,
                     double otherwise, struct sft_error *err)
{
    const json_t *value = json_object_get(root, key);
    *number = value == NULL ? otherwise : json_number_value(value);
    if (value == NULL && otherwise == 0)
        return sft_error_set(err, "%s is missing", key);
    if ((value != NULL && !json_is_number(value)) || !(*number > 0) || *number > most)
        return sft_error_set(err, "%s is no number above 0 and up to %g", key, most);
    return 0;
}

static int scaling_take(struct sft_preset *shape, const json_t *rope, struct sft_error *err)
{
    struct sft_rope_scaling *scaling = &shape->rope_scaling;
    double positions = 0;
    if (real_take(&scaling->factor, rope, "factor", 1e4, 0, err) < 0 ||
        real_take(&scaling->low, rope, "low_freq_factor", 1e4, 0, err) < 0 ||
        real_take(&scaling->high, rope, "high_freq_factor", 1e4, 0, err) < 0 ||
        real_take(&positions, rope, "original_max_position_embeddings", 1 << 24, 0, err) < 0)
        return -1;
    if (scaling->factor < 1 || scaling->high <= scaling->low || positions < 1)
        return sft_error_set(err, "the rotation's scaling has a factor below 1, a low_freq_factor "
                                  "that is not below the high one, or no positions");
    scaling->positions = (int)positions;
    return 0;
}

/* transformers 5 has rope_parameters with the base in it, 4 rope_theta beside rope_scaling, whose
 * kind was called type first. */
static int rope_take(struct sft_preset *shape, const json_t *root, struct sft_error *err)
{
    const double most = 1e12, usual = 10000;
    const json_t *rope = json_object_get(root, "rope_parameters");
    bool with_base = json_object_get(rope, "rope_theta") != NULL;
    if (!json_is_object(rope))
        rope = json_object_get(root, "rope_scaling");
    if (real_take(&shape->rope_theta, with_base ? rope : root, "rope_theta", most, usual, err) < 0)
        return -1;
    if (rope == NULL || json_is_null(rope))
        return 0;
    const char *kind = json_string_value(json_object_get(rope, "rope_type"));
    if (kind == NULL)
        kind = json_string_value(json_object_get(rope, "type"));
    if (kind != NULL && strcmp(kind, "default") == 0)
        return 0;
    if (kind == NULL || strcmp(kind, "llama3") != 0)
        return sft_error_set(err,
                             "the rotation's scaling is of type %.32s: known are default and "
                             "llama3",
                             kind == NULL ? "none" : kind);
    return scaling_take(shape, rope, err);
}

static int llama_take(struct sft_preset *s, const json_t *root, struct sft_error *err)
{
    s->architecture = SFT_LLAMA;
    if (numbers_take(s, root, llama_numbers, err) < 0 || fixed_check(root, llama_fixed, err) < 0 ||
        real_take(&s->norm_eps, root, "rms_norm_eps", 1, 1e-6, err) < 0 ||
        rope_take(s, root, err) < 0)
        return -1;
    if (s->kv_heads == FROM_OTHERS)
        s->kv_heads = s->heads;
    if (s->head_dim == FROM_OTHERS)
        s->head_dim = s->hidden / s->heads;
    const json_t *tied = json_object_get(root, "tie_word_embeddings");
    s->tied_head = json_is_true(tied);
    if (tied != NULL && !json_is_boolean(tied) && !json_is_null(tied))
        return sft_error_set(err, "tie_word_embeddings is neither true nor false");
    return 0;
}

static int gpt2_take(struct sft_preset *s, const json_t *root, struct sft_error *err)
{
    s->architecture = SFT_GPT2;
    s->tied_head = true;
    if (numbers_take(s, root, gpt2_numbers, err) < 0 || fixed_check(root, gpt2_fixed, err) < 0 ||
        real_take(&s->norm_eps, root, "layer_norm_epsilon", 1, 1e-5, err) < 0)
        return -1;
    s->kv_heads = s->heads;
    s->head_dim = s->hidden / s->heads;
    if (s->ffn == FROM_OTHERS)
        s->ffn = 4 * s->hidden;
    if (s->hidden % s->heads != 0)
        return sft_error_set(err, "n_embd %d does not divide by n_head %d", s->hidden, s->heads);
    return 0;
}

static int root_take(struct sft_preset *shape, const json_t *root, struct sft_error *err)
{
    const char *type = json_string_value(json_object_get(root, "model_type"));
    const json_t *quantized = json_object_get(root, "quantization_config");
    if (!json_is_object(root) || type == NULL)
        return sft_error_set(err, "has no model_type: it is no model's");
    if (quantized != NULL && !json_is_null(quantized))
        return sft_error_set(err, "has a quantization_config: name the model that was quantized");
    if (strcmp(type, "llama") == 0)
        return llama_take(shape, root, err);
    if (strcmp(type, "gpt2") == 0)
        return gpt2_take(shape, root, err);
    return sft_error_set(err, "model_type is %.32s: known are llama and gpt2", type);
}

int config_parse(struct sft_preset *shape, const char *text, size_t size, struct sft_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return sft_error_set(err, "is no JSON: %.160s (line %d)", why.text, why.line);
    *shape = (struct sft_preset){.name = "", .title = "", .source = ""};
    int failed = root_take(shape, root, err);
    json_decref(root);
    if (failed == 0 && sft_params_check(shape, NULL) < 0)
        failed = sft_error_set(err,
                               "%d heads and %d key and value heads of %d dimensions do not go "
                               "together",
                               shape->heads, shape->kv_heads, shape->head_dim);
    return failed;
}

int config_read(struct sft_preset *shape, const char *path, struct sft_error *err)
{
    size_t size = 0;
    char *text = file_read(path, "weights", CONFIG_MOST, &size, err);
    if (text == NULL)
        return -1;
    int failed = config_parse(shape, text, size, err);
    free(text);
    return failed < 0 ? sft_error_prefix(err, "%s", path) : 0;
}
