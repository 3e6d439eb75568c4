/* SPDX-License-Identifier: Apache-2.0 */
/* A GPT-2: learned positions, layer norm, GELU, biases; a tied head, or one of classes. */
#include "lib/params_internal.h"

#include <math.h>

static void norm_list(struct params_list *list, enum sft_role role, const char *const names[4],
                      int width)
{
    params_norm(list, role, names[0], width);
    params_rows(list, names[1], 1);
    params_bias(list, role, names[2], width);
    params_rows(list, names[3], 1);
}

/* Its matrices are [in,out] in Hugging Face's files. */
static void linear_list(struct params_list *list, enum sft_role role, const char *const names[4],
                        int in, int out)
{
    params_matrix(list, role, names[0], in);
    params_rows(list, names[1], out);
    list->params[list->count - 1].source[0].transposed = true;
    params_bias(list, role, names[2], out);
    params_rows(list, names[3], 1);
}

/* What adds to the stream begins the smaller the more layers there are (OpenAI's gpt-2, and Hugging
 * Face's c_proj). */
static void spread_less(struct params_list *list, int layers)
{
    list->params[list->count - 2].spread /= sqrtf(2 * (float)layers);
}

static void layer_list(const struct sft_preset *s, struct params_list *list)
{
    static const char *const names[][4] = {
        {"layers.%d.attention_norm", "transformer.h.%d.ln_1.weight",
         "layers.%d.attention_norm_bias", "transformer.h.%d.ln_1.bias"},
        {"layers.%d.qkv", "transformer.h.%d.attn.c_attn.weight", "layers.%d.qkv_bias",
         "transformer.h.%d.attn.c_attn.bias"},
        {"layers.%d.o", "transformer.h.%d.attn.c_proj.weight", "layers.%d.o_bias",
         "transformer.h.%d.attn.c_proj.bias"},
        {"layers.%d.ffn_norm", "transformer.h.%d.ln_2.weight", "layers.%d.ffn_norm_bias",
         "transformer.h.%d.ln_2.bias"},
        {"layers.%d.up", "transformer.h.%d.mlp.c_fc.weight", "layers.%d.up_bias",
         "transformer.h.%d.mlp.c_fc.bias"},
        {"layers.%d.down", "transformer.h.%d.mlp.c_proj.weight", "layers.%d.down_bias",
         "transformer.h.%d.mlp.c_proj.bias"},
    };
    int h = s->hidden, q = s->heads * s->head_dim;
    norm_list(list, SFT_ROLE_ATTENTION_NORM, names[0], h);
    linear_list(list, SFT_ROLE_QKV, names[1], h, sft_preset_qkv(s));
    linear_list(list, SFT_ROLE_ATTENTION_OUT, names[2], q, h);
    spread_less(list, s->layers);
    norm_list(list, SFT_ROLE_FFN_NORM, names[3], h);
    linear_list(list, SFT_ROLE_FFN_IN, names[4], h, s->ffn);
    linear_list(list, SFT_ROLE_FFN_OUT, names[5], s->ffn, h);
    spread_less(list, s->layers);
}

/* torch.nn.Linear, which is [out,in] and begins uniform to 1/sqrt(in). */
static void classifier_list(const struct sft_preset *s, struct params_list *list)
{
    params_matrix(list, SFT_ROLE_HEAD, "head", s->hidden);
    params_rows(list, "linear.weight", s->classes);
    params_bias(list, SFT_ROLE_HEAD, "head_bias", s->classes);
    params_rows(list, "linear.bias", 1);
    for (int i = list->count - 2; i < list->count; i++) {
        list->params[i].init = SFT_INIT_UNIFORM;
        list->params[i].spread = 1 / sqrtf((float)s->hidden);
    }
}

void params_gpt2(const struct sft_preset *s, struct params_list *list)
{
    static const char *const last[4] = {"norm", "transformer.ln_f.weight", "norm_bias",
                                        "transformer.ln_f.bias"};
    if (list->unit == 0) {
        params_table(list, SFT_ROLE_EMBEDDING, "embed", s->hidden, s->tied_head);
        params_rows(list, "transformer.wte.weight", s->vocab);
        params_table(list, SFT_ROLE_POSITION, "positions", s->hidden, false);
        params_rows(list, "transformer.wpe.weight", sft_preset_positions(s));
    } else if (list->unit <= s->layers) {
        layer_list(s, list);
    } else {
        norm_list(list, SFT_ROLE_FINAL_NORM, last, s->hidden);
        if (s->classes > 0)
            classifier_list(s, list);
    }
}
