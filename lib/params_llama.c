/* SPDX-License-Identifier: Apache-2.0 */
/* A Llama: RMSNorm, grouped-query attention, SwiGLU, no biases. */
#include "lib/params_list.h"

static void layer_list(const struct sft_preset *s, struct params_list *list)
{
    int h = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    params_norm(list, SFT_ROLE_ATTENTION_NORM, "layers.%d.attention_norm", h);
    params_rows(list, "model.layers.%d.input_layernorm.weight", 1);
    params_matrix(list, SFT_ROLE_QKV, "layers.%d.qkv", h);
    params_rows(list, "model.layers.%d.self_attn.q_proj.weight", q);
    params_rows(list, "model.layers.%d.self_attn.k_proj.weight", kv);
    params_rows(list, "model.layers.%d.self_attn.v_proj.weight", kv);
    params_matrix(list, SFT_ROLE_ATTENTION_OUT, "layers.%d.o", q);
    params_rows(list, "model.layers.%d.self_attn.o_proj.weight", h);
    params_norm(list, SFT_ROLE_FFN_NORM, "layers.%d.ffn_norm", h);
    params_rows(list, "model.layers.%d.post_attention_layernorm.weight", 1);
    params_matrix(list, SFT_ROLE_FFN_IN, "layers.%d.gate_up", h);
    params_rows(list, "model.layers.%d.mlp.gate_proj.weight", s->ffn);
    params_rows(list, "model.layers.%d.mlp.up_proj.weight", s->ffn);
    params_matrix(list, SFT_ROLE_FFN_OUT, "layers.%d.down", s->ffn);
    params_rows(list, "model.layers.%d.mlp.down_proj.weight", h);
}

void params_llama(const struct sft_preset *s, struct params_list *list)
{
    if (list->unit == 0) {
        params_table(list, SFT_ROLE_EMBEDDING, "embed", s->hidden, s->tied_head);
        params_rows(list, "model.embed_tokens.weight", s->vocab);
    } else if (list->unit <= s->layers) {
        layer_list(s, list);
    } else {
        params_norm(list, SFT_ROLE_FINAL_NORM, "norm", s->hidden);
        params_rows(list, "model.norm.weight", 1);
        if (s->tied_head)
            return;
        params_matrix(list, SFT_ROLE_HEAD, "head", s->hidden);
        params_rows(list, "lm_head.weight", s->vocab);
    }
}
