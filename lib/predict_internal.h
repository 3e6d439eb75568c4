/* SPDX-License-Identifier: Apache-2.0 */
/* What predictions of different models share; nobody else includes this. */
#ifndef SFT_LIB_PREDICT_INTERNAL_H
#define SFT_LIB_PREDICT_INTERNAL_H

#include "lib/params.h"
#include "lib/predict.h"
#include "lib/roofline.h"

/* Bytes of an element of weights and activations. */
double predict_element(const struct sft_work *work);
/* TFLOP/s of products that are not in FP8. */
double predict_matmul_tflops(const struct sft_work *work, const struct sft_ceiling *ceiling);
/* Seconds of a step: gradients of weights out of their products, and the optimizer. */
double predict_gradients(const struct sft_preset *shape, const struct sft_work *work,
                         const struct sft_ceiling *ceiling);
double predict_optimizer(const struct sft_preset *shape, const struct sft_work *work,
                         const struct sft_ceiling *ceiling);

struct sft_prediction predict_lstm(const struct sft_preset *shape, const struct sft_work *work,
                                   const struct sft_ceiling *ceiling);

#endif
