/* SPDX-License-Identifier: Apache-2.0 */
/* keys FILE: the file with its lists of keys as the library's rows have them, on standard output. A
 * list stands between a line with "keys: WHAT" and one with "keys: end". `make update-keys` writes
 * them; tests/cli/test_keys.sh fails where one is old. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/preset.h"
#include "lib/request.h"
#include "node/conf_fabric.h"
#include "spank/conf.h"

#define COLUMNS 100

/* Words with spaces between, in lines that begin with `indent` but for the first. */
static void print_wrapped(const char *text, const char *indent)
{
    size_t column = 0;
    for (size_t length; *text != '\0'; text += length + (text[length] == ' ')) {
        length = strcspn(text, " ");
        if (column > 0 && column + 1 + length > COLUMNS)
            column = (size_t)printf("\n%s", indent) - 1;
        else if (column > 0)
            column += (size_t)printf(" ");
        column += (size_t)printf("%.*s", (int)length, text);
    }
}

/* A help text as one of the manual's sentences. */
static void print_sentence(const char *help)
{
    char text[512];
    size_t used = 0;
    bool open = false;
    for (const char *c = help; *c != '\0' && used < sizeof text - 8; c++)
        if (*c == '`')
            used += (size_t)sprintf(text + used, (open = !open) ? "\\(lq" : "\\(rq");
        else
            text[used++] = (char)(c == help ? toupper((unsigned char)*c) : *c);
    strcpy(text + used, ".");
    print_wrapped(text, "");
    putchar('\n');
}

static void print_facts(const struct sft_field *key, bool range)
{
    char standard[128];
    print_sentence(key->help);
    if (sft_field_default(key, standard, sizeof standard)[0] != '\0')
        printf("Default: %s.\n", standard);
    if (range && key->max > key->min)
        printf("From %.16g to %.16g.\n", key->min, key->max);
}

static void print_request(void)
{
    char argument[64];
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        sft_field_argument(key, argument, sizeof argument);
        printf(".It Cm %s Ns = Ns Ar %s\n", key->name, argument);
        print_facts(key, true);
    }
}

static void print_options(void)
{
    char argument[64];
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        printf(".It Fl Fl ");
        for (const char *c = key->name; *c != '\0'; c++)
            putchar(*c == '_' ? '-' : *c);
        printf(" Ar %s\n", sft_field_argument(key, argument, sizeof argument));
        print_facts(key, false);
    }
}

/* The site's file of examples: what stands behind # is the default, or an example. */
static void print_site_keys(const struct sft_field *table)
{
    char text[512], standard[128];
    for (const struct sft_field *key = table; key->name != NULL; key++) {
        if (key->scope == SFT_SCOPE_ARGUMENT)
            continue;
        snprintf(text, sizeof text, "%s# %c%s.", key == conf_keys() + 1 ? "" : "\n",
                 toupper((unsigned char)key->help[0]), key->help + 1);
        size_t used = strlen(text);
        if (key->example != NULL && sft_field_default(key, standard, sizeof standard)[0] != '\0')
            snprintf(text + used, sizeof text - used, " Default: %s.", standard);
        print_wrapped(text, "# ");
        printf("\n#%s = %s\n", key->name, key->example != NULL ? key->example : key->standard);
    }
}

static void print_site(void)
{
    print_site_keys(conf_keys());
    print_site_keys(conf_fabric_keys());
}

static void print_models(void)
{
    printf("_sft_bench_models=\"");
    for (const struct sft_preset *preset = sft_preset_all(); preset->name != NULL; preset++)
        printf("%s%s", preset == sft_preset_all() ? "" : " ", preset->name);
    printf("\"\n");
}

/* For bash: the keys in their order, and of each the words, or its argument's name. */
static void print_completion(void)
{
    char text[1024] = "", value[64];
    print_models();
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                 key == sft_request_keys() ? "_sft_bench_keys=\"" : " ", key->name);
    print_wrapped(text, "    ");
    printf("\"\ndeclare -gA _sft_bench_values=(\n");
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        sft_field_words(key, " ", value, sizeof value);
        printf("    [%s]=\"%s\"\n", key->name, value[0] != '\0' ? value : key->argument);
    }
    printf(")\n");
}

static const struct {
    const char *name;
    void (*print)(void);
} lists[] = {
    {"request", print_request}, {"options", print_options},       {"site", print_site},
    {"models", print_models},   {"completion", print_completion},
};

#define LISTS (sizeof lists / sizeof lists[0])

/* The name behind "keys: " in a comment's line, NULL: another line. */
static const char *marker(char *line)
{
    static const char *const signs[] = {"# keys: ", ".\\\" keys: "};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (strncmp(line, signs[i], strlen(signs[i])) == 0)
            return line + strlen(signs[i]);
    return NULL;
}

static bool list_print(const char *name)
{
    size_t length = strcspn(name, "\n");
    for (size_t i = 0; i < LISTS; i++)
        if (strlen(lists[i].name) == length && strncmp(name, lists[i].name, length) == 0) {
            lists[i].print();
            return true;
        }
    return false;
}

/* Nonzero: a list without a name that is known, or without its end; or no list at all. */
static int file_print(FILE *file)
{
    char line[4096];
    bool inside = false, any = false;
    while (fgets(line, sizeof line, file) != NULL) {
        const char *name = marker(line);
        if (name != NULL)
            inside = strcmp(name, "end\n") != 0;
        if (!inside || name != NULL)
            fputs(line, stdout);
        if (name != NULL && inside && !list_print(name))
            return 1;
        any = any || name != NULL;
    }
    return inside || !any;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (file == NULL || file_print(file) != 0) {
        fprintf(stderr, "keys: %s: no file with lists of keys\n", argc == 2 ? argv[1] : "no name");
        return EXIT_FAILURE;
    }
    fclose(file);
    return EXIT_SUCCESS;
}
