/* SPDX-License-Identifier: Apache-2.0 */
/* Several files and folders as data. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/data/data.h"

static char folder[] = "/tmp/sft-test-files.XXXXXX";

static const char *in(const char *name)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void file_make(const char *name, const char *text)
{
    FILE *file = fopen(in(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define RECORD(n) "{\"instruction\":\"" n "\",\"output\":\"o\"}\n"

static int group_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    mkdir(in("d"), 0700);
    mkdir(in("parquet"), 0700);
    file_make("a.jsonl", RECORD("1") RECORD("2"));
    file_make("b.json", "[" RECORD("3") "]");
    file_make("c+d.jsonl", RECORD("4"));
    file_make("chat.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":"
                            "\"assistant\",\"content\":\"a\"}]}\n");
    file_make("bad.jsonl", RECORD("5") "{\"instruction\":\"6\"}\n" RECORD("7") RECORD("8"));
    file_make("d/2.json", "[" RECORD("5") "]");
    file_make("d/1.jsonl", RECORD("6") RECORD("7") RECORD("8"));
    file_make("d/README.md", "no records");
    file_make("parquet/x.parquet", "PAR1");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jsonl",    "b.json",      "c+d.jsonl",
                                        "chat.jsonl", "bad.jsonl",   "d/2.json",
                                        "d/1.jsonl",  "d/README.md", "parquet/x.parquet"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(in(names[i]));
    rmdir(in("d"));
    rmdir(in("parquet"));
    return rmdir(folder);
}

static struct data *open_it(const char *first, const char *second, double skip,
                            struct sft_error *err)
{
    char path[300];
    struct tokenizer *tokenizer = tokenizer_open("bytes", NULL);
    snprintf(path, sizeof path, "%s%s%s", in(first), second == NULL ? "" : "+",
             second == NULL ? "" : in(second));
    struct data *data = data_open(path, tokenizer, 512, 1, skip, err);
    tokenizer_close(tokenizer);
    return data;
}

static void expect(const char *first, const char *second, long records, const char *source)
{
    struct sft_error err = {""};
    struct data *data = open_it(first, second, 0, &err);
    if (data == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(data_facts(data).records, records);
    assert_string_equal(data_facts(data).source, source);
    data_close(data);
}

static void test_files_and_folders(void **state)
{
    (void)state;
    expect("a.jsonl", NULL, 2, "a.jsonl");
    expect("a.jsonl", "b.json", 3, "a.jsonl+b.json");
    expect("c+d.jsonl", NULL, 1, "c+d.jsonl");
    expect("d", NULL, 4, "d");
    expect("d/", NULL, 4, "d");
    expect("a.jsonl", "d", 6, "a.jsonl+d");
}

/* Each file counts for the sum, and their order. */
static void test_sums(void **state)
{
    (void)state;
    struct data *one = open_it("a.jsonl", NULL, 0, NULL),
                *two = open_it("a.jsonl", "b.json", 0, NULL);
    struct data *turned = open_it("b.json", "a.jsonl", 0, NULL);
    assert_true(data_facts(one).checksum != data_facts(two).checksum);
    assert_true(data_facts(turned).checksum != data_facts(two).checksum);
    data_close(one);
    data_close(two);
    data_close(turned);
}

static void expect_refused(const char *first, const char *second, const char *part)
{
    struct sft_error err = {""};
    assert_null(open_it(first, second, 0, &err));
    assert_contains(err.text, part);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refused("a.jsonl", "chat.jsonl",
                   "/chat.jsonl: record 1 (line 1) has turns (messages, conversations), those "
                   "before it Alpaca's fields");
    expect_refused("a.jsonl", "missing.json", "/missing.json: cannot read the data");
    expect_refused("parquet", NULL, "pandas.read_parquet(FILE).to_json(NEW");
    expect_refused("a.jsonl", "bad.jsonl", "record 2 of file 2 (line 2) has no field output");
    expect_refused("a.jsonl", "parquet/x.parquet",
                   "this is a Parquet file: write it as JSON lines");
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open("bytes", NULL);
    assert_null(data_open("a+", tokenizer, 512, 1, 0, &err));
    tokenizer_close(tokenizer);
    assert_true(err.text[0] != '\0');
}

static void test_skipped_of_several_files(void **state)
{
    (void)state;
    char text[640];
    struct data *data = open_it("bad.jsonl", "a.jsonl", 30, NULL);
    assert_non_null(data);
    assert_int_equal(data_facts(data).skipped, 1);
    assert_int_equal(data_facts(data).records, 5);
    data_skipped(data, text, sizeof text);
    assert_string_equal(text, "record 2 of file 1 (line 2) has no field output");
    data_close(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_and_folders),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_skipped_of_several_files),
    };
    return cmocka_run_group_tests_name("data_files", tests, group_setup, group_teardown);
}
