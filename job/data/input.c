/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/input.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Test models take the tokenizer's vocabulary, the others must hold it. */
static int shape_fit(struct sft_preset *shape, const struct tokenizer *tokenizer,
                     struct sft_error *err)
{
    int vocab = tokenizer_vocab(tokenizer);
    if (vocab <= shape->vocab || shape->classes > 0)
        return 0;
    if (!shape->vocab_grows)
        return sft_error_set(err, "tokenizer %s has %d pieces, %s holds %d: use this model's own",
                             tokenizer_name(tokenizer), vocab, shape->name, shape->vocab);
    shape->vocab = (vocab + 63) / 64 * 64;
    return 0;
}

/* "synthetic": *length 0. "synthetic:N": N. Anything else is a file: -1. */
static int synthetic_read(const char *text, int seq, int *length, struct sft_error *err)
{
    static const char word[] = "synthetic";
    char *end;
    *length = -1;
    if (strncmp(text, word, sizeof word - 1) != 0 ||
        (text[sizeof word - 1] != ':' && text[sizeof word - 1] != '\0'))
        return 0;
    *length = 0;
    if (text[sizeof word - 1] == '\0')
        return 0;
    long value = strtol(text + sizeof word, &end, 10);
    bool digit = text[sizeof word] >= '0' && text[sizeof word] <= '9'; /* no sign, no space */
    if (!digit || *end != '\0' || value < 2 || value > seq)
        return sft_error_set(err, "data=%.64s: documents must have from 2 to seq=%d tokens", text,
                             seq);
    *length = (int)value;
    return 0;
}

/* What a model classifies is drawn, whatever texts a site has. */
static int labelled_open(struct input *input, const struct sft_request *request,
                         struct sft_error *err)
{
    const struct sft_preset *shape = &input->shape;
    if (request->data[0] != '\0' && strcmp(request->data, "synthetic") != 0)
        return sft_error_set(err, "data=%.64s: %s trains on drawn samples: leave data= out",
                             request->data, shape->name);
    input->data =
        data_labelled(shape->vocab, shape->classes, input->plan.seq, input->plan.seed, err);
    return input->data == NULL ? -1 : 0;
}

static struct data *file_open(const struct input *input, const struct sft_request *request,
                              const char *source, struct sft_error *err)
{
    struct sft_request defaults;
    sft_request_defaults(&defaults, request->preset);
    return data_open_as(
        source, input->tokenizer,
        request->template > 0 ? (enum sft_template)request->template : SFT_TEMPLATE_AUTO,
        input->plan.seq, input->plan.seed, request->skip >= 0 ? request->skip : defaults.skip, err);
}

/* What eval= names: a part of the data, or a file that is read as they are. */
static int held_open(struct input *input, const struct sft_request *request, struct sft_error *err)
{
    char *end;
    double part = strtod(request->eval, &end);
    if (request->eval[0] == '\0')
        return 0;
    if (input->shape.classes > 0)
        return sft_error_set(err, "eval=%.64s: %s trains on drawn samples: leave eval= out",
                             request->eval, input->shape.name);
    if (*end == '\0' && !(part > 0 && part < 1))
        return sft_error_set(err,
                             "eval=%.64s: a part of data= lies between 0 and 1, as 0.05; a file of "
                             "that name is ./%.64s",
                             request->eval, request->eval);
    if (*end == '\0')
        input->held = data_hold_out(input->data, part, err);
    else
        input->held = file_open(input, request, request->eval, err);
    return input->held == NULL ? -1 : 0;
}

static int input_open_data(struct input *input, const struct sft_request *request,
                           struct sft_error *err)
{
    const struct sft_plan *plan = &input->plan;
    struct sft_request defaults;
    int length;
    if (input->shape.classes > 0)
        return labelled_open(input, request, err);
    sft_request_defaults(&defaults, request->preset);
    const char *source = request->data[0] != '\0' ? request->data : defaults.data;
    if (synthetic_read(source, plan->seq, &length, err) < 0)
        return -1;
    if (length >= 0)
        input->data = data_synthetic(input->shape.vocab, plan->seq, length, plan->seed, err);
    else
        input->data = file_open(input, request, source, err);
    return input->data == NULL ? -1 : 0;
}

int input_open(struct input *input, const struct sft_request *request, int nodes, int ranks,
               struct sft_error *err)
{
    memset(input, 0, sizeof *input);
    if (sft_plan_make_running(&input->plan, request, nodes, ranks, err) < 0)
        return -1;
    input->shape = *request->preset;
    input->shape.adapters = input->plan.adapters;
    if (input->shape.architecture == SFT_LSTM)
        input->shape.context = input->plan.seq;
    input->tokenizer = tokenizer_open(input->shape.classes > 0 ? "" : request->tokenizer, err);
    if (input->tokenizer == NULL || shape_fit(&input->shape, input->tokenizer, err) < 0)
        return -1;
    if (input_open_data(input, request, err) < 0 || held_open(input, request, err) < 0)
        return -1;
    return sft_plan_epochs(&input->plan, request, data_facts(input->data).packs, err);
}

void input_close(struct input *input)
{
    data_close(input->held);
    data_close(input->data);
    tokenizer_close(input->tokenizer);
    memset(input, 0, sizeof *input);
}
