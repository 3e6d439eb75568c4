/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data.h"

#include <stdlib.h>
#include <string.h>

#include "job/data/data_internal.h"
#include "job/tensor/random.h"

struct data *data_create(const char *source, int seq, int end, uint64_t seed, struct sft_error *err)
{
    struct data *data = calloc(1, sizeof *data);
    if (data != NULL) {
        data->seq = seq;
        data->end = end;
        data->seed = seed;
        data->source = strdup(source);
        data->order = calloc(1, sizeof *data->order);
        if (data->source != NULL && data->order != NULL)
            return data;
    }
    data_close(data);
    sft_error_set(err, "no memory for data");
    return NULL;
}

void data_close(struct data *data)
{
    if (data == NULL)
        return;
    if (data->order != NULL)
        free(data->order->packs);
    free(data->order);
    free(data->packs);
    free(data->members);
    free(data->documents);
    free(data->pool);
    free(data->marks);
    free(data->labels);
    free(data->source);
    free(data);
}

/* Room for `more` elements behind count; twice as much each time. */
static int grow(void **array, size_t *room, size_t count, size_t more, size_t size,
                struct sft_error *err)
{
    if (count + more <= *room)
        return 0;
    size_t wanted = *room * 2 > count + more ? *room * 2 : count + more;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return sft_error_set(err, "no memory for %zu tokens or documents", wanted);
    *array = grown;
    *room = wanted;
    return 0;
}

/* Room for a document, whose tokens are there then and whose marks are 0. */
static int document_begin(struct data *data, const int32_t *tokens, long length, long response,
                          struct sft_error *err)
{
    size_t more = (size_t)length;
    if (grow((void **)&data->pool, &data->pool_room, data->pool_count, more, sizeof *data->pool,
             err) < 0 ||
        grow((void **)&data->marks, &data->marks_room, data->pool_count, more, 1, err) < 0 ||
        grow((void **)&data->documents, &data->room, data->count, 1, sizeof *data->documents, err) <
            0)
        return -1;
    memcpy(data->pool + data->pool_count, tokens, more * sizeof *tokens);
    memset(data->marks + data->pool_count, 0, more);
    data->documents[data->count++] =
        (struct document){data->pool_count, (int)length, (int)response};
    data->pool_count += more;
    return 0;
}

static long length_cut(struct data *data, long length)
{
    if (length <= data->seq)
        return length;
    data->cut++;
    return data->seq;
}

int data_add(struct data *data, const int32_t *tokens, long length, long response,
             struct sft_error *err)
{
    length = length_cut(data, length);
    if (response >= length)
        return 0;
    if (document_begin(data, tokens, length, response, err) < 0)
        return -1;
    memset(data->marks + data->pool_count - (length - response), 1, (size_t)(length - response));
    return 0;
}

int data_add_marked(struct data *data, const int32_t *tokens, const uint8_t *marks, long length,
                    struct sft_error *err)
{
    long response = 1;
    length = length_cut(data, length);
    while (response < length && !marks[response])
        response++;
    if (response >= length)
        return 0;
    if (document_begin(data, tokens, length, response, err) < 0)
        return -1;
    memcpy(data->marks + data->pool_count - length, marks, (size_t)length);
    return 0;
}

int data_add_unmarked(struct data *data, const int32_t *tokens, long length, struct sft_error *err)
{
    return document_begin(data, tokens, length_cut(data, length), length, err);
}

struct data_facts data_facts(const struct data *data)
{
    double all = (double)data->pack_count * data->seq;
    return (struct data_facts){
        .records = (long)data->count,
        .cut = (long)data->cut,
        .tokens = (long)data->pool_count,
        .skipped = data->faults.bad.count + data->faults.empty.count,
        .mended = data->mended,
        .packs = (long)data->pack_count,
        .fill = (double)data->pool_count / all,
        .mean_length = (double)data->pool_count / (double)data->count,
        .workload = data->workload != NULL ? data->workload : "",
        .drawn = data->drawn,
        .source = data->source,
        .checksum = data->checksum,
    };
}

void data_skipped(const struct data *data, char *text, size_t size)
{
    faults_tell(&data->faults, text, size);
}

/* The packs' order in an epoch, from the seed and the epoch alone. */
static const uint32_t *order_of(const struct data *data, uint64_t epoch)
{
    struct order *order = data->order;
    if (order->epoch == epoch + 1)
        return order->packs;
    struct random random = {random_mix(data->seed, epoch)};
    for (uint32_t i = 0; i < data->pack_count; i++) {
        uint32_t j = random_below(&random, i + 1);
        order->packs[i] = order->packs[j];
        order->packs[j] = i;
    }
    order->epoch = epoch + 1; /* 0: none yet */
    return order->packs;
}

static void fill_document(const struct data *data, const struct document *document, int row,
                          struct batch *batch)
{
    const int32_t *tokens = data->pool + document->first;
    const uint8_t *marks = data->marks + document->first;
    for (int i = 0; i < document->length; i++) {
        bool trained = i + 1 < document->length && marks[i + 1];
        batch->tokens[row + i] = tokens[i];
        batch->targets[row + i] = trained ? tokens[i + 1] : -1;
        batch->positions[row + i] = i;
        batch->trained += trained;
    }
    if (data->labels != NULL) {
        batch->targets[row + document->length - 1] = data->labels[document - data->documents];
        batch->trained++;
    }
    batch->start[batch->documents] = row;
    batch->length[batch->documents++] = document->length;
    batch->real += document->length;
    batch->squared_lengths += (double)document->length * document->length;
}

static void fill_sequence(const struct data *data, const struct pack *pack, int row,
                          struct batch *batch)
{
    int end = row + data->seq;
    for (int i = 0; i < pack->count; i++) {
        const struct document *document = &data->documents[data->members[pack->first + (size_t)i]];
        fill_document(data, document, row, batch);
        row += document->length;
    }
    for (; row < end; row++) {
        batch->tokens[row] = data->end;
        batch->targets[row] = -1;
        batch->positions[row] = 0;
    }
}

static void batch_clear(const struct data *data, uint64_t first, struct batch *batch)
{
    batch->documents = 0;
    batch->real = batch->trained = 0;
    batch->squared_lengths = 0;
    batch->first = first * (uint64_t)data->seq;
}

void data_fill_once(const struct data *data, uint64_t first, int sequences, struct batch *batch)
{
    static const struct pack empty = {0, 0, 0};
    batch_clear(data, first, batch);
    for (int i = 0; i < sequences; i++) {
        uint64_t number = first + (uint64_t)i;
        bool is_there = number < data->pack_count;
        fill_sequence(data, is_there ? &data->packs[number] : &empty, i * data->seq, batch);
        if (is_there)
            continue;
        batch->start[batch->documents] = i * data->seq;
        batch->length[batch->documents++] = 1;
    }
}

void data_fill(const struct data *data, uint64_t first, int sequences, struct batch *batch)
{
    batch_clear(data, first, batch);
    for (int i = 0; i < sequences; i++) {
        uint64_t number = first + (uint64_t)i;
        const uint32_t *order = order_of(data, number / data->pack_count);
        fill_sequence(data, &data->packs[order[number % data->pack_count]], i * data->seq, batch);
    }
}
