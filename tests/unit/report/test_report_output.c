/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/csv.h"
#include "accounts/json.h"
#include "accounts/load.h"
#include "report/table.h"
#include "accounts/text.h"

static void load_fixture(struct rows *rows, const char *name)
{
    const char *root = getenv("SFT_SRCDIR");
    struct filter filter = {.job_count = 0};
    char path[4096];
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/tests/fixtures/%s", root == NULL ? "." : root, name);
    rows_init(rows);
    if (load_file(rows, &filter, path, &err) < 0)
        fail_msg("%s", err.text);
}

/* One job whose admin comment is the given text. */
static void load_comment(struct rows *rows, const char *comment)
{
    struct filter filter = {.job_count = 0};
    char text[8192];
    snprintf(text, sizeof text,
             "{\"jobs\": [{\"job_id\": 7, \"name\": \"a,b\", \"user\": \"u\", \"comment\": "
             "{\"administrator\": \"%s\"}}]}",
             comment);
    rows_init(rows);
    assert_int_equal(load_json(rows, &filter, "text", text, strlen(text), NULL), 0);
}

enum form { TABLE, CSV, JSON };

static char *output(const struct rows *rows, enum form form, int width)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (form == TABLE)
        table_write(rows, width, out);
    else
        assert_int_equal(form == CSV ? csv_write(rows, out, NULL) : json_write(rows, out, NULL), 0);
    fclose(out);
    return text;
}

/* Line `number` (from 0) of a text, in a static buffer. */
static const char *line_of(const char *text, int number)
{
    static char line[4096];
    while (number-- > 0)
        text = strchr(text, '\n') + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

static void test_table_fits(void **state)
{
    (void)state;
    struct rows rows;
    load_fixture(&rows, "sacct-22.05.json");
    for (int width = 60; width <= 240; width++) {
        char *text = output(&rows, TABLE, width);
        for (int i = 0; i < 11; i++) {
            const char *line = line_of(text, i);
            if (text_width(line) > width || line[strlen(line) - 1] == ' ')
                fail_msg("width %d: '%s'", width, line);
        }
        free(text);
    }
    rows_clear(&rows);
}

/* In a column of numbers every cell ends below the title's last letter. */
static void test_table_alignment(void **state)
{
    (void)state;
    struct rows rows;
    load_fixture(&rows, "sacct-22.05.json");
    rows_sort(&rows, "job", NULL);
    char *text = output(&rows, TABLE, 0);
    size_t speed = (size_t)(strstr(line_of(text, 0), "SPEED") - line_of(text, 0)) + 5;
    assert_memory_equal(line_of(text, 1) + speed - 8, "tokens/s", 8);
    assert_memory_equal(line_of(text, 2) + speed - 7, " 236120", 7);
    assert_memory_equal(line_of(text, 3) + speed - 7, " 236120", 7);
    assert_memory_equal(line_of(text, 9) + speed - 2, " -", 2); /* job 109 has none */
    assert_memory_equal(line_of(text, 2) + speed, "  ", 2);
    free(text);
    rows_clear(&rows);
}

static void test_table_notes(void **state)
{
    (void)state;
    struct rows rows;
    load_fixture(&rows, "sacct-22.05.json");
    char *text = output(&rows, TABLE, 80);
    assert_non_null(strstr(text, "\nP  partial: "));
    assert_non_null(strstr(text, "\nS  synthetic: "));
    assert_non_null(strstr(text, "\nE  edited: "));
    assert_non_null(strstr(text, "\nC  comment: "));
    assert_non_null(strstr(text, "\n109.0: data: /home/suzuki/a.json: No such file\n"));
    assert_non_null(strstr(text, " more columns: --wide\n"));
    free(text);
    rows_clear(&rows);

    load_comment(&rows, "sft1{step=7.0 state=complete model=tiny}");
    text = output(&rows, TABLE, 80);
    assert_null(strstr(text, "partial"));
    assert_null(strstr(text, "MARK")); /* no mark, no column; the same for other empty ones */
    assert_null(strstr(text, "SPEED"));
    free(text);
    rows_clear(&rows);
}

/* A comment cannot send control sequences to the terminal, nor break the line. */
static void test_table_is_safe(void **state)
{
    (void)state;
    struct rows rows;
    load_comment(
        &rows,
        "sft1{step=7.%1B%0A model=%1B]0;x%07%C2%9B31m%E2%80%AE state=failed fail=a%0Ab%1B[2J}");
    char *text = output(&rows, TABLE, 80);
    for (const char *c = text; *c != '\0'; c++)
        assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_non_null(strstr(text, "a?b?[2J"));
    free(text);
    rows_clear(&rows);
}

static void test_table_numbers(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"16", "16"},        {"237732", "237732"}, {"19193.8", "19194"}, {"612.44", "612.4"},
        {"61.987", "61.99"}, {"4.8812", "4.881"},  {"0.0391", "0.039"},  {"0.0000123", "1.23e-05"},
        {"0.0", "0.000"},    {"many", "many"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[64];
        table_number(pairs[i][0], text, sizeof text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void test_wide_characters(void **state)
{
    (void)state;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    assert_int_equal(text_width("学習"), 4);
    struct rows rows;
    load_comment(&rows, "sft1{step=7.0 state=complete model=%E5%AD%A6%E7%BF%92 nodes=2}");
    char *text = output(&rows, TABLE, 80);
    assert_string_equal(line_of(text, 0), "JOB  STATE     MODEL  NODES  USER");
    assert_string_equal(line_of(text, 2), "7.0  complete  学習       2  u");
    free(text);
    rows_clear(&rows);
    /* what turns the order of writing around, and a control character of two bytes */
    char turned[] = "a\xe2\x80\xae"
                    "b\xe2\x81\xa6"
                    "c\xc2\x9b"
                    "d\xe5\xad\xa6";
    text_make_printable(turned);
    assert_string_equal(turned, "a?b?c?d\xe5\xad\xa6");
    setlocale(LC_CTYPE, "C");
}

static void test_csv_quotes(void **state)
{
    (void)state;
    struct rows rows;
    load_comment(&rows, "sft1{step=7.0 model=x%22y data=a%2Cb fail=one%0Atwo zz_new=1}");
    char *text = output(&rows, CSV, 0);
    assert_int_equal(strncmp(text, "job_id,step_id,run_state,trust,job_name,", 40), 0);
    assert_non_null(strstr(text, ",zz_new\r\n7,0,unknown,published,\"a,b\",UNKNOWN,u,"));
    assert_non_null(strstr(text, ",\"x\"\"y\","));
    assert_non_null(strstr(text, ",\"a,b\","));
    assert_non_null(strstr(text, ",one?two,1\r\n"));
    free(text);
    rows_clear(&rows);
}

static void csv_is(const char *field, const char *expected)
{
    char text[256];
    FILE *out = fmemopen(text, sizeof text, "w");
    csv_field(field, out);
    putc('\0', out);
    fclose(out);
    assert_string_equal(text, expected);
}

/* What a spreadsheet would run is a text there; numbers stay numbers. */
static void test_csv_is_no_formula(void **state)
{
    (void)state;
    csv_is("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0");
    csv_is("@SUM(A1,A2)", "\"'@SUM(A1,A2)\"");
    csv_is("+1", "'+1"); /* as JSON writes no number */
    csv_is("-cmd", "'-cmd");
    csv_is("  =1", "  '=1");
    csv_is("\t=1", "?=1");
    csv_is("\r=1", "?=1");
    csv_is("x;=1; -2", "\"x;'=1; '-2\"");
    csv_is("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\"");
    csv_is("\xef\xbc\x9d"
           "1",
           "'\xef\xbc\x9d"
           "1"); /* full width, as a Japanese spreadsheet reads it */
    csv_is("-12", "-12");
    csv_is("-0.25", "-0.25");
    csv_is("-1e-05", "-1e-05");
    csv_is("-inf", "'-inf");
    csv_is("a=b", "a=b");
    csv_is("", "");
}

static void test_csv_is_plain(void **state)
{
    (void)state;
    csv_is("a\x1b[31m\x07\x7f\nb", "a?[31m???b");
    csv_is("\xc2\x9b"
           "31m",
           "?31m");
    csv_is("a\xe2\x80\xae"
           "b\xe2\x80\xa8"
           "c\xe2\x81\xa6",
           "a?b?c?"); /* direction, a line's end, isolation */
    csv_is("\xff\xe5\xad", "???");
    csv_is("\xe5\xad\xa6\xe7\xbf\x92 \xf0\x9f\x98\x80",
           "\xe5\xad\xa6\xe7\xbf\x92 \xf0\x9f\x98\x80");
}

/* A job's own name, as its owner gives it, and a record's value. */
static void test_csv_of_hostile_jobs(void **state)
{
    (void)state;
    char job[] =
        "{\"jobs\": [{\"job_id\": 7, \"name\": \"=1+1\\u001b\\n8,complete\", \"cluster\": \"@c\","
        " \"partition\": \"-p\", \"user\": \"+u\", \"comment\": {\"administrator\": "
        "\"sft1{step=7.0 model==cmd loss_last=-0.5 fail=@x}\"}}]}";
    struct rows rows;
    rows_init(&rows);
    assert_int_equal(load_json(&rows, &(struct filter){0}, "x", job, strlen(job), NULL), 0);
    assert_int_equal(rows.count, 1);
    char *text = output(&rows, CSV, 0);
    assert_contains(text, ",\"'=1+1??8,complete\",UNKNOWN,'+u,,'@c,'-p,");
    assert_contains(text, ",'=cmd,");
    assert_contains(text, ",-0.5,");
    assert_contains(text, ",'@x\r\n");
    free(text);
    rows_clear(&rows);
}

static void test_csv_is_square(void **state)
{
    (void)state;
    struct rows rows;
    load_fixture(&rows, "sacct-22.05.json");
    char *text = output(&rows, CSV, 0);
    int first = -1, commas = 0, lines = 0;
    bool quoted = false;
    for (const char *c = text; *c != '\0'; c++) {
        quoted ^= *c == '"';
        commas += *c == ',' && !quoted;
        if (*c != '\n')
            continue;
        assert_true(c[-1] == '\r');
        first = first < 0 ? commas : first;
        assert_int_equal(commas, first);
        commas = 0;
        lines++;
    }
    assert_int_equal(lines, 10);
    free(text);
    rows_clear(&rows);
}

static void test_json(void **state)
{
    (void)state;
    struct rows rows;
    load_fixture(&rows, "sacct-22.05.json");
    rows_sort(&rows, "job", NULL);
    char *text = output(&rows, JSON, 0);
    json_t *root = json_loads(text, 0, NULL), *first = json_array_get(root, 0);
    assert_int_equal(json_array_size(root), 9);
    const json_t *record = json_object_get(first, "record");
    assert_int_equal(json_integer_value(json_object_get(first, "job_id")), 101);
    assert_true(json_integer_value(json_object_get(record, "nodes")) == 2);
    assert_true(json_real_value(json_object_get(record, "tflops")) == 612.4);
    assert_string_equal(json_string_value(json_object_get(record, "step")), "101.0");
    const json_t *origin = json_object_get(first, "origin"), *unit = json_object_get(first, "unit");
    assert_string_equal(json_string_value(json_object_get(origin, "step_ms")), "measured");
    assert_string_equal(json_string_value(json_object_get(origin, "tok_s")), "derived");
    assert_string_equal(json_string_value(json_object_get(origin, "seq")), "configured");
    assert_string_equal(json_string_value(json_object_get(origin, "mem_plan_gib")), "estimated");
    assert_string_equal(json_string_value(json_object_get(unit, "mfu")), "%");
    assert_string_equal(json_string_value(json_object_get(json_array_get(root, 4), "trust")),
                        "edited");
    json_decref(root);
    free(text);
    rows_clear(&rows);
}

static void test_json_of_anything(void **state)
{
    (void)state;
    struct rows rows;
    load_comment(&rows,
                 "sft1{step=7.0 model=%FF%22%5C%0A version=010 tok_s=1e400 hosts=10 zz_new=12}");
    char *text = output(&rows, JSON, 0);
    json_t *root = json_loads(text, 0, NULL);
    const json_t *record = json_object_get(json_array_get(root, 0), "record");
    assert_string_equal(json_string_value(json_object_get(record, "model")), "?\"\\\n");
    assert_string_equal(json_string_value(json_object_get(record, "tok_s")), "1e400");
    assert_string_equal(json_string_value(json_object_get(record, "hosts")), "10");
    assert_true(json_is_integer(json_object_get(record, "zz_new")));
    json_decref(root);
    free(text);
    rows_clear(&rows);
    text = output(&rows, JSON, 0);
    assert_string_equal(text, "[]\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_fits),       cmocka_unit_test(test_table_alignment),
        cmocka_unit_test(test_table_notes),      cmocka_unit_test(test_table_is_safe),
        cmocka_unit_test(test_table_numbers),    cmocka_unit_test(test_wide_characters),
        cmocka_unit_test(test_csv_quotes),       cmocka_unit_test(test_csv_is_no_formula),
        cmocka_unit_test(test_csv_is_plain),     cmocka_unit_test(test_csv_of_hostile_jobs),
        cmocka_unit_test(test_csv_is_square),    cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
