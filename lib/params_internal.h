/* SPDX-License-Identifier: Apache-2.0 */
/* What an architecture lists its parameters with; nobody else includes this. */
#ifndef SFT_LIB_PARAMS_INTERNAL_H
#define SFT_LIB_PARAMS_INTERNAL_H

#include "lib/params.h"

struct params_list {
    int unit, count;
    struct sft_param *params; /* [SFT_UNIT_PARAMS] */
};

/* Each adds one parameter without rows; params_rows then adds those of one tensor of Hugging Face's
 * to it. */
void params_table(struct params_list *list, enum sft_role role, const char *name, int columns,
                  bool head);
void params_matrix(struct params_list *list, enum sft_role role, const char *name, int columns);
void params_norm(struct params_list *list, enum sft_role role, const char *name, int columns);
void params_bias(struct params_list *list, enum sft_role role, const char *name, int columns);
void params_rows(struct params_list *list, const char *source, int rows);

/* Behind what an architecture has added, which is frozen then, the shape's adapters. */
void params_adapt(const struct sft_preset *shape, struct params_list *list);

/* The architectures: each adds the unit's parameters. */
void params_gpt2(const struct sft_preset *shape, struct params_list *list);
void params_llama(const struct sft_preset *shape, struct params_list *list);
void params_lstm(const struct sft_preset *shape, struct params_list *list);

/* FLOPs of an LSTM over so many steps of all sequences together, each shape->context long; of the
 * forward pass, or of both. */
double params_lstm_flops(const struct sft_preset *shape, double steps, bool forward);

#endif
