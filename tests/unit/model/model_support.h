/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of tensor, model and optimizer share: random numbers, small shapes, batches. */
#ifndef SFT_TESTS_UNIT_MODEL_MODEL_SUPPORT_H
#define SFT_TESTS_UNIT_MODEL_MODEL_SUPPORT_H

#include "tests/unit/unit.h"

#include "job/data/data.h"
#include "job/model/model.h"

/* Seed of this run: SFT_TEST_SEED, or a fresh one; printed, so that a failure can be repeated. */
void support_seed(void);
double support_uniform(void); /* [0,1) */
double support_normal(void);
int support_between(int least, int most); /* both included */

float *support_random(size_t count, double scale); /* normal numbers, malloc'ed */
float *support_poison(size_t count);               /* NaN, malloc'ed */

/* Host memory as the CPU device's operations take it; they do not write what is their input. */
struct array support_array(const float *data, size_t count);
struct tensor support_matrix(const float *data, int rows, int columns);

/* A Llama of a few thousand parameters with 4 query and 2 key/value heads. */
struct sft_preset support_shape(bool tied);
/* The same of a GPT-2. */
struct sft_preset support_gpt2(void);
/* Each of them by a number. */
enum { SUPPORT_UNTIED, SUPPORT_TIED, SUPPORT_GPT2, SUPPORT_SHAPES };
struct sft_preset support_shape_of(int number);

/* Batches of documents with the given lengths, one behind the other with one row of padding between
 * them and three at the end; a part of the rows of each has targets. */
void support_batch_make(struct batch *batch, const int *lengths, int documents, int vocab);
/* Document d of the batch on its own. */
void support_batch_one(struct batch *one, const struct batch *batch, int d);

/* The CPU device, one for the whole program. Its memory is the host's, so tests reach into it. */
struct device *support_device(void);
/* A model with matrices of standard deviation 0.1 and norms about 1: large enough for
 * every part to matter. */
struct model *support_model(const struct sft_preset *shape, int rows);

/* Where a tensor's values stand in a model that keeps them itself. */
float *support_values(const struct model *m, const struct model_tensor *tensor);

/* Sum of the token losses; a failure fails the test. */
double support_loss(struct model *m, const struct batch *batch);
double support_step(struct model *m, const struct batch *batch, float scale);

/* ||a - b|| / ||b|| */
double support_distance(const float *a, const float *b, size_t count);

#endif
