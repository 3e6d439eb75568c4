/* SPDX-License-Identifier: Apache-2.0 */
/* Model presets: shapes, parameter counts and FLOPs a token. */
#ifndef SFT_LIB_PRESET_H
#define SFT_LIB_PRESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shape of a Llama (RMSNorm, RoPE, grouped-query attention, SwiGLU). All linear layers have
 * no bias. heads is a multiple of kv_heads; hidden == heads * head_dim. */
struct sft_preset {
    const char *name;   /* as the user types it: "llama-7b" */
    const char *title;  /* as people write it: "Llama 2 7B" */
    const char *source; /* where the shape is published */
    int vocab;          /* rows of the embedding table */
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

/* The preset of that name, or NULL. */
const struct sft_preset *sft_preset_find(const char *name);

/* The presets, ended by one whose name is NULL. */
const struct sft_preset *sft_preset_all(void);

/* Write "tiny, llama-7b, ..." into text, for messages. Returns text. */
char *sft_preset_names(char *text, size_t size);

/* All parameters, the embedding table counted once when tied. */
uint64_t sft_preset_parameters(const struct sft_preset *preset);

/* Parameters that a token is multiplied with: all but the look-up of the embedding table.
 * (A tied table counts: it is the head's matrix.) */
uint64_t sft_preset_matmul_parameters(const struct sft_preset *preset);

/* FLOPs of one full fine-tuning step's forward and backward pass over `tokens` tokens standing in
 * documents whose squared lengths add up to `squared_lengths`: 6 a matmul parameter and token, and
 * attention counted causally (half of the square) by document, forward once and backward twice:
 * 6 * layers * heads * head_dim * squared_lengths. Recomputation is not counted. */
double sft_preset_flops(const struct sft_preset *preset, double tokens, double squared_lengths);

#endif
