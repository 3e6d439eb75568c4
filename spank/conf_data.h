/* SPDX-License-Identifier: Apache-2.0 */
/* The site's list of data sets: lines `data.NAME = FILE` of sft-bench.conf(5). */
#ifndef SFT_SPANK_CONF_DATA_H
#define SFT_SPANK_CONF_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/request.h"

enum { CONF_DATA_MOST = 32, CONF_DATA_NAME = 32 };

struct conf_data {
    struct conf_data_set {
        char name[CONF_DATA_NAME];
        char path[SFT_REQUEST_PATH]; /* what data= and eval= say in its place */
    } sets[CONF_DATA_MOST];
    int count;
};

/* `key` is "data.NAME": letters, digits, - and _; not "synthetic". A later line replaces an earlier
 * one of the same name. -1: another name, no value, an overlong one, one that is no absolute path,
 * or the list is full. */
int conf_data_set(struct conf_data *data, const char *key, const char *value,
                  struct sft_error *err);

/* The text is a word as a name is one, and there is a list without it: its names, as far as there
 * is room, with ", " between. False otherwise. */
enum { CONF_DATA_NAMES = 256 };
bool conf_data_misses(const struct conf_data *data, const char *text, char names[CONF_DATA_NAMES]);

/* A name of the list becomes its path, in place; anything else stays. */
void conf_data_resolve(const struct conf_data *data, char text[SFT_REQUEST_PATH]);

#endif
