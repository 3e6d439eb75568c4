/* SPDX-License-Identifier: Apache-2.0 */
/* train_dump FILE.json DIR [SEQ SEQUENCES]: do the training (2 sequences of 1024 tokens a step when
 * not said) and write DIR/training.golden, all that compare_training.py needs to do the very same
 * with Hugging Face's model: shape, optimizer, initial weights, every batch, our losses. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/preset.h"
#include "tests/golden/training.h"

struct dump {
    FILE *header, *elements;
    char *header_text, *element_bytes;
    size_t header_size, element_size;
};

static int dump_open(struct dump *dump)
{
    dump->header = open_memstream(&dump->header_text, &dump->header_size);
    dump->elements = open_memstream(&dump->element_bytes, &dump->element_size);
    return dump->header != NULL && dump->elements != NULL ? 0 : -1;
}

static void dump_floats(struct dump *dump, const char *name, int rows, int columns,
                        const float *data)
{
    fprintf(dump->header, "%s %d %d\n", name, rows, columns);
    fwrite(data, sizeof *data, (size_t)rows * (size_t)columns, dump->elements);
}

static void dump_element(struct dump *dump, double value)
{
    float element = (float)value;
    fwrite(&element, sizeof element, 1, dump->elements);
}

static void dump_integers(struct dump *dump, int step, const char *name, const int32_t *data,
                          int count)
{
    fprintf(dump->header, "batch.%d.%s 1 %d\n", step, name, count);
    for (int i = 0; i < count; i++)
        dump_element(dump, data[i]);
}

static void dump_setting(struct dump *dump, const struct training *t)
{
    const struct sft_preset *s = model_shape(t->model);
    const struct optim_options *o = &t->options;
    const float shape[] = {(float)s->vocab,    (float)s->hidden,     (float)s->layers,
                           (float)s->heads,    (float)s->kv_heads,   (float)s->head_dim,
                           (float)s->ffn,      (float)s->rope_theta, (float)s->norm_eps,
                           (float)s->tied_head};
    const float optimizer[] = {(float)o->lr,           (float)o->lr_warmup, (float)o->total_steps,
                               (float)o->beta1,        (float)o->beta2,     (float)o->eps,
                               (float)o->weight_decay, (float)o->clip};
    dump_floats(dump, "shape", 1, (int)(sizeof shape / sizeof *shape), shape);
    dump_floats(dump, "optimizer", 1, (int)(sizeof optimizer / sizeof *optimizer), optimizer);
    dump_floats(dump, "sequences", 1, 1, (const float[]){(float)t->sequences});
}

static int dump_weights(struct dump *dump, const struct training *t)
{
    size_t count;
    const struct model_tensor *tensors = model_tensors(t->model, &count);
    float *data = malloc(model_parameters(t->model) * sizeof *data);
    if (data == NULL)
        return -1;
    device_read_floats(t->device, data, model_weights(t->model));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "weight.%s", tensors[i].name);
        dump_floats(dump, name, tensors[i].param.rows, tensors[i].param.columns,
                    data + tensors[i].offset);
    }
    free(data);
    return 0;
}

static void dump_batch(struct dump *dump, int step, const struct batch *batch)
{
    dump_integers(dump, step, "tokens", batch->tokens, batch->rows);
    dump_integers(dump, step, "targets", batch->targets, batch->rows);
    dump_integers(dump, step, "positions", batch->positions, batch->rows);
    fprintf(dump->header, "batch.%d.documents %d 2\n", step, batch->documents);
    for (int i = 0; i < batch->documents; i++) {
        dump_element(dump, batch->start[i]);
        dump_element(dump, batch->length[i]);
    }
}

static int dump_training(struct dump *dump, struct training *t, struct sft_error *err)
{
    double losses[TRAINING_STEPS];
    dump_setting(dump, t);
    if (dump_weights(dump, t) < 0)
        return sft_error_set(err, "no memory for the weights");
    for (int step = 0; step < TRAINING_STEPS; step++) {
        if (training_step(t, step, &losses[step], err) < 0)
            return -1;
        dump_batch(dump, step, &t->batch);
    }
    fprintf(dump->header, "losses 1 %d\n", TRAINING_STEPS);
    for (int step = 0; step < TRAINING_STEPS; step++)
        dump_element(dump, losses[step]);
    printf("%d steps: the loss drops by %.4f\n", TRAINING_STEPS, training_drop(losses));
    return 0;
}

static int dump_write(struct dump *dump, const char *folder, struct sft_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/training.golden", folder);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return sft_error_set(err, "%s: cannot be written: does the folder exist?", path);
    fflush(dump->header);
    fflush(dump->elements);
    fwrite(dump->header_text, 1, dump->header_size, file);
    fputc('\n', file);
    fwrite(dump->element_bytes, 1, dump->element_size, file);
    int failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return sft_error_set(err, "%s: not written whole: is the disk full?", path);
    return 0;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct training training = {0};
    struct dump dump = {0};
    int status = EXIT_FAILURE;
    int seq = argc == 5 ? atoi(argv[3]) : 1024, sequences = argc == 5 ? atoi(argv[4]) : 2;
    if ((argc != 3 && argc != 5) || seq < 1 || sequences < 1) {
        fprintf(stderr, "usage: train_dump FILE.json DIR [SEQ SEQUENCES]\n");
        return EXIT_FAILURE;
    }
    if (dump_open(&dump) == 0 && training_open(&training, argv[1], seq, sequences, &err) == 0 &&
        dump_training(&dump, &training, &err) == 0 && dump_write(&dump, argv[2], &err) == 0)
        status = EXIT_SUCCESS;
    else
        fprintf(stderr, "train_dump: %s\n", err.text[0] != '\0' ? err.text : "no memory");
    training_close(&training);
    if (dump.header != NULL)
        fclose(dump.header);
    if (dump.elements != NULL)
        fclose(dump.elements);
    free(dump.header_text);
    free(dump.element_bytes);
    return status;
}
