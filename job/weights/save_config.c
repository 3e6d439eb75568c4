/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/save_config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file_write.h"

enum { COPY = 1 << 16 };

/* A licence is passed on with what it covers. */
static const char *const licences[] = {"LICENSE", "LICENSE.txt",   "LICENSE.md",
                                       "NOTICE",  "USE_POLICY.md", NULL};
static const char *const generation[] = {"generation_config.json", NULL};
static const char *const tokenizers[] = {"tokenizer.json",
                                         "tokenizer.model",
                                         "vocab.json",
                                         "merges.txt",
                                         "added_tokens.json",
                                         "tokenizer_config.json",
                                         "chat_template.jinja",
                                         "chat_template.json",
                                         "special_tokens_map.json",
                                         NULL};
/* Of them those that are no tokenizer by themselves. */
enum { BESIDE_TOKENIZER = 5 };

static const char *const *const copied[] = {
    [SAVE_LICENCE] = licences, [SAVE_GENERATION] = generation, [SAVE_TOKENIZER] = tokenizers};

static int path_put(char path[PATH_MAX], const char *folder, const char *name,
                    struct sft_error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
        return 0;
    return sft_error_set(err, "%.200s...: the folder's name is too long", folder);
}

static int bytes_copy(int file, const char *from, struct file_write *out, struct sft_error *err)
{
    char bytes[COPY];
    for (;;) {
        ssize_t got = read(file, bytes, sizeof bytes);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return sft_error_set(err, "cannot read %s: %s", from, strerror(errno));
        file_write_put(out, bytes, got > 0 ? (size_t)got : 0);
    }
}

static int file_copy(const char *from, const char *to, struct sft_error *err)
{
    struct file_write out;
    int file = open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0)
        return sft_error_set(err, "cannot read %s: %s", from, strerror(errno));
    int failed = file_write_open(&out, to, err);
    if (failed == 0) {
        failed = bytes_copy(file, from, &out, err);
        if (file_write_close(&out, true, failed < 0 ? NULL : err) < 0)
            failed = -1;
    }
    close(file);
    return failed;
}

static int files_copy(const char *const *names, const char *folder, const char *to,
                      struct sft_error *err)
{
    for (; *names != NULL; names++) {
        char from[PATH_MAX], into[PATH_MAX];
        if (path_put(from, folder, *names, err) < 0 || path_put(into, to, *names, err) < 0)
            return -1;
        if (access(from, F_OK) == 0 && file_copy(from, into, err) < 0)
            return -1;
    }
    return 0;
}

int save_copies(enum save_besides kind, const char *from, const char *to, struct sft_error *err)
{
    return files_copy(copied[kind], from, to, err);
}

/* By the name that transformers looks for. */
int save_tokenizer(const char *from, const char *to, struct sft_error *err)
{
    char folder[PATH_MAX], into[PATH_MAX];
    struct stat info;
    const char *slash = strrchr(from, '/'), *end = strrchr(from, '.');
    if (stat(from, &info) == 0 && S_ISDIR(info.st_mode))
        return save_copies(SAVE_TOKENIZER, from, to, err);
    bool json = end != NULL && strcmp(end, ".json") == 0;
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - from),
             slash == NULL ? "." : from);
    if (path_put(into, to, json ? "tokenizer.json" : "tokenizer.model", err) < 0 ||
        file_copy(from, into, err) < 0)
        return -1;
    return files_copy(tokenizers + BESIDE_TOKENIZER, folder, to, err);
}

static bool names_have(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

bool save_has(const char *name)
{
    static const char *const own[] = {"README.md",
                                      "config.json",
                                      "adapter_config.json",
                                      "adapter_model.safetensors",
                                      "model.safetensors",
                                      "model.safetensors.index.json",
                                      NULL};
    int part, parts, end = 0;
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        if (names_have(copied[i], name))
            return true;
    return names_have(own, name) ||
           (sscanf(name, "model-%5d-of-%5d.safetensors%n", &part, &parts, &end) == 2 && end > 0 &&
            name[end] == '\0');
}

static json_t *rope_config(const struct sft_rope_scaling *s)
{
    if (s->factor == 0)
        return json_null();
    return json_pack("{s:s, s:f, s:f, s:f, s:i}", "rope_type", "llama3", "factor", s->factor,
                     "low_freq_factor", s->low, "high_freq_factor", s->high,
                     "original_max_position_embeddings", s->positions);
}

static json_t *llama_config(const struct sft_preset *s)
{
    return json_pack(
        "{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:o, s:b, s:s, "
        "s:b, s:b}",
        "architectures", "LlamaForCausalLM", "model_type", "llama", "vocab_size", s->vocab,
        "hidden_size", s->hidden, "num_hidden_layers", s->layers, "num_attention_heads", s->heads,
        "num_key_value_heads", s->kv_heads, "head_dim", s->head_dim, "intermediate_size", s->ffn,
        "max_position_embeddings", s->context, "rms_norm_eps", s->norm_eps, "rope_theta",
        s->rope_theta, "rope_scaling", rope_config(&s->rope_scaling), "tie_word_embeddings",
        s->tied_head, "hidden_act", "silu", "attention_bias", false, "mlp_bias", false);
}

static json_t *gpt2_config(const struct sft_preset *s)
{
    return json_pack("{s:[s], s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:b}",
                     "architectures", "GPT2LMHeadModel", "model_type", "gpt2", "vocab_size",
                     s->vocab, "n_embd", s->hidden, "n_layer", s->layers, "n_head", s->heads,
                     "n_inner", s->ffn, "n_positions", s->context, "n_ctx", s->context,
                     "layer_norm_epsilon", s->norm_eps, "activation_function", "gelu_new",
                     "tie_word_embeddings", true);
}

static json_t *config_of(const struct sft_preset *shape, const char *base, struct sft_error *err)
{
    char path[PATH_MAX];
    json_error_t why;
    if (base == NULL)
        return shape->architecture == SFT_GPT2 ? gpt2_config(shape) : llama_config(shape);
    if (path_put(path, base, "config.json", err) < 0)
        return NULL;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        sft_error_set(err, "%s: %.160s", path, why.text);
    return root;
}

static int json_write(json_t *root, const char *folder, const char *name, struct sft_error *err)
{
    char path[PATH_MAX];
    struct file_write out;
    char *text = root == NULL
                     ? NULL
                     : json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(9));
    int failed = -1;
    if (text == NULL)
        sft_error_set(err, "no memory for %s", name);
    else if (path_put(path, folder, name, err) == 0 && file_write_open(&out, path, err) == 0) {
        file_write_print(&out, "%s\n", text);
        failed = file_write_close(&out, true, err);
    }
    free(text);
    return failed;
}

/* transformers 5 calls it dtype, 4 torch_dtype, and 5 reads that, too. */
int save_config(const struct sft_preset *shape, enum format format, const char *base,
                const char *to, struct sft_error *err)
{
    json_t *root = config_of(shape, base, err);
    const char *key = json_object_get(root, "dtype") != NULL ? "dtype" : "torch_dtype";
    if (root == NULL && base != NULL)
        return -1;
    json_object_set_new(root, key, json_string(format == FORMAT_BF16 ? "bfloat16" : "float32"));
    int failed = json_write(root, to, "config.json", err);
    json_decref(root);
    return failed;
}

static json_t *targets_list(const struct sft_preset *shape)
{
    char names[SFT_ADAPTERS_TEXT], *rest = NULL;
    json_t *list = json_array();
    sft_adapters_names(shape, shape->adapters.targets, names);
    for (char *name = strtok_r(names, "+", &rest); name != NULL; name = strtok_r(NULL, "+", &rest))
        json_array_append_new(list, json_string(name));
    return list;
}

/* A whole number without a point, as PEFT has alpha. */
static json_t *number_of(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
                                                       : json_real(value);
}

/* GPT-2's layers keep their matrices turned (PEFT's fan_in_fan_out). */
int save_adapter_config(const struct sft_preset *shape, const char *base, const char *to,
                        struct sft_error *err)
{
    const struct sft_adapters *a = &shape->adapters;
    json_t *root = json_pack(
        "{s:s, s:s, s:s?, s:n, s:i, s:o, s:f, s:o, s:s, s:b, s:b, s:b, s:b, s:n}", "peft_type",
        "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path", base, "revision", "r", a->rank,
        "lora_alpha", number_of(a->alpha), "lora_dropout", a->dropout, "target_modules",
        targets_list(shape), "bias", "none", "fan_in_fan_out", shape->architecture == SFT_GPT2,
        "use_rslora", a->rank_stabilized, "inference_mode", true, "init_lora_weights", true,
        "modules_to_save");
    int failed = json_write(root, to, "adapter_config.json", err);
    json_decref(root);
    return failed;
}
