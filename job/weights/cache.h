/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model's files are: a folder, or a name of Hugging Face's whose files its own tools have
 * loaded before. Nothing is loaded here. */
#ifndef SFT_JOB_WEIGHTS_CACHE_H
#define SFT_JOB_WEIGHTS_CACHE_H

#include <limits.h>
#include <stddef.h>

#include "lib/error.h"

enum { CACHE_NAME = 128 };

struct cache_place {
    char folder[PATH_MAX];
    char name[CACHE_NAME];     /* "Llama-2-7b-hf": the last part of the folder's or model's name */
    char repo[2 * CACHE_NAME]; /* "meta-llama/Llama-2-7b-hf"; "": a folder was named */
};

/* `key` is the request's, in messages. `where` is a folder that is there; or a name of Hugging
 * Face's, ours of a model that it has
 * ("llama-7b"), either with @REVISION behind it, found below HF_HUB_CACHE, HF_HOME/hub or
 * ~/.cache/huggingface/hub. Where it is not, err says which command loads it. */
int cache_find(struct cache_place *place, const char *key, const char *where,
               struct sft_error *err);

/* Of a model with a name, behind an error: how it is loaded. -1. */
int cache_advise(const struct cache_place *place, struct sft_error *err);

#endif
