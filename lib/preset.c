/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/preset.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct sft_preset presets[] = {
    {.name = "tiny",
     .title = "tiny test model",
     .source = "sft-bench's own, for tests",
     .architecture = SFT_LLAMA,
     .vocab = 320, /* 256 bytes and 2 special ids, rounded up to a multiple of 64 */
     .hidden = 128,
     .layers = 4,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 32,
     .ffn = 352,
     .context = 1024,
     .rope_theta = 10000,
     .norm_eps = 1e-5,
     .vocab_grows = true,
     .test = true},
    {.name = "llama-1b",
     .title = "TinyLlama 1.1B",
     .source = "huggingface.co/TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T config.json",
     .architecture = SFT_LLAMA,
     .vocab = 32000,
     .hidden = 2048,
     .layers = 22,
     .heads = 32,
     .kv_heads = 4,
     .head_dim = 64,
     .ffn = 5632,
     .context = 2048,
     .rope_theta = 10000,
     .norm_eps = 1e-5},
    {.name = "llama-7b",
     .title = "Llama 2 7B",
     .source = "huggingface.co/meta-llama/Llama-2-7b-hf config.json",
     .architecture = SFT_LLAMA,
     .vocab = 32000,
     .hidden = 4096,
     .layers = 32,
     .heads = 32,
     .kv_heads = 32,
     .head_dim = 128,
     .ffn = 11008,
     .context = 4096,
     .rope_theta = 10000,
     .norm_eps = 1e-5},
    {.name = "llama-13b",
     .title = "Llama 2 13B",
     .source = "huggingface.co/meta-llama/Llama-2-13b-hf config.json",
     .architecture = SFT_LLAMA,
     .vocab = 32000,
     .hidden = 5120,
     .layers = 40,
     .heads = 40,
     .kv_heads = 40,
     .head_dim = 128,
     .ffn = 13824,
     .context = 4096,
     .rope_theta = 10000,
     .norm_eps = 1e-5},
    {.name = "llama-70b",
     .title = "Llama 2 70B",
     .source = "huggingface.co/meta-llama/Llama-2-70b-hf config.json",
     .architecture = SFT_LLAMA,
     .vocab = 32000,
     .hidden = 8192,
     .layers = 80,
     .heads = 64,
     .kv_heads = 8,
     .head_dim = 128,
     .ffn = 28672,
     .context = 4096,
     .rope_theta = 10000,
     .norm_eps = 1e-5},
    {.name = "llama3-8b",
     .title = "Llama 3 8B",
     .source = "huggingface.co/meta-llama/Meta-Llama-3-8B config.json",
     .architecture = SFT_LLAMA,
     .vocab = 128256,
     .hidden = 4096,
     .layers = 32,
     .heads = 32,
     .kv_heads = 8,
     .head_dim = 128,
     .ffn = 14336,
     .context = 8192,
     .rope_theta = 500000,
     .norm_eps = 1e-5},
    {.name = "llama3-70b",
     .title = "Llama 3 70B",
     .source = "huggingface.co/meta-llama/Meta-Llama-3-70B config.json",
     .architecture = SFT_LLAMA,
     .vocab = 128256,
     .hidden = 8192,
     .layers = 80,
     .heads = 64,
     .kv_heads = 8,
     .head_dim = 128,
     .ffn = 28672,
     .context = 8192,
     .rope_theta = 500000,
     .norm_eps = 1e-5},
    {.name = "gpt2",
     .title = "GPT-2 124M",
     .source = "huggingface.co/openai-community/gpt2 config.json",
     .architecture = SFT_GPT2,
     .vocab = 50257,
     .hidden = 768,
     .layers = 12,
     .heads = 12,
     .kv_heads = 12,
     .head_dim = 64,
     .ffn = 3072,
     .context = 1024,
     .norm_eps = 1e-5,
     .tied_head = true},
    {.name = "gpt2-medium",
     .title = "GPT-2 355M",
     .source = "huggingface.co/openai-community/gpt2-medium config.json",
     .architecture = SFT_GPT2,
     .vocab = 50257,
     .hidden = 1024,
     .layers = 24,
     .heads = 16,
     .kv_heads = 16,
     .head_dim = 64,
     .ffn = 4096,
     .context = 1024,
     .norm_eps = 1e-5,
     .tied_head = true},
    {.name = "gpt2-large",
     .title = "GPT-2 774M",
     .source = "huggingface.co/openai-community/gpt2-large config.json",
     .architecture = SFT_GPT2,
     .vocab = 50257,
     .hidden = 1280,
     .layers = 36,
     .heads = 20,
     .kv_heads = 20,
     .head_dim = 64,
     .ffn = 5120,
     .context = 1024,
     .norm_eps = 1e-5,
     .tied_head = true},
    {.name = "gpt2-xl",
     .title = "GPT-2 1.5B",
     .source = "huggingface.co/openai-community/gpt2-xl config.json",
     .architecture = SFT_GPT2,
     .vocab = 50257,
     .hidden = 1600,
     .layers = 48,
     .heads = 25,
     .kv_heads = 25,
     .head_dim = 64,
     .ffn = 6400,
     .context = 1024,
     .norm_eps = 1e-5,
     .tied_head = true},
    {.name = "gpt2-smoke",
     .title = "GPT-2 124M with 100 classes",
     .source = "SuperBench's pytorch-gpt2-small: 32 sequences of 224 tokens",
     .architecture = SFT_GPT2,
     .vocab = 50257,
     .hidden = 768,
     .layers = 12,
     .heads = 12,
     .kv_heads = 12,
     .head_dim = 64,
     .ffn = 3072,
     .context = 1024,
     .norm_eps = 1e-5,
     .classes = 100,
     .standard = {.seq = 224, .batch = 32, .lr = 1e-5}},
    {.name = "lstm",
     .title = "LSTM 8 x 1000",
     .source = "SuperBench's pytorch-lstm: 1024 sequences of 32 steps",
     .architecture = SFT_LSTM,
     .hidden = 1000,
     .layers = 8,
     .context = 32,
     .classes = 100,
     .features = 224,
     .standard = {.seq = 32, .batch = 1024, .lr = 1e-5, .sgd = true}},
    {.name = "tiny-lstm",
     .title = "tiny test LSTM",
     .source = "sft-bench's own, for tests",
     .architecture = SFT_LSTM,
     .hidden = 48,
     .layers = 2,
     .context = 32,
     .classes = 10,
     .features = 16,
     .test = true,
     .standard = {.seq = 32, .batch = 16}},
    {.name = NULL},
};

const struct sft_preset *sft_preset_all(void)
{
    return presets;
}

const struct sft_preset *sft_preset_auto(void)
{
    static const struct sft_preset any = {
        .name = "auto", .title = "the model of weights=", .source = "weights="};
    return &any;
}

/* Hugging Face's names of models of exactly these shapes, the publisher's own first. */
static const struct {
    const char *name, *published;
} published[] = {
    {"llama-1b", "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T"},
    {"llama-1b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"},
    {"llama-7b", "meta-llama/Llama-2-7b-hf"},
    {"llama-7b", "meta-llama/Llama-2-7b-chat-hf"},
    {"llama-7b", "meta-llama/Llama-2-7b"},
    {"llama-7b", "meta-llama/Llama-2-7b-chat"},
    {"llama-13b", "meta-llama/Llama-2-13b-hf"},
    {"llama-13b", "meta-llama/Llama-2-13b-chat-hf"},
    {"llama-13b", "meta-llama/Llama-2-13b"},
    {"llama-13b", "meta-llama/Llama-2-13b-chat"},
    {"llama-70b", "meta-llama/Llama-2-70b-hf"},
    {"llama-70b", "meta-llama/Llama-2-70b-chat-hf"},
    {"llama-70b", "meta-llama/Llama-2-70b"},
    {"llama-70b", "meta-llama/Llama-2-70b-chat"},
    {"llama3-8b", "meta-llama/Meta-Llama-3-8B"},
    {"llama3-8b", "meta-llama/Meta-Llama-3-8B-Instruct"},
    {"llama3-70b", "meta-llama/Meta-Llama-3-70B"},
    {"llama3-70b", "meta-llama/Meta-Llama-3-70B-Instruct"},
    {"gpt2", "openai-community/gpt2"},
    {"gpt2-medium", "openai-community/gpt2-medium"},
    {"gpt2-large", "openai-community/gpt2-large"},
    {"gpt2-xl", "openai-community/gpt2-xl"},
};

enum { PUBLISHED = sizeof published / sizeof published[0] };

static const struct sft_preset *preset_named(const char *name)
{
    for (const struct sft_preset *p = presets; p->name != NULL; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* Hugging Face takes its names in any case. */
const struct sft_preset *sft_preset_find(const char *name)
{
    for (int i = 0; i < PUBLISHED; i++)
        if (strcasecmp(published[i].published, name) == 0)
            return preset_named(published[i].name);
    return preset_named(name);
}

const char *sft_preset_published(const struct sft_preset *preset)
{
    for (int i = 0; i < PUBLISHED; i++)
        if (strcmp(published[i].name, preset->name) == 0)
            return published[i].published;
    return "";
}

void sft_preset_offer(struct nearest *nearest)
{
    for (const struct sft_preset *p = presets; p->name != NULL; p++)
        nearest_offer(nearest, p->name, p->name);
    for (int i = 0; i < PUBLISHED; i++) {
        nearest_offer(nearest, published[i].published, published[i].name);
        nearest_offer(nearest, strchr(published[i].published, '/') + 1, published[i].name);
    }
}

char *sft_preset_names(char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (const struct sft_preset *p = presets; p->name != NULL && used < size; p++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", p == presets ? "" : ", ", p->name);
    return text;
}

int sft_preset_positions(const struct sft_preset *p)
{
    return p->architecture == SFT_GPT2 ? p->context : 0;
}

int sft_preset_outputs(const struct sft_preset *p)
{
    return p->classes > 0 ? p->classes : p->vocab;
}

bool sft_preset_alike(const struct sft_preset *a, const struct sft_preset *b)
{
    char one[SFT_PRESET_SHAPE], other[SFT_PRESET_SHAPE];
    return strcmp(sft_preset_shape(a, one), sft_preset_shape(b, other)) == 0;
}

static int shape_lstm(const struct sft_preset *p, char text[SFT_PRESET_SHAPE])
{
    return snprintf(text, SFT_PRESET_SHAPE, "LSTM, %d layers of %d, %d features, %d classes",
                    p->layers, p->hidden, p->features, p->classes);
}

static int shape_attention(const struct sft_preset *p, char text[SFT_PRESET_SHAPE])
{
    const struct sft_rope_scaling *s = &p->rope_scaling;
    bool llama = p->architecture == SFT_LLAMA;
    int used =
        snprintf(text, SFT_PRESET_SHAPE,
                 "%s, %d layers of %d, %d/%d heads of %d, ffn %d, vocab %d, eps %g%s",
                 llama ? "Llama" : "GPT-2", p->layers, p->hidden, p->heads, p->kv_heads,
                 p->head_dim, p->ffn, p->vocab, p->norm_eps, p->tied_head ? ", tied head" : "");
    size_t room = SFT_PRESET_SHAPE - (size_t)used;
    if (!llama && p->classes > 0)
        return snprintf(text + used, room, ", %d positions, %d classes", p->context, p->classes);
    if (!llama)
        return snprintf(text + used, room, ", %d positions", p->context);
    if (s->factor == 0)
        return snprintf(text + used, room, ", theta %g", p->rope_theta);
    return snprintf(text + used, room, ", theta %g scaled by %g from %g to %g of %d", p->rope_theta,
                    s->factor, s->low, s->high, s->positions);
}

/* What is longer than there is room for has numbers that no model has. */
char *sft_preset_shape(const struct sft_preset *p, char text[SFT_PRESET_SHAPE])
{
    if (p->architecture == SFT_LSTM)
        shape_lstm(p, text);
    else
        shape_attention(p, text);
    return text;
}

int sft_preset_qkv(const struct sft_preset *p)
{
    return (p->heads + 2 * p->kv_heads) * p->head_dim;
}
