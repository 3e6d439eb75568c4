/* SPDX-License-Identifier: Apache-2.0 */
/* Model presets: shapes. */
#ifndef SFT_LIB_PRESET_H
#define SFT_LIB_PRESET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/adapters.h"
#include "lib/nearest.h"

/* Which parameters a shape has: lib/params.h. */
enum sft_architecture {
    SFT_LLAMA, /* RMSNorm, RoPE, grouped-query attention, SwiGLU, no biases */
    SFT_GPT2,  /* layer norm, learned positions, GELU, biases everywhere, a tied head */
    SFT_LSTM   /* layers of torch.nn.LSTM over drawn features, and a class by the last step */
};

/* How Llama 3.1 and later stretch the rotation's long wavelengths beyond what was trained first
 * (transformers' rope_type "llama3"): a wavelength above positions / low is multiplied with factor,
 * one below positions / high stays, those between pass from one to the other. factor 0: none. */
struct sft_rope_scaling {
    double factor, low, high;
    int positions; /* the first training's longest sequence, tokens */
};

/* Defaults of the keys seq, micro_batch with global_batch a rank, lr and optimizer; 0: the keys'.
 */
struct sft_standard {
    int seq, batch;
    double lr;
    bool sgd;
};

/* heads is a multiple of kv_heads; heads * head_dim may differ from hidden. */
struct sft_preset {
    const char *name;   /* as the user types it: "llama-7b" */
    const char *title;  /* as people write it: "Llama 2 7B" */
    const char *source; /* where the shape is published */
    enum sft_architecture architecture;
    int vocab; /* rows of the embedding table */
    int hidden;
    int layers;
    int heads;    /* query heads */
    int kv_heads; /* key and value heads */
    int head_dim;
    int ffn;     /* width of the SwiGLU */
    int context; /* longest sequence in training by the publisher, tokens; of an LSTM as it runs the
                    steps of a sequence */
    double rope_theta;
    struct sft_rope_scaling rope_scaling;
    double norm_eps;
    bool tied_head;   /* the head is the embedding table */
    bool vocab_grows; /* takes the tokenizer's size when that is larger (test models only) */
    /* Of a model that classifies: its head has so many rows, each sample is one sequence of drawn
     * values, and has one target, at its last step. 0: it predicts each next token. */
    int classes;
    int features; /* of an LSTM: width of its first layer's input, numbers drawn for each step */
    bool test;    /* for tests: the keys' defaults are others */
    struct sft_standard standard; /* where it is trained otherwise than the keys' defaults are */
    struct sft_adapters adapters; /* of a model as it runs; a preset itself has none */
};

/* The preset of that name, ours or one of Hugging Face's ("meta-llama/Llama-2-7b-hf"), or NULL. */
const struct sft_preset *sft_preset_find(const char *name);

/* Hugging Face's name, the publisher's own; "": it has none. */
const char *sft_preset_published(const struct sft_preset *preset);

/* Stands for the model of weights=, whose shape nobody knows before they are read: "auto", without
 * a layer. None of sft_preset_all, and found by no name. */
const struct sft_preset *sft_preset_auto(void);

/* All names, for a word that is none. */
void sft_preset_offer(struct nearest *nearest);

/* The presets, ended by one whose name is NULL. */
const struct sft_preset *sft_preset_all(void);

/* Write "tiny, llama-7b, ..." into text, for messages. Returns text. */
char *sft_preset_names(char *text, size_t size);

/* Positions that the model has learned, which no sequence can be longer than; 0: it rotates, and
 * takes any. */
int sft_preset_positions(const struct sft_preset *preset);

/* Rows of its head. */
int sft_preset_outputs(const struct sft_preset *preset);

/* Does the one compute what the other does, of the same numbers? Names aside. */
bool sft_preset_alike(const struct sft_preset *a, const struct sft_preset *b);

/* "Llama, 32 layers of 4096, 32/8 heads of 128, ffn 14336, vocab 128256, ...", so that shapes that
 * are not alike have other texts. Returns text. */
enum { SFT_PRESET_SHAPE = 256 };
char *sft_preset_shape(const struct sft_preset *preset, char text[SFT_PRESET_SHAPE]);

/* Width of a row of q, k and v: (heads + 2 * kv_heads) * head_dim. */
int sft_preset_qkv(const struct sft_preset *preset);

#endif
