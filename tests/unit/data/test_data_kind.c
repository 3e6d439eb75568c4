/* SPDX-License-Identifier: Apache-2.0 */
/* Each format that is known and not read is named, in one line with what to do, as data and as
 * tokenizer. */
#include "config.h"

#include "tests/unit/unit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "job/data/data.h"
#include "job/data/data_kind.h"

static char folder[] = "/tmp/sft-test-kind.XXXXXX";
static char path[64];

static int group_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/f", folder);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void file_make(const char *text, size_t size)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

static void refused_as_data(const char *part)
{
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open("bytes", &err);
    if (data_open(path, tokenizer, 512, 1, 1, &err) != NULL)
        fail_msg("taken as data: %s", part);
    tokenizer_close(tokenizer);
    assert_contains(err.text, part);
    assert_true(strncmp(err.text, path, strlen(path)) == 0);
}

static void refused_as_tokenizer(const char *part)
{
    struct sft_error err = {""};
    if (tokenizer_open(path, &err) != NULL)
        fail_msg("taken as a tokenizer: %s", part);
    assert_contains(err.text, part);
    assert_null(strstr(err.text, "sentencepiece_processor"));
    assert_true(strncmp(err.text, path, strlen(path)) == 0);
}

static void expect_kind(const char *text, size_t size, const char *name)
{
    file_make(text, size);
    refused_as_data(name);
    refused_as_data("not JSON records: this is ");
    refused_as_tokenizer(name);
    refused_as_tokenizer("no tokenizer: this is ");
}

#define KIND(text, name) expect_kind(text, sizeof(text) - 1, name)

static void test_magic(void **state)
{
    (void)state;
    KIND("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git-lfs pointer");
    KIND("\x1f\x8b\x08\x00\x00\x00", "a gzip file");
    KIND("\x28\xb5\x2f\xfd\x04", "a zstd file");
    KIND("\xfd"
         "7zXZ\0\0",
         "an xz file");
    KIND("BZh91AY", "a bzip2 file");
    KIND("\x04\x22\x4d\x18zz", "an lz4 file");
    KIND("7z\xbc\xaf\x27\x1c", "a 7-Zip file");
    KIND("PK\x03\x04\x14\0[Content_Types].xml xl/workbook.xml", "a spreadsheet");
    KIND("PK\x03\x04\0\0archive/data.pkl", "a file of tensors");
    KIND("PK\x03\x04\0\0alpaca.json", "a zip file");
    KIND("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file");
    KIND("PAR1\x15\x04", "a Parquet file");
    KIND("ARROW1\0\0", "an Arrow file");
    KIND("\xff\xff\xff\xff\x78\0\0\0", "an Arrow stream");
    KIND("FEA1\0", "a Feather file");
    KIND("SQLite format 3\0", "an SQLite database");
    KIND("\x93NUMPY\x01\0", "a NumPy array");
    KIND("GGUF\x03\0\0\0", "a GGUF model");
    KIND("%PDF-1.7\n", "a PDF");
    KIND("\x7f"
         "ELF\x02",
         "a program");
    KIND("\x80\x04\x95\x10", "a Python pickle");
}

static void test_contents(void **state)
{
    (void)state;
    char zeros[4096] = "", tar[512] = "alpaca.json";
    memcpy(tar + 257, "ustar", 5);
    expect_kind(zeros, sizeof zeros, "NUL bytes alone");
    expect_kind(tar, sizeof tar, "a tar file");
    KIND("\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"BF16\",\"shape\":[1]}}", "a safetensors file");
    KIND("\n<!DOCTYPE html>\n<html><body>404", "a web page");
    KIND("<HTML><HEAD>", "a web page");
    KIND("<?xml version=\"1.0\"?><Error><Code>AccessDenied", "XML");
    KIND("\xff\xfe[\0{\0", "UTF-16");
    KIND("\xfe\xff\0[\0{", "UTF-16");
    KIND("[\0{\0\"\0i\0n\0", "UTF-16");
    KIND("{\"add_bos_token\": true, \"tokenizer_class\": \"LlamaTokenizer\"}",
         "a tokenizer's configuration");
    KIND("#version: 0.2\ni n\n", "BPE merges");
    KIND("<unk>\t0\n<s>\t0\n", "list of pieces");
    KIND("[{'instruction': 'a', 'output': 'b'}]", "Python's own writing");
    KIND("{'instruction': 'a', 'output': 'b'}\n", "Python's own writing");
    KIND("---\n- instruction: a\n", "YAML");
    KIND("instruction\tinput\toutput\na\tb\tc\n", "a TSV table");
    KIND("instruction,input,output\na,b,c\n", "a CSV table");
    KIND("\"id\",\"what\"\n1,a\n", "a CSV table");
}

/* Each is what the other option wants. */
static void test_swapped(void **state)
{
    (void)state;
    static const char model[] =
        "\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02\n\x0c\n\x03<s>\x15\0\0\0\0\x18\x03";
    file_make(model, sizeof model - 1);
    refused_as_data("this is a SentencePiece model: name it with tokenizer=");
    refused_as_tokenizer("no tokenizer: "); /* a damaged one */
    file_make("[{\"instruction\":\"a\",\"output\":\"b\"}]", 34);
    refused_as_tokenizer("this is JSON, as records are, which data= takes");
    file_make("", 0);
    refused_as_tokenizer("no tokenizer: the file is empty");
    refused_as_data("the file is empty");
    file_make("AA== 0\nAQ== 1\nAg== 2\n", 21);
    refused_as_data("this is a file of tiktoken ranks: name it with tokenizer=");
#ifdef HAVE_PCRE2
    refused_as_tokenizer("no token stands for the byte 0x03");
#else
    refused_as_tokenizer("built without PCRE2");
#endif
    static const char json[] =
        "{\n\"version\": \"1.0\",\n\"truncation\": null, \"added_tokens\": [], "
        "\"model\": {\"vocab\": {\"\\\"instruction\\\"\": 0}}}";
    file_make(json, sizeof json - 1);
    refused_as_data("this is a Hugging Face tokenizer.json: name it with tokenizer=");
    refused_as_tokenizer("it has no merges");
    file_make("hello, you", 10);
    refused_as_tokenizer("no tokenizer: ");
    refused_as_data("not JSON: line 1");
}

/* Records that hold such words are records. */
static void test_records_are_no_other_kind(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[{\"instruction\":\"a,b\",\"output\":\"\\\"model\\\": "
        "\\\"vocab\\\"\",\"model\":\"m\",\"vocab\":\"v\"}]",
        "\xef\xbb\xbf\n "
        "{\"instruction\":\"a\",\"output\":\"b,c\"}\n{\"instruction\":\"a\",\"output\":\"b,c\"}\n",
        "{\"version\":\"1\",\"added_tokens\":0,\"instruction\":\"a\",\"output\":\"<html>\"}",
        "[ \t\n]",
        "{}",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t mark = strncmp(texts[i], "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        const struct data_kind *kind = data_kind_find(texts[i] + mark, strlen(texts[i]) - mark);
        if (kind != NULL)
            fail_msg("%s: %s", texts[i], kind->name);
    }
}

static void expect_keys(const char *text, const char *name, const char *advice)
{
    file_make(text, strlen(text));
    refused_as_data(name);
    refused_as_data(advice);
    refused_as_data("these are ");
}

#define DOLLY "{\"instruction\":\"a\",\"context\":\"b\",\"response\":\"c\",\"category\":\"qa\"}"

static void test_keys(void **state)
{
    (void)state;
    expect_keys(DOLLY "\n" DOLLY, "Dolly's records",
                "rename context to input and response to output");
    expect_keys("[" DOLLY "]", "(1 of 1 record)", "rename context");
    expect_keys("{\"conversation\":[{\"from\":\"human\",\"value\":\"a\"}]}", "ShareGPT's records",
                "rename conversation to conversations");
    expect_keys("{\"messages\":{\"role\":\"user\",\"content\":\"a\"}}",
                "messages that are no array", "role and content");
    expect_keys("{\"conversations\":\"a\"}", "conversations that are no array", "from and value");
    expect_keys("{\"id\":1,\"system_prompt\":\"\",\"question\":\"a\",\"response\":\"b\"}",
                "OpenOrca", "rename question");
    expect_keys("{\"question\":\"a\",\"answer\":\"b\"}", "questions and answers",
                "answer to output");
    expect_keys("{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}", "preferences",
                "chosen as output");
    expect_keys("{\"inputs\":\"a\",\"targets\":\"b\"}", "FLAN's", "rename inputs");
    expect_keys("{\"input\":\"a\",\"output\":\"b\"}", "an input and an output alone",
                "rename input to instruction");
    expect_keys("{\"text\":\"a\"}", "plain texts", "apart");
    expect_keys("{\n\"version\":1,\n\"data\":[\n{\"instruction\":\"a\",\"output\":\"b\"}\n]\n}",
                "inside of an object", "alone into a file");
    expect_keys("{\"instruction\":{\"0\":\"a\"},\"output\":{\"0\":\"b\"}}", "a table by columns",
                "orient='records'");
    expect_keys("{\"error\":\"Repository not found\"}", "a server's error", "fetch the file again");
}

/* What is no file is refused at once: a pipe's writer may never come. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    alarm(20); /* a hang is a failure */
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused_as_data("is a pipe and no file");
    refused_as_tokenizer("is a pipe and no file");
    unlink(path);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(name.sun_path, path);
    assert_int_equal(bind(listening, (struct sockaddr *)&name, sizeof name), 0);
    refused_as_data("is a socket and no file");
    refused_as_tokenizer("is a socket and no file");
    close(listening);
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    refused_as_data("is a device and no file");
    refused_as_tokenizer("is a device and no file");
    unlink(path);
    assert_int_equal(symlink(folder, path), 0);
    refused_as_data("the folder has no file of records (.json, .jsonl)");
    refused_as_tokenizer("the folder has neither a tokenizer.json nor a tokenizer.model");
    unlink(path);
    refused_as_data("cannot read the data: No such file");
    refused_as_tokenizer("cannot read the tokenizer: No such file");
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magic),   cmocka_unit_test(test_contents),
        cmocka_unit_test(test_swapped), cmocka_unit_test(test_records_are_no_other_kind),
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests_name("data_kind", tests, group_setup, group_teardown);
}
