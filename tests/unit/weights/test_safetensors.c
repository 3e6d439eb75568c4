/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: a file of the format's own library is read to its numbers; every way in which a
 * header can be wrong is one line that says which. */
#include "tests/unit/unit.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/weights/safetensors.h"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/sft-test-safetensors.%d", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

/* A header and so many bytes behind it; `length` of the header as it says, -1: as it is. */
static void write_file(const char *header, long long length, const void *data, size_t size)
{
    FILE *file = fopen(path, "w");
    uint64_t said = length < 0 ? strlen(header) : (uint64_t)length;
    assert_non_null(file);
    fwrite(&said, sizeof said, 1, file);
    fputs(header, file);
    if (size > 0)
        assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void expect_refused(const char *why)
{
    struct sft_error err = {""};
    struct safetensors *st = safetensors_open(path, &err);
    if (st != NULL)
        fail_msg("opened, and not refused for: %s", why);
    assert_contains(err.text, why);
    assert_contains(err.text, path);
    assert_null(strchr(err.text, '\n'));
}

static void expect_values(const struct safetensors *st, const char *name, enum format format)
{
    const struct safetensors_tensor *t = safetensors_find(st, name);
    struct sft_error err = {""};
    float values[21];
    uint16_t raw[21];
    assert_non_null(t);
    assert_int_equal(t->dims, 2);
    assert_int_equal(t->shape[0], 3);
    assert_int_equal(t->shape[1], 7);
    assert_int_equal(
        safetensors_read(st, t, 2, 17, format, format == FORMAT_FP32 ? (void *)values : raw, &err),
        0);
    if (format == FORMAT_BF16)
        format_decode(FORMAT_BF16, values, raw, 17);
    for (int i = 0; i < 17; i++)
        assert_true(values[i] == ((float)(i + 2) - 5) / 8);
}

static void test_golden(void **state)
{
    (void)state;
    char file[512];
    struct sft_error err = {""};
    snprintf(file, sizeof file, "%s/tests/golden/mixed.safetensors", getenv("SFT_SRCDIR"));
    struct safetensors *st = safetensors_open(file, &err);
    assert_non_null(st);
    assert_int_equal(st->count, 5);
    static const char *const names[] = {"float", "half", "brain"};
    for (int i = 0; i < 3; i++) {
        expect_values(st, names[i], FORMAT_FP32);
        expect_values(st, names[i], FORMAT_BF16);
    }
    assert_null(safetensors_find(st, "missing"));
    assert_int_equal(safetensors_find(st, "empty")->elements, 0);
    const struct safetensors_tensor *whole = safetensors_find(st, "whole");
    float value;
    assert_int_equal(safetensors_read(st, whole, 0, 1, FORMAT_FP32, &value, &err), -1);
    assert_contains(err.text, "tensor whole is in I64");
    safetensors_close(st);
}

/* Every fp16 there is, against its definition. */
static void test_half(void **state)
{
    (void)state;
    static uint16_t halves[65536];
    static float values[65536];
    struct sft_error err = {""};
    for (int i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    write_file("{\"h\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", -1,
               halves, sizeof halves);
    struct safetensors *st = safetensors_open(path, &err);
    assert_non_null(st);
    assert_int_equal(safetensors_read(st, st->tensors, 0, 65536, FORMAT_FP32, values, &err), 0);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, mantissa = i & 1023;
        double want = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        if (exponent == 31)
            want = mantissa == 0 ? INFINITY : NAN;
        if (isnan(want))
            assert_true(isnan(values[i]));
        else
            assert_true((double)values[i] == (i & 0x8000 ? -want : want));
        assert_int_equal(signbit(values[i]) != 0, i >> 15);
    }
    safetensors_close(st);
}

/* More than what is read at once, from a place in the middle; then the file is cut. */
static void test_pieces(void **state)
{
    (void)state;
    enum { COUNT = 3000000 };
    float *data = malloc(COUNT * sizeof *data);
    uint16_t *read = malloc(COUNT * sizeof *read);
    char header[128];
    struct sft_error err = {""};
    assert_non_null(data);
    assert_non_null(read);
    for (int i = 0; i < COUNT; i++)
        data[i] = (float)i * 1.001f;
    snprintf(header, sizeof header,
             "{\"x\":{\"dtype\":\"F32\",\"shape\":[1000,3000],\"data_offsets\":[0,%d]}}",
             4 * COUNT);
    write_file(header, -1, data, COUNT * sizeof *data);
    struct safetensors *st = safetensors_open(path, &err);
    assert_non_null(st);
    assert_int_equal(safetensors_read(st, st->tensors, 7, COUNT - 7, FORMAT_BF16, read, &err), 0);
    for (int i = 0; i < COUNT - 7; i++) {
        uint16_t want;
        format_encode(FORMAT_BF16, &want, &data[i + 7], 1);
        assert_int_equal(read[i], want);
    }
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(safetensors_read(st, st->tensors, 7, COUNT - 7, FORMAT_BF16, read, &err), -1);
    assert_contains(err.text, "became shorter");
    safetensors_close(st);
    free(read);
    free(data);
}

#define F32(offsets) "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}}"

static const struct {
    const char *header;
    int data;
    const char *why;
} wrong[] = {
    {"[]", 0, "no JSON object"},
    {"{\"a\":", 0, "no JSON"},
    {"", 0, "no JSON"},
    {"{\"a\":1}", 0, "tensor a: is no object"},
    {"{\"\":{}}", 0, "name has 0 bytes"},
    {"{\"a\":{\"dtype\":\"F12\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype F12"},
    {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no text"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
     "no list of up to 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "is no size"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "is no size"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
     "more elements than"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387906],\"data_offsets\":[0,8]}}", 8,
     "do not take 8 bytes"},
    {F32("[0]"), 8, "no begin and end"},
    {F32("[8,0]"), 8, "no begin and end"},
    {F32("[0,8.5]"), 8, "no begin and end"},
    {F32("[0,12]"), 12, "2 elements of F32 do not take 12 bytes"},
    {F32("[0,8]"), 7, "cut short"},
    {F32("[0,8]"), 9, "1 bytes are behind the last tensor"},
    {F32("[4,12]"), 12, "a hole is before it"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
     12, "tensor b begins at byte 4 of the data: it overlaps the one before it"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
     8, "duplicate"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file(wrong[i].header, -1, "................", (size_t)wrong[i].data);
        expect_refused(wrong[i].why);
    }
    char header[400], name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(header, sizeof header, "{\"%s\":{}}", name);
    write_file(header, -1, NULL, 0);
    expect_refused("name has 299 bytes");
}

/* Lengths that no file has are refused before memory is asked for. */
static void test_lengths(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("1234567", file);
    assert_int_equal(fclose(file), 0);
    expect_refused("has 7 bytes");
    write_file("{}", 3, NULL, 0);
    expect_refused("should have 3 bytes, and the file has 10");
    write_file("{}", 0x7fffffffffffffff, NULL, 0);
    expect_refused("9223372036854775807 bytes");
    write_file("{}", (1 << 20) + 2, NULL, 0);
    expect_refused("cut short");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4976698672\n", file);
    assert_int_equal(fclose(file), 0);
    expect_refused("git lfs pull");
}

static void test_no_file(void **state)
{
    (void)state;
    unlink(path);
    expect_refused("No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("is a pipe");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused("is a folder");
    rmdir(path);
}

static void test_empty(void **state)
{
    (void)state;
    struct sft_error err = {""};
    write_file("{\"__metadata__\":{\"format\":\"pt\"}}   ", -1, NULL, 0);
    struct safetensors *st = safetensors_open(path, &err);
    assert_non_null(st);
    assert_int_equal(st->count, 0);
    assert_null(safetensors_find(st, "a"));
    safetensors_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_half),
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
