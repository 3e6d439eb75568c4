/* SPDX-License-Identifier: Apache-2.0 */
/* The library's tables and the manual say the same. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/params.h"
#include "lib/preset.h"
#include "lib/request.h"

static char page[1 << 17];

static const char *read_page(const char *name)
{
    const char *root = getenv("SFT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s is not there", path);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    return page;
}

static void expect_line(const char *name, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof whole, "\n%s", line);
    if (strstr(page, whole) == NULL)
        fail_msg("%s has no line '%s'", name, line);
}

static void test_request_keys(void **state)
{
    (void)state;
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        char line[256], option[64], value[64];
        sft_field_argument(key, value, sizeof value);
        snprintf(line, sizeof line, ".It Cm %s Ns = Ns Ar %s\n", key->name, value);
        read_page("man/sft-bench.7");
        expect_line("man/sft-bench.7", line);
        snprintf(option, sizeof option, "%s", key->name);
        for (char *c = option; *c != '\0'; c++)
            *c = *c == '_' ? '-' : *c;
        snprintf(line, sizeof line, ".It Fl Fl %s Ar %s\n", option, value);
        read_page("man/sft-bench-job.1");
        expect_line("man/sft-bench-job.1", line);
    }
}

/* Parameter counts with commas, as the table has them. */
static void write_grouped(char *text, size_t size, unsigned long long number)
{
    char digits[32];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%llu", number), used = 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

static void test_models(void **state)
{
    (void)state;
    read_page("man/sft-bench.7");
    for (const struct sft_preset *preset = sft_preset_all(); preset->name != NULL; preset++) {
        char line[256], parameters[64];
        write_grouped(parameters, sizeof parameters, sft_params_count(preset));
        snprintf(line, sizeof line, ".It Li %s Ta %s Ta %d Ta %d Ta %d/%d Ta %d Ta %d\n",
                 preset->name, parameters, preset->layers, preset->hidden, preset->heads,
                 preset->kv_heads, preset->vocab, preset->context);
        expect_line("man/sft-bench.7", line);
    }
}

/* A word that stands alone in the text: not a part of a longer one. */
static bool has_word(const char *text, const char *word)
{
    static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        if ((at == text || strchr(letters, at[-1]) == NULL) &&
            (at[strlen(word)] == '\0' || strchr(letters, at[strlen(word)]) == NULL))
            return true;
    return false;
}

static void test_completion(void **state)
{
    (void)state;
    static const char *const files[] = {"sft-bench.bash", "sft-bench-job", "sft-report",
                                        "sft-sweep"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "contrib/completion/%s", files[i]);
        read_page(path);
        for (const struct sft_preset *preset = sft_preset_all(); preset->name != NULL; preset++)
            if (!has_word(page, preset->name))
                fail_msg("%s does not know the model %s", path, preset->name);
    }
    read_page("contrib/completion/sft-bench.bash");
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        if (!has_word(page, key->name))
            fail_msg("sft-bench.bash does not know the key %s", key->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_keys),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
