/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/adapters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/params.h"

enum { PROJECTIONS = 16, NAME = 32 };

/* What a layer has of them, in the order of their bits. */
struct projection {
    enum sft_role role;
    char name[NAME]; /* "self_attn.q_proj" */
};

/* "model.layers.%d.self_attn.q_proj.weight" */
static void name_of(const char *source, char name[NAME])
{
    const char *begin = strstr(source, "%d.") + 3, *end = strrchr(source, '.');
    snprintf(name, NAME, "%.*s", (int)(end - begin), begin);
}

static int projections_list(const struct sft_preset *shape, struct projection list[PROJECTIONS])
{
    struct sft_preset bare = *shape;
    struct sft_param params[SFT_UNIT_PARAMS];
    bare.adapters = (struct sft_adapters){.rank = 0};
    int all = sft_params_list(&bare, 1, params), count = 0;
    for (int i = 0; i < all; i++)
        for (int s = 0; sft_param_is_linear(&params[i]) && s < SFT_PARAM_SOURCES; s++) {
            if (params[i].source[s].name == NULL)
                break;
            list[count].role = params[i].role;
            name_of(params[i].source[s].name, list[count++].name);
        }
    return count;
}

/* Is the name the module's, or its end? */
static bool name_fits(const char *module, const char *name)
{
    size_t all = strlen(module), length = strlen(name);
    if (length == 0 || length > all || strcmp(module + all - length, name) != 0)
        return false;
    return length == all || module[all - length - 1] == '.';
}

static const char *const words[] = {"all", "attention", "qv"};
enum { WORDS = sizeof words / sizeof words[0] };

/* Of the word: 0 where the model has no such projections apart. */
static unsigned word_targets(const struct projection *list, int count, int word)
{
    unsigned targets = 0;
    for (int i = 0; i < count; i++) {
        bool attention = list[i].role == SFT_ROLE_QKV || list[i].role == SFT_ROLE_ATTENTION_OUT;
        bool qv = name_fits(list[i].name, "q_proj") || name_fits(list[i].name, "v_proj");
        if (word == 0 || (word == 1 && attention) || (word == 2 && qv))
            targets |= 1u << i;
    }
    return targets;
}

/* Its last word where that names no other: "q_proj", but "mlp.c_proj". */
static const char *name_short(const struct projection *list, int count, int which)
{
    const char *dot = strrchr(list[which].name, '.');
    for (int i = 0; i < count && dot != NULL; i++)
        if (i != which && name_fits(list[i].name, dot + 1))
            return list[which].name;
    return dot == NULL ? list[which].name : dot + 1;
}

/* The targets' names with that between. */
static void names_join(const struct projection *list, int count, unsigned targets,
                       const char *between, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && used < size; i++)
        if ((targets & 1u << i) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? between : "",
                                     name_short(list, count, i));
}

static int name_unknown(const struct projection *list, int count, const char *name,
                        struct sft_error *err)
{
    char known[256];
    names_join(list, count, ~0u, ", ", known, sizeof known);
    return sft_error_set(err,
                         "lora_targets=%.64s: the model has no such projection: use all, "
                         "attention, qv, or names of %s joined by '+'",
                         name, known);
}

static int name_add(const struct projection *list, int count, const char *name, unsigned *targets,
                    struct sft_error *err)
{
    unsigned found = 0;
    for (int i = 0; i < count; i++)
        if (name_fits(list[i].name, name))
            found |= 1u << i;
    if (found == 0)
        return name_unknown(list, count, name, err);
    if ((*targets & found) != 0)
        return sft_error_set(err, "lora_targets: %.64s stands twice; say it once", name);
    *targets |= found;
    return 0;
}

int sft_adapters_read(const struct sft_preset *shape, const char *text, unsigned *targets,
                      struct sft_error *err)
{
    struct projection list[PROJECTIONS];
    int count = projections_list(shape, list);
    for (int word = 0; word < WORDS; word++)
        if (strcmp(text, words[word]) == 0) {
            *targets = word_targets(list, count, word);
            return *targets != 0 ? 0 : name_unknown(list, count, text, err);
        }
    *targets = 0;
    for (bool more = true; more;) {
        char name[NAME];
        size_t length = strcspn(text, "+");
        snprintf(name, sizeof name, "%.*s", (int)(length < NAME ? length : NAME - 1), text);
        more = text[length] == '+';
        text += length + 1;
        if (name_add(list, count, name, targets, err) < 0)
            return -1;
    }
    return 0;
}

char *sft_adapters_write(const struct sft_preset *shape, unsigned targets,
                         char text[SFT_ADAPTERS_TEXT])
{
    struct projection list[PROJECTIONS];
    int count = projections_list(shape, list);
    for (int word = 0; word < WORDS; word++)
        if (targets != 0 && targets == word_targets(list, count, word)) {
            snprintf(text, SFT_ADAPTERS_TEXT, "%s", words[word]);
            return text;
        }
    names_join(list, count, targets, "+", text, SFT_ADAPTERS_TEXT);
    return text;
}

char *sft_adapters_names(const struct sft_preset *shape, unsigned targets,
                         char text[SFT_ADAPTERS_TEXT])
{
    struct projection list[PROJECTIONS];
    names_join(list, projections_list(shape, list), targets, "+", text, SFT_ADAPTERS_TEXT);
    return text;
}

double sft_base_bits(enum sft_base base)
{
    (void)base;
    return 16;
}

double sft_adapters_scale(const struct sft_adapters *a)
{
    if (a->rank == 0)
        return 0;
    return a->alpha / (a->rank_stabilized ? sqrt(a->rank) : a->rank);
}
