/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the keys that choose among some. */
#include "lib/request.h"

const char *const sft_method_words[] = {
    [SFT_METHOD_FULL] = "full", [SFT_METHOD_LORA] = "lora", [SFT_METHOD_QLORA] = "qlora", NULL};
const char *const sft_base_words[] = {
    [SFT_BASE_DEVICE] = "bf16", [SFT_BASE_FP8] = "fp8", [SFT_BASE_NF4] = "nf4", NULL};
const char *const sft_answer_words[] = {[SFT_ANSWER_NO] = "no", [SFT_ANSWER_YES] = "yes", NULL};
const char *const sft_device_words[] = {
    [SFT_DEVICE_AUTO] = "auto", [SFT_DEVICE_CPU] = "cpu", [SFT_DEVICE_CUDA] = "cuda", NULL};
const char *const sft_precision_words[] = {
    [SFT_PRECISION_AUTO] = "auto", [SFT_PRECISION_BF16] = "bf16", [SFT_PRECISION_FP8] = "fp8",
    [SFT_PRECISION_TF32] = "tf32", [SFT_PRECISION_FP32] = "fp32", NULL};
const char *const sft_scaling_words[] = {
    [SFT_SCALING_TENSOR] = "tensor", [SFT_SCALING_ROW] = "row", NULL};
const char *const sft_optimizer_words[] = {
    [SFT_OPTIMIZER_ADAMW] = "adamw", [SFT_OPTIMIZER_SGD] = "sgd", NULL};
const char *const sft_states_words[] = {
    [SFT_STATES_AUTO] = "auto", [SFT_STATES_FP32] = "fp32", [SFT_STATES_BF16] = "bf16", NULL};
const char *const sft_recompute_words[] = {[SFT_RECOMPUTE_AUTO] = "auto",
                                           [SFT_RECOMPUTE_NONE] = "none",
                                           [SFT_RECOMPUTE_NORMS] = "norms",
                                           [SFT_RECOMPUTE_BLOCK] = "block",
                                           NULL};
const char *const sft_share_words[] = {[SFT_SHARE_AUTO] = "auto",
                                       [SFT_SHARE_0] = "0",
                                       [SFT_SHARE_1] = "1",
                                       [SFT_SHARE_2] = "2",
                                       [SFT_SHARE_3] = "3",
                                       [SFT_SHARE_HYBRID] = "hybrid",
                                       NULL};
const char *const sft_template_words[] = {[SFT_TEMPLATE_AUTO] = "auto",
                                          [SFT_TEMPLATE_ALPACA] = "alpaca",
                                          [SFT_TEMPLATE_LLAMA2] = "llama2",
                                          [SFT_TEMPLATE_LLAMA3] = "llama3",
                                          [SFT_TEMPLATE_LLAMA31] = "llama31",
                                          [SFT_TEMPLATE_CHATML] = "chatml",
                                          NULL};
const char *const sft_bind_words[] = {[SFT_BIND_AUTO] = "auto", [SFT_BIND_NONE] = "none", NULL};
