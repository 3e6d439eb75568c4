/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the report writes where others may write, too. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "report/chart.h"
#include "report/output.h"
#include "report/pdf.h"

static char folder[] = "/tmp/sft-files-XXXXXX";

/* A folder as /tmp is. */
static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sft-files-XXXXXX");
    return mkdtemp(folder) == NULL || chmod(folder, 01777) < 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[4][128];
    static unsigned next;
    snprintf(path[++next % 4], sizeof path[0], "%s/%s", folder, name);
    return path[next % 4];
}

static void file_put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void file_has(const char *name, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path_of(name), "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, text);
}

/* How many names the folder has. */
static size_t names(void)
{
    char command[128];
    size_t count = 0;
    snprintf(command, sizeof command, "ls -A '%s'", folder);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    for (int c; (c = fgetc(list)) != EOF;)
        count += c == '\n';
    pclose(list);
    return count;
}

static int write_report(const char *name, struct sft_error *err)
{
    struct output output;
    if (output_begin(&output, path_of(name), err) < 0)
        return -1;
    fputs("report", output.file);
    return output_end(&output, 0, OPTIONS_CSV, err);
}

static void link_put(const char *to, const char *name, uid_t owner)
{
    assert_int_equal(symlink(path_of(to), path_of(name)), 0);
    assert_int_equal(lchown(path_of(name), owner, owner), 0);
}

static void test_a_link_of_ones_own(void **state)
{
    (void)state;
    struct sft_error err = {""};
    file_put("target", "before");
    link_put("target", "link", geteuid());
    if (write_report("link", &err) < 0)
        fail_msg("%s", err.text);
    file_has("target", "report");
    struct stat there;
    assert_int_equal(lstat(path_of("link"), &there), 0);
    assert_true(S_ISLNK(there.st_mode));
}

static void test_a_link_of_anothers(void **state)
{
    (void)state;
    struct sft_error err = {""};
    if (geteuid() != 0)
        skip();
    file_put("target", "before");
    link_put("target", "link", 65534);
    assert_int_equal(write_report("link", &err), -1);
    assert_contains(err.text, "/link: another user's link");
    /* a folder on the way, with a file there and without */
    assert_int_equal(mkdir(path_of("own"), 0755), 0);
    file_put("own/old", "before");
    link_put("own", "way", 65534);
    assert_int_equal(write_report("way/old", &err), -1);
    assert_int_equal(write_report("way/new", &err), -1);
    assert_contains(err.text, "another user's link");
    file_has("target", "before");
    file_has("own/old", "before");
    /* where only the owner may make files, a link there is the owner's choice */
    assert_int_equal(chmod(folder, 0755), 0);
    if (write_report("link", &err) < 0)
        fail_msg("%s", err.text);
    file_has("target", "report");
}

/* What stands in the way is replaced, and what a link leads to stays. */
static void test_charts_follow_no_link(void **state)
{
    (void)state;
    struct chart chart = {.id = "speed", .x_title = "x", .y_title = "y"};
    struct sft_error err = {""};
    struct stat there;
    if (!chart_possible())
        skip();
    file_put("target", "before");
    link_put("target", "speed.svg", geteuid());
    struct chart_line *line = chart_add(&chart, "a", 1, false);
    line->x[0] = line->y[0] = 1;
    if (chart_files(&chart, "<svg/>", folder, &err) < 0)
        fail_msg("%s", err.text);
    chart_clear(&chart);
    file_has("target", "before");
    file_has("speed.svg", "<svg/>");
    assert_int_equal(stat(path_of("speed.png"), &there), 0);
    assert_true(there.st_size > 0);
    assert_int_equal(names(), 3);
}

/* The program that makes the PDF opens a name for writing: none that others can know or make. */
static void test_pdf_follows_no_link(void **state)
{
    (void)state;
    struct sft_error err = {""};
    char path[512];
    file_put("victim", "before");
    link_put("victim", "r.pdf.new", geteuid());
    file_put("page.html", "<html>");
    file_put("chromium",
             "#!/bin/sh\nfor word; do case $word in --print-to-pdf=*) out=${word#*=};; esac; done\n"
             "case $(stat -c %a \"${out%/*}\") in 700) printf %%PDF >\"$out\";; esac\n");
    assert_int_equal(chmod(path_of("chromium"), 0755), 0);
    snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH"));
    setenv("PATH", path, 1);
    if (pdf_make(path_of("page.html"), path_of("r.pdf"), &err) < 0)
        fail_msg("%s", err.text);
    file_has("r.pdf", "%PDF");
    file_has("victim", "before");
    assert_int_equal(names(), 5);
    file_put("chromium", "#!/bin/sh\nexit 0\n");
    assert_int_equal(pdf_make(path_of("page.html"), path_of("r.pdf"), &err), -1);
    assert_contains(err.text, "no PDF came of it");
    file_has("r.pdf", "%PDF"); /* stays as it was */
    assert_int_equal(names(), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_link_of_ones_own, begin, end),
        cmocka_unit_test_setup_teardown(test_a_link_of_anothers, begin, end),
        cmocka_unit_test_setup_teardown(test_charts_follow_no_link, begin, end),
        cmocka_unit_test_setup_teardown(test_pdf_follows_no_link, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
