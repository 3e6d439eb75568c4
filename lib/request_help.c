/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/request_help.h"

enum { WORD = 22 }; /* columns of the words */

static void help_models(FILE *out)
{
    fprintf(out, "models:\n");
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++) {
        const char *published = sft_preset_published(p);
        fprintf(out, published[0] == '\0' ? "  %-22s %s\n" : "  %-22s %s, also %s\n", p->name,
                p->title, published);
    }
    fprintf(out, "  %-22s %s\n", sft_preset_auto()->name, sft_preset_auto()->title);
}

static void help_key(FILE *out, const struct sft_field *key, bool option)
{
    char word[64], argument[48], standard[96];
    sft_field_argument(key, argument, sizeof argument);
    sft_field_default(key, standard, sizeof standard);
    int length = snprintf(word, sizeof word, option ? "--%s %s" : "%s=%s", key->name, argument);
    for (char *at = word + 2; option && *at != '\0'; at++)
        if (*at == '_')
            *at = '-';
    fprintf(out, "  %-*s ", WORD, word);
    if (length > WORD)
        fprintf(out, "\n  %*s ", WORD, "");
    fprintf(out, standard[0] == '\0' ? "%s\n" : "%s [%s]\n", key->help, standard);
}

void sft_request_help(FILE *out, bool options)
{
    help_models(out);
    fprintf(out, options ? "\nkeys, in the request or as options:\n" : "\nkeys:\n");
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        help_key(out, key, options);
}

void sft_request_help_srun(FILE *out, const char *program)
{
    fprintf(
        out,
        "usage: %s --sft-bench=MODEL[:NODES][,KEY=VALUE...]\n"
        "       %s --sft-bench=explain[:NODES]   what each task would get, and why\n"
        "       %s --sft-bench=verify[:NODES]    which node is slow, why, and what to type next\n"
        "Fine-tune MODEL on NODES nodes and report its throughput; sft-report shows it again.\n"
        "All of it: man 7 sft-bench\n\n",
        program, program, program);
    sft_request_help(out, false);
    fprintf(out, "\n[]: what is taken where the key is not given\n");
}
