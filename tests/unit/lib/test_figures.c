/* SPDX-License-Identifier: Apache-2.0 */
/* The record's figures: their rows, and that sft-record(5) says what the rows say. */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/figures.h"

static char page[1 << 17];

static int read_page(void **state)
{
    (void)state;
    const char *root = getenv("SFT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/man/sft-record.5", root == NULL ? "." : root);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    return fclose(file);
}

static void test_rows(void **state)
{
    (void)state;
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        assert_ptr_equal(sft_figure_find(figure->name), figure); /* no name twice */
        assert_true(figure->unit != NULL && figure->help[0] != '\0');
        for (int view = 0; view < SFT_VIEWS; view++)
            if (figure->show[view].place != 0 && view != SFT_DEFINITIONS)
                assert_non_null(figure->show[view].title);
    }
    assert_null(sft_figure_find("no_such_key"));
}

/* A view with more figures than are counted would lose some, and two at one place have no order. */
static void test_views(void **state)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    (void)state;
    for (enum sft_view view = 0; view < SFT_VIEWS; view++) {
        size_t all = 0, count = sft_figures_shown(view, shown);
        for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++)
            all += figure->show[view].place != 0;
        assert_true(count > 0 && count == all);
        for (size_t i = 1; i < count; i++)
            assert_true(shown[i - 1]->show[view].place < shown[i]->show[view].place);
    }
}

static void reads(const char *key, const char *text, enum sft_type type, double number)
{
    long long whole = 0;
    double real = 0;
    enum sft_type got = sft_figure_read(sft_figure_find(key), text, &whole, &real);
    if (got != type)
        fail_msg("%s=%s is taken for %s", key, text, sft_type_name(got));
    if (type != SFT_TEXT)
        assert_true((type == SFT_INTEGER ? (double)whole : real) == number);
}

/* The row decides, not what the text looks like. */
static void test_types(void **state)
{
    (void)state;
    reads("nodes", "2", SFT_INTEGER, 2);
    reads("nodes", "2.5", SFT_TEXT, 0);
    reads("nodes", "4e0", SFT_TEXT, 0);
    reads("parameters", "6738415616", SFT_INTEGER, 6738415616);
    reads("tok_s", "237732", SFT_REAL, 237732);
    reads("tok_s", "0.25", SFT_REAL, 0.25);
    reads("tok_s", "1e400", SFT_TEXT, 0);
    reads("tok_s", "nan", SFT_TEXT, 0);
    reads("zero", "0", SFT_TEXT, 0);
    reads("step", "12.10", SFT_TEXT, 0);
    reads("data_sum", "1234567890123456", SFT_TEXT, 0);
    reads("slow_host", "10", SFT_TEXT, 0);
    reads("ranks_ms", "10.5", SFT_TEXT, 0);
    reads("future", "12", SFT_INTEGER, 12);
    reads("future", "1.5", SFT_REAL, 1.5);
    reads("future", "x", SFT_TEXT, 0);
}

/* The item's text without its macros, one line; ends before the next item. */
static void item_text(const char *item, char *text, size_t size)
{
    size_t used = 0;
    for (const char *line = strchr(item, '\n') + 1; used + 2 < size; line++) {
        if (strncmp(line, ".It Va ", 7) == 0 || strncmp(line, ".El", 3) == 0)
            break;
        line += *line == '.' ? strcspn(line, " \n") + 1 : 0;
        for (; *line != '\n' && used + 2 < size; line++) {
            used -= used > 0 && text[used - 1] == ' ' && strchr(",.:", *line) != NULL;
            text[used++] = *line;
        }
        text[used++] = ' ';
    }
    text[used] = '\0';
}

/* Each row is an item, in the rows' order, and there is no other item. */
static void test_manual(void **state)
{
    (void)state;
    const char *item = page;
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        char line[256], text[512];
        const char *keep = sft_keep_name(figure->keep);
        snprintf(line, sizeof line, ".It Va %s Pq %s, %s%s%s%s%s\n", figure->name,
                 sft_type_name(figure->type), sft_origin_name(figure->origin),
                 *figure->unit == '\0' ? "" : ", ", figure->unit, *keep == '\0' ? "" : ", ", keep);
        item = strstr(item + 1, "\n.It Va ");
        if (item == NULL || strncmp(item + 1, line, strlen(line)) != 0)
            fail_msg("sft-record(5) has not '%s' but '%.60s'", line, item == NULL ? "" : item + 1);
        item_text(item + 1, text, sizeof text);
        if (tolower((unsigned char)text[0]) != tolower((unsigned char)figure->help[0]) ||
            strncmp(text + 1, figure->help + 1, strlen(figure->help) - 1) != 0)
            fail_msg("sft-record(5) says of %s '%.90s', not '%s'", figure->name, text,
                     figure->help);
    }
    assert_null(strstr(item + 1, "\n.It Va "));
}

/* A derived figure without its formula cannot be judged. */
static void test_formulas(void **state)
{
    (void)state;
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        char item[64];
        snprintf(item, sizeof item, "\n.It Va %s Pq", figure->name);
        const char *text = strstr(page, item), *end = strstr(text + 1, "\n.It Va");
        if (end == NULL)
            end = strstr(text, "\n.El");
        const char *formula = strstr(text, "Formula: ");
        if (figure->origin == SFT_DERIVED && *figure->unit != '\0')
            assert_true(formula != NULL && formula < end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_views),
        cmocka_unit_test(test_types),    cmocka_unit_test(test_manual),
        cmocka_unit_test(test_formulas),
    };
    return cmocka_run_group_tests_name("figures", tests, read_page, NULL);
}
