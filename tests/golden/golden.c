/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/golden.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "golden files hold little-endian floats"
#endif

static int header_read(struct golden *golden, FILE *file)
{
    char line[128];
    while (fgets(line, sizeof line, file) != NULL && line[0] != '\n') {
        struct golden_tensor t = {.rows = 0};
        if (sscanf(line, "%63s %d %d", t.name, &t.rows, &t.columns) != 3 || t.rows < 1 ||
            t.columns < 1 || t.rows > (1 << 24) / t.columns)
            return -1;
        struct golden_tensor *more = realloc(golden->tensors, (golden->count + 1) * sizeof *more);
        if (more == NULL)
            return -1;
        golden->tensors = more;
        golden->tensors[golden->count++] = t;
    }
    return golden->count > 0 ? 0 : -1;
}

static int elements_read(struct golden *golden, FILE *file)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < golden->count; i++)
        total += (size_t)golden->tensors[i].rows * (size_t)golden->tensors[i].columns;
    golden->data = malloc(total * sizeof *golden->data);
    if (golden->data == NULL || fread(golden->data, sizeof *golden->data, total, file) != total ||
        fgetc(file) != EOF)
        return -1;
    for (size_t i = 0; i < golden->count; i++) {
        golden->tensors[i].data = golden->data + at;
        at += (size_t)golden->tensors[i].rows * (size_t)golden->tensors[i].columns;
    }
    return 0;
}

int golden_read(struct golden *golden, const char *path)
{
    memset(golden, 0, sizeof *golden);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    int failed = header_read(golden, file);
    if (failed == 0)
        failed = elements_read(golden, file);
    fclose(file);
    if (failed < 0)
        fprintf(stderr, "%s: not a golden file, or not whole\n", path);
    return failed;
}

void golden_free(struct golden *golden)
{
    free(golden->tensors);
    free(golden->data);
    memset(golden, 0, sizeof *golden);
}

const struct golden_tensor *golden_find(const struct golden *golden, const char *format, ...)
{
    char name[64];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (size_t i = 0; i < golden->count; i++)
        if (strcmp(golden->tensors[i].name, name) == 0)
            return &golden->tensors[i];
    return NULL;
}

struct sft_preset golden_shape(const struct golden *golden)
{
    const struct golden_tensor *shape = golden_find(golden, "shape");
    const float *n = shape->data;
    bool gpt2 = shape->columns > 10 && n[10] != 0;
    return (struct sft_preset){
        .name = "golden",
        .architecture = gpt2 ? SFT_GPT2 : SFT_LLAMA,
        .context = gpt2 ? (int)n[11] : 0,
        .vocab = (int)n[0],
        .hidden = (int)n[1],
        .layers = (int)n[2],
        .heads = (int)n[3],
        .kv_heads = (int)n[4],
        .head_dim = (int)n[5],
        .ffn = (int)n[6],
        .rope_theta = n[7],
        .norm_eps = n[8],
        .tied_head = n[9] != 0,
    };
}

struct optim_options golden_optimizer(const struct golden *golden)
{
    const float *n = golden_find(golden, "optimizer")->data;
    return (struct optim_options){
        .lr = n[0],
        .lr_warmup = (int)n[1],
        .total_steps = (int)n[2],
        .beta1 = n[3],
        .beta2 = n[4],
        .eps = n[5],
        .weight_decay = n[6],
        .clip = n[7],
    };
}

static void whole_numbers(int32_t *out, const float *in, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = (int32_t)in[i];
}

int golden_batch(const struct golden *golden, int number, struct batch *batch)
{
    const struct golden_tensor *tokens = golden_find(golden, "batch.%d.tokens", number);
    const struct golden_tensor *documents = golden_find(golden, "batch.%d.documents", number);
    if (tokens == NULL || documents == NULL || batch_create(batch, tokens->columns, NULL) < 0)
        return -1;
    int rows = tokens->columns;
    whole_numbers(batch->tokens, tokens->data, rows);
    whole_numbers(batch->targets, golden_find(golden, "batch.%d.targets", number)->data, rows);
    whole_numbers(batch->positions, golden_find(golden, "batch.%d.positions", number)->data, rows);
    batch->documents = documents->rows;
    batch->real = batch->trained = 0;
    for (int i = 0; i < documents->rows; i++) {
        batch->start[i] = (int32_t)documents->data[2 * i];
        batch->length[i] = (int32_t)documents->data[2 * i + 1];
        batch->real += batch->length[i];
        batch->squared_lengths += (double)batch->length[i] * batch->length[i];
    }
    for (int row = 0; row < rows; row++)
        batch->trained += batch->targets[row] >= 0;
    return 0;
}

void golden_write(struct device *device, struct model *model, const struct model_tensor *tensor,
                  const float *data)
{
    size_t count = sft_param_elements(&tensor->param), bytes;
    struct array to = array_part(model_weights(model), tensor->offset, count);
    if (!tensor->param.trains)
        to = (struct array){device->format, (char *)model_base(model, &bytes) + tensor->offset,
                            count};
    device_write_floats(device, to, data);
}

int golden_set_weights(const struct golden *golden, struct device *device, struct model *model)
{
    size_t count;
    const struct model_tensor *tensors = model_tensors(model, &count);
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].param.adapter != SFT_ADAPTER_NONE)
            continue;
        const struct golden_tensor *from = golden_find(golden, "weight.%s", tensors[i].name);
        if (from == NULL || from->rows != tensors[i].param.rows ||
            from->columns != tensors[i].param.columns) {
            fprintf(stderr, "%s: not in the golden file in this size\n", tensors[i].name);
            return -1;
        }
        golden_write(device, model, &tensors[i], from->data);
    }
    return 0;
}
