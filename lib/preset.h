/* SPDX-License-Identifier: Apache-2.0 */
/* Model presets: shapes. */
#ifndef SFT_LIB_PRESET_H
#define SFT_LIB_PRESET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/nearest.h"

/* Which parameters a shape has: lib/params.h. */
enum sft_architecture {
    SFT_LLAMA, /* RMSNorm, RoPE, grouped-query attention, SwiGLU, no biases */
    SFT_GPT2   /* layer norm, learned positions, GELU, biases everywhere, a tied head */
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
    int context; /* longest sequence in training by the publisher, tokens */
    double rope_theta;
    double norm_eps;
    bool tied_head;   /* the head is the embedding table */
    bool vocab_grows; /* takes the tokenizer's size when that is larger (test models only) */
};

/* The preset of that name, ours or one of Hugging Face's ("meta-llama/Llama-2-7b-hf"), or NULL. */
const struct sft_preset *sft_preset_find(const char *name);

/* Hugging Face's name, the publisher's own; "": it has none. */
const char *sft_preset_published(const struct sft_preset *preset);

/* All names, for a word that is none. */
void sft_preset_offer(struct nearest *nearest);

/* The presets, ended by one whose name is NULL. */
const struct sft_preset *sft_preset_all(void);

/* Write "tiny, llama-7b, ..." into text, for messages. Returns text. */
char *sft_preset_names(char *text, size_t size);

/* Positions that the model has learned, which no sequence can be longer than; 0: it rotates, and
 * takes any. */
int sft_preset_positions(const struct sft_preset *preset);

/* Width of a row of q, k and v: (heads + 2 * kv_heads) * head_dim. */
int sft_preset_qkv(const struct sft_preset *preset);

#endif
