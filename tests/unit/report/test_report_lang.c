/* SPDX-License-Identifier: Apache-2.0 */
/* The page's language needs no locale, and half a catalogue is refused. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "report/catalogue.h"
#include "report/lang.h"

static char path[] = "/tmp/sft-lang.XXXXXX";

static void write_file(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int opens(const char *bytes, size_t size)
{
    struct catalogue c;
    struct sft_error err = {""};
    write_file(bytes, size);
    int result = catalogue_open(&c, path, &err);
    if (result == 0)
        catalogue_close(&c);
    else
        assert_non_null(strstr(err.text, path));
    return result;
}

/* Two texts, a and b, and their translations, x and y. */
static const char two[] = "\xde\x12\x04\x95\0\0\0\0\2\0\0\0\x1c\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0"
                          "\1\0\0\0\x3c\0\0\0\1\0\0\0\x3e\0\0\0"
                          "\1\0\0\0\x40\0\0\0\1\0\0\0\x42\0\0\0"
                          "a\0b\0x\0y";

static void test_catalogue_finds(void **state)
{
    (void)state;
    struct catalogue c;
    struct sft_error err = {""};
    write_file(two, sizeof two);
    assert_int_equal(catalogue_open(&c, path, &err), 0);
    assert_string_equal(catalogue_find(&c, "a"), "x");
    assert_string_equal(catalogue_find(&c, "b"), "y");
    assert_null(catalogue_find(&c, ""));
    assert_null(catalogue_find(&c, "ab"));
    assert_null(catalogue_find(&c, "c"));
    catalogue_close(&c);
    assert_null(catalogue_find(&c, "a"));
}

static void test_catalogue_must_be_whole(void **state)
{
    (void)state;
    char bad[sizeof two];
    for (size_t size = 0; size < sizeof two - 1; size++)
        assert_int_equal(opens(two, size), -1);
    for (size_t at = 0; at < 60; at++) {
        if ((at >= 4 && at < 8) || (at >= 20 && at < 28)) /* nobody reads these */
            continue;
        memcpy(bad, two, sizeof two);
        bad[at] = (char)0xff;
        assert_int_equal(opens(bad, sizeof bad), -1);
    }
}

/* The locale of this test is C. */
static void test_japanese_needs_no_locale(void **state)
{
    (void)state;
    struct sft_error err = {""};
    char missing[] = "/nonexistent", *folder = getenv("SFT_LOCALEDIR");
    char *kept = folder != NULL ? strdup(folder) : NULL;
    if (kept == NULL)
        skip();
    assert_string_equal(_("language"), "language");
    setenv("SFT_LOCALEDIR", missing, 1);
    assert_int_equal(lang_set(true, &err), -1);
    setenv("SFT_LOCALEDIR", kept, 1);
    free(kept);
    if (strstr(err.text, "--disable-nls") != NULL)
        skip();
    assert_non_null(strstr(err.text, "/nonexistent/ja/LC_MESSAGES/sft-report.mo"));
    assert_int_equal(lang_set(true, &err), 0);
    assert_string_equal(_("language"), "ja");
    assert_string_equal(_("no text of the page"), "no text of the page");
    assert_string_equal(_(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogue_finds),
        cmocka_unit_test(test_catalogue_must_be_whole),
        cmocka_unit_test(test_japanese_needs_no_locale),
    };
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
