/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/options.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "lib/request.h"

static struct spank_option option = {
    .name = CMDLINE_OPTION,
    .arginfo = "model[:nodes][,key=value...]",
    .usage =
        "fine-tune a Llama on these nodes and leave its throughput in the job's comment and "
        "in the accounting; words after -- go to sft-bench-job; --sft-bench=help: models and keys",
    .has_arg = 1,
};

int options_register(spank_t spank, spank_opt_cb_f callback)
{
    option.cb = callback;
    return spank_option_register(spank, &option) == ESPANK_SUCCESS ? 0 : -1;
}

const char *options_value(spank_t spank)
{
    char *value = NULL;
    return spank_option_getopt(spank, &option, &value) == ESPANK_SUCCESS ? value : NULL;
}

bool options_given(spank_t spank)
{
    return options_value(spank) != NULL;
}

bool options_records(spank_t spank, const char *text)
{
    static const char *const idle[] = {"--help", "--version", "--plan", "--check"};
    struct sft_request request;
    char **words = NULL;
    int count = 0;
    if (text != NULL && sft_request_parse(&request, text, NULL) == 0 &&
        request.task == SFT_TASK_EXPLAIN)
        return false;
    if (spank_get_item(spank, S_JOB_ARGV, &count, &words) != ESPANK_SUCCESS)
        return true;
    for (int i = 1; i < count; i++)
        for (size_t k = 0; k < sizeof idle / sizeof idle[0]; k++)
            if (strcmp(words[i], idle[k]) == 0)
                return false;
    return true;
}

void options_forget(void)
{
    unsetenv("_SLURM_SPANK_OPTION_sft_bench_sft_bench");
    unsetenv("SLURM_SPANK__SLURM_SPANK_OPTION_sft_bench_sft_bench");
}

/* Slurm's programs build their getopt tables with slurm_option_table_create(&opt, &letters), the
 * same in every release from 22.05 to 26.05; the result holds the options of SPANK plugins, too.
 * Asking for that very table, we and the program cannot disagree on which word is an option, which
 * one its value and which one an abbreviation. The letters' few bytes are not given back: the name
 * of Slurm's own free() does change. */
typedef struct option *(*table_create_f)(void *program_options, char **letters);
typedef void (*table_destroy_f)(struct option *table);

static struct option *options_table(char **letters)
{
    void *program_options = dlsym(RTLD_DEFAULT, "opt");
    table_create_f create = (table_create_f)dlsym(RTLD_DEFAULT, "slurm_option_table_create");
    return program_options != NULL && create != NULL ? create(program_options, letters) : NULL;
}

static void options_table_free(struct option *table)
{
    table_destroy_f destroy = (table_destroy_f)dlsym(RTLD_DEFAULT, "slurm_option_table_destroy");
    if (destroy != NULL && table != NULL)
        destroy(table);
}

int options_scan(struct cmdline *cmdline, struct sft_error *err)
{
    char *letters = NULL;
    struct option *table = options_table(&letters);
    if (table == NULL || letters == NULL)
        return sft_error_set(err, "this Slurm does not show plugins its table of options: the "
                                  "plugin has to be built for it");
    int rc = cmdline_scan(cmdline, table, letters, err);
    /* The names that were seen stand in Slurm's static text, not in the table. */
    options_table_free(table);
    return rc;
}

bool options_known(const char *name)
{
    char *letters = NULL;
    struct option *table = options_table(&letters);
    bool known = false;
    for (const struct option *o = table; o != NULL && o->name != NULL; o++)
        known = known || strcmp(o->name, name) == 0;
    options_table_free(table);
    return known;
}
