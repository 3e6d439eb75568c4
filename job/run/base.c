/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/base.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/tokenizer_path.h"
#include "lib/checksum.h"
#include "lib/words.h"
#include "node/hosts.h"

/* What a rank says of its own; text "": it has opened them. */
struct base_word {
    uint64_t sum;
    char text[600];
};

static int differs(const char *key, const char *said, const char *is, struct sft_error *err)
{
    return sft_error_set(err, "%s=%.64s: the adapters of adapter= have %s: leave the key out", key,
                         said, is);
}

static int number_take(const char *key, double *said, double is, struct sft_error *err)
{
    char one[32], other[32];
    if (*said >= 0 && *said != is) {
        snprintf(one, sizeof one, "%g", *said);
        snprintf(other, sizeof other, "%g", is);
        return differs(key, one, other, err);
    }
    *said = is;
    return 0;
}

static int word_take(const char *key, int *said, int is, const char *const *words,
                     struct sft_error *err)
{
    if (*said >= 0 && *said != is)
        return differs(key, words[*said], words[is], err);
    *said = is;
    return 0;
}

static int targets_take(struct sft_request *request, const struct sft_preset *shape,
                        struct sft_error *err)
{
    char is[SFT_ADAPTERS_TEXT];
    unsigned said = shape->adapters.targets;
    sft_adapters_write(shape, shape->adapters.targets, is);
    if (request->lora_targets[0] != '\0' &&
        sft_adapters_read(shape, request->lora_targets, &said, err) < 0)
        return -1;
    if (said != shape->adapters.targets)
        return differs("lora_targets", request->lora_targets, is, err);
    if (strlen(is) >= sizeof request->lora_targets)
        return sft_error_set(err, "adapter=: has too many targets to name");
    strcpy(request->lora_targets, is);
    return 0;
}

/* What they are is the file's word. */
static int adapters_take(struct sft_request *request, const struct sft_preset *shape,
                         struct sft_error *err)
{
    const struct sft_adapters *a = &shape->adapters;
    double rank = request->lora_rank;
    if (number_take("lora_rank", &rank, a->rank, err) < 0 ||
        number_take("lora_alpha", &request->lora_alpha, a->alpha, err) < 0 ||
        word_take("rslora", &request->rslora, a->rank_stabilized, sft_answer_words, err) < 0)
        return -1;
    request->lora_rank = (int)rank;
    if (request->lora_dropout < 0) /* it is of training alone */
        request->lora_dropout = a->dropout;
    return targets_take(request, shape, err);
}

static int adapters_open(struct base *base, struct sft_request *request, struct sft_error *err)
{
    uint64_t sum;
    if (request->adapter[0] == '\0')
        return 0;
    base->adapters = weights_open_adapters(request->adapter, &base->shape, err);
    if (base->adapters == NULL || weights_sum(base->adapters, &sum, err) < 0)
        return -1;
    base->sum = sft_checksum(base->sum, &sum, sizeof sum);
    return adapters_take(request, weights_shape(base->adapters), err);
}

/* What would be drawn knows no texts. */
static bool data_are_drawn(const struct sft_request *request)
{
    static const char drawn[] = "synthetic";
    struct sft_request defaults;
    sft_request_defaults(&defaults, request->preset);
    const char *data = request->data[0] != '\0' ? request->data : defaults.data;
    return strncmp(data, drawn, sizeof drawn - 1) == 0;
}

/* One that cannot be read is told when it is opened, by its file's name. */
static int tokenizer_take(const struct base *base, struct sft_request *request,
                          struct sft_error *err)
{
    if (request->tokenizer[0] != '\0' || data_are_drawn(request))
        return 0;
    char *own = tokenizer_path_find(weights_folder(base->weights), NULL);
    int failed = 0;
    if (own != NULL && strlen(own) >= sizeof request->tokenizer)
        failed = sft_error_set(err, "%.200s...: the tokenizer's name is too long", own);
    else if (own != NULL)
        strcpy(request->tokenizer, own);
    free(own);
    return failed;
}

bool base_lacks_tokenizer(const struct base *base, const struct sft_request *request)
{
    return base->weights != NULL && request->tokenizer[0] == '\0' && !data_are_drawn(request);
}

int base_open(struct base *base, struct sft_request *request, struct sft_error *err)
{
    const struct sft_preset *preset = request->preset;
    memset(base, 0, sizeof *base);
    if (request->weights[0] == '\0')
        return 0;
    base->weights = weights_open(request->weights, err);
    if (base->weights == NULL || weights_sum(base->weights, &base->sum, err) < 0)
        return -1;
    base->shape = *weights_shape(base->weights);
    if (preset != sft_preset_auto()) {
        if (weights_check(base->weights, preset, err) < 0)
            return -1;
        base->shape.name = preset->name;
        base->shape.title = preset->title;
    }
    request->preset = &base->shape;
    return tokenizer_take(base, request, err) < 0 ? -1 : adapters_open(base, request, err);
}

void base_close(struct base *base)
{
    weights_close(base->weights);
    weights_close(base->adapters);
    base->weights = base->adapters = NULL;
}

static bool is_other(const struct base_word *word, const struct base_word *first)
{
    return strcmp(word->text, first->text) != 0 ||
           (word->text[0] == '\0' && word->sum != first->sum);
}

/* The nodes on which a rank's word is this one; returns how many ranks' is. */
static int hosts_of(const struct control *control, const struct base_word *all,
                    const struct base_word *word, char *hosts, size_t size)
{
    struct words names = {0};
    int count = 0;
    for (int rank = 0; rank < control->size; rank++)
        if (!is_other(&all[rank], word)) {
            words_add(&names, "%s", control->hosts[rank]);
            count++;
        }
    hosts_unique(&names);
    hosts_write(&names, hosts, size);
    words_clear(&names);
    return count;
}

/* The first reason by rank, with its nodes; else the first weights that are not rank 0's. */
static int words_judge(const struct control *control, const struct base_word *all, const char *what,
                       struct sft_error *err)
{
    char hosts[256];
    const struct base_word *bad = NULL, *other = NULL;
    for (int rank = control->size - 1; rank >= 0; rank--) {
        bad = all[rank].text[0] != '\0' ? &all[rank] : bad;
        other = is_other(&all[rank], &all[0]) ? &all[rank] : other;
    }
    if (bad == NULL && other == NULL)
        return 0;
    int count = hosts_of(control, all, bad != NULL ? bad : other, hosts, sizeof hosts);
    if (bad == NULL)
        return sft_error_set(err,
                             "%s: weights=%.200s are others there than on %s: copy them again, or "
                             "name a folder that all nodes share",
                             hosts, what, control->hosts[0]);
    if (count == control->size)
        return sft_error_set(err, "%s", bad->text);
    return sft_error_set(err, "%s: %s", hosts, bad->text);
}

int base_agree(struct base *base, struct sft_request *request, struct control *control,
               struct sft_error *err)
{
    struct base_word word = {0}, *all = NULL;
    struct sft_error own = {""};
    if (request->weights[0] == '\0')
        return 0;
    if (base_open(base, request, &own) < 0)
        snprintf(word.text, sizeof word.text, "%s", own.text);
    word.sum = base->sum;
    if (control->rank == 0)
        all = calloc((size_t)control->size, sizeof *all);
    if (control->rank == 0 && all == NULL) /* the others learn it within their limits */
        return sft_error_set(err, "no memory for what %d ranks say", control->size);
    int failed = control_gather(control, &word, sizeof word, all, err), refused = 0;
    own.text[0] = '\0';
    if (failed == 0 && control->rank == 0)
        refused = words_judge(control, all, request->weights, &own) < 0;
    free(all);
    if (failed == 0)
        failed = control_broadcast(control, &refused, sizeof refused, err);
    if (failed == 0 && refused)
        *err = own; /* "" but on rank 0 */
    return failed < 0 || refused ? -1 : 0;
}
