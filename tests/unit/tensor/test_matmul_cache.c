/* SPDX-License-Identifier: Apache-2.0 */
/* The file of chosen algorithms: what is added is found again, whatever else stands in it, and
 * nothing that is wrong with it hurts. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job/tensor/cuda/matmul_cache.h"

static const char device[] = "NVIDIA H200";
enum { VERSION = 130100 };

static char top[PATH_MAX / 2]; /* of this test, empty at its beginning */

static char *path_in_top(const char *name)
{
    static char paths[4][PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", top, name);
    return path;
}

/* SFT_BENCH_CACHE, XDG_CACHE_HOME and HOME; NULL: not set. */
static void environment(const char *own, const char *xdg, const char *home)
{
    const char *const names[] = {"SFT_BENCH_CACHE", "XDG_CACHE_HOME", "HOME"};
    const char *const values[] = {own, xdg, home};
    for (int i = 0; i < 3; i++)
        if (values[i] == NULL)
            unsetenv(names[i]);
        else
            setenv(names[i], values[i], 1);
}

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(top, sizeof top, "%s/sft-cache-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
    if (mkdtemp(top) == NULL)
        return -1;
    environment(path_in_top("own"), NULL, NULL);
    return 0;
}

static void remove_all(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[PATH_MAX];
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%.255s", folder, entry->d_name);
        if (unlink(path) < 0)
            remove_all(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

static int teardown(void **state)
{
    (void)state;
    remove_all(top);
    return 0;
}

/* Choice number i, no two alike. */
static struct matmul_choice choice_of(int i)
{
    struct matmul_choice c = {.key = {.m = 4096 + i,
                                      .n = 11008 - i,
                                      .k = i,
                                      .transpose_a = i % 2,
                                      .transpose_b = i / 2 % 2,
                                      .type_a = 14,
                                      .type_b = 14,
                                      .type_c = i % 3 == 0 ? 0 : 14,
                                      .compute = 68,
                                      .accumulate = i / 4 % 2,
                                      .stride_a = i,
                                      .stride_b = 11008 - i,
                                      .stride_c = 11008 + i,
                                      .epilogue = 1,
                                      .scaling = i % 3,
                                      .fast = i % 2,
                                      .alignment = 1 << i % 9},
                              .milliseconds = 0.25f + (float)(i % 64)};
    for (int w = 0; w < MATMUL_ALGORITHM_WORDS; w++)
        c.algorithm[w] = 0xfedcba9876543210u * (uint64_t)(i + 1) + (uint64_t)w;
    return c;
}

static bool found_in(const struct matmul_cache *cache, const struct matmul_choice *want)
{
    struct matmul_choice got = {.key = want->key};
    if (!matmul_cache_find(cache, &got))
        return false;
    assert_memory_equal(&got.key, &want->key, sizeof got.key);
    assert_memory_equal(got.algorithm, want->algorithm, sizeof got.algorithm);
    assert_true(got.milliseconds == want->milliseconds); /* of few digits, see choice_of */
    return true;
}

/* By a run of its own. */
static bool found(const struct matmul_choice *want)
{
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    assert_non_null(cache);
    bool there = found_in(cache, want);
    matmul_cache_close(cache);
    return there;
}

static void add(int i)
{
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    struct matmul_choice choice = choice_of(i);
    matmul_cache_add(cache, &choice);
    matmul_cache_close(cache);
}

/* The only file in a folder; fails when there is another number of them. */
static char *only_file(const char *folder)
{
    static char path[PATH_MAX];
    int count = 0;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            count++;
        }
    if (dir != NULL)
        closedir(dir);
    if (count != 1)
        fail_msg("%d files in %s", count, folder);
    return path;
}

static void append(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

static size_t slurp(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t got = fread(text, 1, size - 1, file);
    text[got] = '\0';
    fclose(file);
    return got;
}

static void test_what_is_added_is_found(void **state)
{
    (void)state;
    struct matmul_choice extreme = choice_of(0), none = choice_of(1), other;
    extreme.key = (struct matmul_key){.m = INT32_MAX, .n = INT32_MIN, .k = -1, .stride_c = -7};
    extreme.milliseconds = 0;
    memset(extreme.algorithm, 0xff, sizeof extreme.algorithm);
    memset(none.algorithm, 0, sizeof none.algorithm);
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    assert_non_null(cache);
    assert_false(found_in(cache, &extreme)); /* nothing there yet, and no folder */
    matmul_cache_add(cache, &extreme);
    matmul_cache_add(cache, &none);
    matmul_cache_close(cache);
    for (int i = 2; i < 300; i++)
        add(i);
    assert_true(found(&extreme) && found(&none));
    for (int i = 2; i < 300; i++) {
        struct matmul_choice want = choice_of(i);
        assert_true(found(&want));
    }
    /* each field of the key counts */
    struct matmul_choice want = choice_of(7);
    int32_t numbers[MATMUL_KEY_NUMBERS];
    for (size_t i = 0; i < MATMUL_KEY_NUMBERS; i++) {
        memcpy(numbers, &want.key, sizeof numbers);
        numbers[i] += 1000;
        other = want;
        memcpy(&other.key, numbers, sizeof numbers);
        assert_false(found(&other));
    }
}

static void test_devices_and_versions_are_apart(void **state)
{
    (void)state;
    static const struct {
        const char *device;
        size_t version;
    } others[] = {
        {"NVIDIA H100 80GB HBM3", VERSION}, {device, VERSION + 1}, {"NVIDIA H20", VERSION},
        {"NVIDIA H200 NVL", VERSION},       {"", VERSION},         {"../../etc/H200", VERSION}};
    struct matmul_choice want = choice_of(3), changed = want;
    add(3);
    changed.algorithm[0]++;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct matmul_cache *cache = matmul_cache_open(others[i].device, others[i].version);
        assert_false(found_in(cache, &want));
        matmul_cache_add(cache, &changed);
        matmul_cache_close(cache);
        cache = matmul_cache_open(others[i].device, others[i].version);
        assert_true(found_in(cache, &changed));
        matmul_cache_close(cache);
        assert_true(found(&want));
    }
    /* all of them in the folder, whatever the device calls itself */
    int files = 0;
    DIR *dir = opendir(path_in_top("own"));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        files += entry->d_name[0] != '.';
    closedir(dir);
    assert_int_equal(files, 1 + sizeof others / sizeof others[0]);
}

#define KEY_REST " 2 3 0 1 14 14 14 68 0 3 3 2 1 1 1 256"
#define KEY "1" KEY_REST
#define KEY_NUMBERS                                                                                \
    {                                                                                              \
        1, 2, 3, 0, 1, 14, 14, 14, 68, 0, 3, 3, 2, 1, 1, 1, 256                                    \
    }

/* Whatever is chosen for its key. */
static bool there(const struct matmul_choice *want)
{
    struct matmul_choice got = {.key = want->key};
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    bool is = matmul_cache_find(cache, &got);
    matmul_cache_close(cache);
    return is;
}

/* A file of one choice, number 3: its path, and its text. */
static const char *file_of_one(char text[4096], size_t *length)
{
    static char path[PATH_MAX];
    add(3);
    snprintf(path, sizeof path, "%s", only_file(path_in_top("own")));
    *length = slurp(path, text, 4096);
    assert_true(*length > 50 && text[*length - 1] == '\n');
    return path;
}

/* Cut anywhere, with and without an end of the line, before and behind whole ones. */
static void test_cut_lines_are_passed_over(void **state)
{
    (void)state;
    struct matmul_choice first = choice_of(1), last = choice_of(2), cut = choice_of(3);
    static char text[4096];
    size_t length;
    const char *path = file_of_one(text, &length), *own = text + strlen(matmul_cache_form);
    for (size_t keep = 0; keep < strlen(own) - 1; keep++)
        for (int end = 0; end < 2; end++) {
            assert_int_equal(truncate(path, 0), 0);
            add(1);
            append(path, own, keep);
            if (end)
                append(path, "\n", 1);
            else
                assert_true(found(&first));
            add(2);
            assert_true(found(&first));
            /* a number that lost its last digits cannot be told from another */
            const char *final = strrchr(own, ' ') + 1;
            if (end && own + keep > final)
                continue;
            assert_false(found(&cut));
            if (end || keep == 0)
                assert_true(found(&last));
        }
}

/* A line that another one runs into is lost, but only that one, and nothing wrong is read. */
static void test_lines_that_run_into_each_other(void **state)
{
    (void)state;
    struct matmul_choice first = choice_of(1), last = choice_of(2), cut = choice_of(3);
    static char text[4096];
    size_t length;
    const char *path = file_of_one(text, &length);
    assert_int_equal(truncate(path, 0), 0);
    append(path, text, length - 20);
    add(1);
    assert_false(found(&cut) || found(&first));
    add(2);
    assert_true(found(&last));
}

static void test_foreign_lines_are_passed_over(void **state)
{
    (void)state;
    struct matmul_choice first = choice_of(1), last = choice_of(2);
    static char text[4096], line[4096];
    size_t length;
    const char *path = file_of_one(text, &length);
    static const char *const foreign[] = {
        "\n",
        " \n",
        "#comment\n",
        "1 2 3\n",
        "{\"m\":1}\n",
        "x y z\n",
        "\r\n",
        KEY " 0.5 1 2 3 4 5 6 7 8 9\n", /* a word too many */
        KEY " 0.5 1 2 3 4 5 6 7\n",     /* one too few */
        KEY " fast 1 2 3 4 5 6 7 8\n",  /* no number */
        KEY " nan 1 2 3 4 5 6 7 8\n",
        KEY " -1 1 2 3 4 5 6 7 8\n",
        KEY " 1e99 1 2 3 4 5 6 7 8\n", /* more than a float holds */
        KEY " 0.5 1 2 3 4 5 6 7 g\n",
        KEY " 0.5 1 2 3 4 5 6 7 -8\n",
        KEY " 0.5 1 2 3 4 5 6 7 11112222333344445\n", /* more than 64 bits */
        KEY " 0.5 1 2 3 4 5 6 7 8 \n",
        KEY "\t0.5 1 2 3 4 5 6 7 8\n",
        " " KEY " 0.5 1 2 3 4 5 6 7 8\n",
        "4294967297" KEY_REST " 0.5 1 2 3 4 5 6 7 8\n", /* 1 in 32 bits */
        "1 2 3 0 1 256 0.5 1 2 3 4 5 6 7 8\n",          /* of the first form */
    };
    struct matmul_choice none = {.key = KEY_NUMBERS};
    add(2);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        append(path, foreign[i], strlen(foreign[i]));
    append(path, "a\0b\n\0\n\xff\xfe\n", 9);
    memset(line, 'x', sizeof line);
    static const char good[] = KEY " 0.5 1 2 3 4 5 6 7 8\n";
    for (size_t before = 200; before < 1200; before++) { /* longer than any of ours, wherever cut */
        append(path, line, before);
        append(path, good, sizeof good - 1);
    }
    add(1);
    assert_true(found(&first) && found(&last));
    assert_false(there(&none));
    append(path, good, sizeof good - 1);
    assert_true(there(&none));
}

/* A file of the first form had no line that says so; of a later one; cut off; none of ours. Nothing
 * is read of it, and what is added begins it anew. */
static void test_other_forms_are_written_anew(void **state)
{
    (void)state;
    static const char line[] = KEY " 0.5 1 2 3 4 5 6 7 8\n";
    static const char *const begins[] = {
        "4096 4096 4096 0 1 256 0.25 1 2 3 4 5 6 7 8\n",
        "sft-bench matmul 4: m n k\n",
        "sft-bench matmul 2: m n k transpose_a\n",
        "sft-bench matmul 3: m n",
        "sft-bench matmul 3: m n k\n",
        "\n",
        "\x7f\x45LF",
    };
    struct matmul_choice none = {.key = KEY_NUMBERS}, first = choice_of(1), second = choice_of(2);
    static char text[4096];
    add(1);
    char *path = strdup(only_file(path_in_top("own")));
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        assert_int_equal(truncate(path, 0), 0);
        append(path, begins[i], strlen(begins[i]));
        append(path, line, sizeof line - 1);
        assert_false(there(&none));
        struct matmul_cache *cache = matmul_cache_open(device, VERSION);
        matmul_cache_add(cache, &first);
        matmul_cache_add(cache, &second);
        matmul_cache_close(cache);
        assert_true(found(&first) && found(&second));
        assert_false(there(&none));
        slurp(path, text, sizeof text);
        assert_int_equal(strncmp(text, matmul_cache_form, strlen(matmul_cache_form)), 0);
        assert_null(strstr(text + 1, "sft-bench")); /* once */
    }
    /* two ranks that begin a file at once */
    assert_int_equal(truncate(path, 0), 0);
    append(path, matmul_cache_form, strlen(matmul_cache_form));
    append(path, line, sizeof line - 1);
    append(path, matmul_cache_form, strlen(matmul_cache_form));
    add(1);
    assert_true(there(&none) && found(&first));
    free(path);
}

/* The one that was chosen first stays: a rank that came second does not change what others run. */
static void test_the_first_of_two_counts(void **state)
{
    (void)state;
    struct matmul_choice first = choice_of(1), second = choice_of(2);
    second.key = first.key;
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    matmul_cache_add(cache, &first);
    matmul_cache_add(cache, &second);
    matmul_cache_close(cache);
    assert_true(found(&first));
}

/* Nothing is kept, nothing fails. */
static void without_cache(void)
{
    struct matmul_choice choice = choice_of(1);
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    assert_non_null(cache);
    assert_false(found_in(cache, &choice));
    matmul_cache_add(cache, &choice);
    matmul_cache_add(cache, &choice);
    matmul_cache_close(cache);
    assert_false(found(&choice));
}

static void test_no_folder_costs_only_the_cache(void **state)
{
    (void)state;
    static char overlong[2 * PATH_MAX];
    struct matmul_choice choice = choice_of(1);
    append(path_in_top("file"), "kept\n", 5);
    environment(path_in_top("file"), NULL, NULL); /* a file in its place */
    without_cache();
    environment(path_in_top("file/below"), NULL, NULL);
    without_cache();
    environment(NULL, path_in_top("file"), NULL);
    without_cache();
    environment(NULL, NULL, path_in_top("file"));
    without_cache();
    environment(NULL, NULL, NULL);
    without_cache();
    environment("", "", "");
    without_cache();
    char kept[16];
    assert_int_equal(slurp(path_in_top("file"), kept, sizeof kept), 5);
    assert_string_equal(kept, "kept\n");
    memset(overlong, 'a', sizeof overlong - 1);
    overlong[0] = '/';
    environment(overlong, NULL, NULL);
    without_cache();
    /* and a folder in the file's place */
    environment(path_in_top("own"), NULL, NULL);
    add(1);
    char *path = strdup(only_file(path_in_top("own")));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    without_cache();
    free(path);
    /* without memory there is no cache, which all take */
    matmul_cache_add(NULL, &choice);
    assert_false(matmul_cache_find(NULL, &choice));
    matmul_cache_close(NULL);
}

enum { PROCESSES = 8, EACH = 400 };

static void append_many(int process)
{
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    for (int i = 0; i < EACH; i++) {
        struct matmul_choice choice = choice_of(process * EACH + i);
        matmul_cache_add(cache, &choice);
    }
    matmul_cache_close(cache);
}

static void test_processes_lose_no_line(void **state)
{
    (void)state;
    pid_t children[PROCESSES];
    int gate[2];
    char byte;
    assert_int_equal(pipe(gate), 0);
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        assert_true(children[p] >= 0);
        if (children[p] == 0) {
            alarm(60);
            close(gate[1]);
            while (read(gate[0], &byte, 1) > 0) /* until the gate is shut: all begin at once */
                ;
            append_many(p);
            _exit(0);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        assert_int_equal(waitpid(children[p], &status, 0), children[p]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    int there = 0;
    for (int i = 0; i < PROCESSES * EACH; i++) {
        struct matmul_choice want = choice_of(i);
        there += found_in(cache, &want);
    }
    matmul_cache_close(cache);
    assert_int_equal(there, PROCESSES * EACH);
}

/* Where a run with these variables keeps its file, below the test's folder; NULL: nowhere there. */
static void kept_in(const char *own, const char *xdg, const char *home, const char *want)
{
    struct stat st;
    struct matmul_choice choice = choice_of(1);
    environment(own, xdg, home);
    assert_false(found(&choice));
    add(1);
    assert_true(found(&choice));
    assert_int_equal(stat(path_in_top(want), &st), 0);
    assert_int_equal(unlink(only_file(path_in_top(want))), 0);
    for (char *folder = path_in_top(want); strlen(folder) > strlen(top);
         *strrchr(folder, '/') = '\0')
        assert_int_equal(rmdir(folder), 0); /* nothing else was made */
}

static void test_order_of_the_folders(void **state)
{
    (void)state;
    char own[PATH_MAX], xdg[PATH_MAX], home[PATH_MAX];
    strcpy(own, path_in_top("a/b/own"));
    strcpy(xdg, path_in_top("xdg"));
    strcpy(home, path_in_top("home"));
    kept_in(own, xdg, home, "a/b/own");
    kept_in(NULL, xdg, home, "xdg/sft-bench");
    kept_in("", xdg, home, "xdg/sft-bench");
    kept_in(NULL, NULL, home, "home/.cache/sft-bench");
    kept_in("", "", home, "home/.cache/sft-bench");
    kept_in(NULL, "relative", home, "home/.cache/sft-bench"); /* as XDG's specification says */
    strcat(own, "/");
    kept_in(own, NULL, NULL, "a/b/own");
}

/* The same product of other rows. */
static struct matmul_choice of_rows(int m, int number)
{
    struct matmul_choice c = choice_of(number);
    c.key = (struct matmul_key){.m = m,
                                .n = 11008,
                                .k = 4096,
                                .transpose_b = 1,
                                .type_a = 14,
                                .type_b = 14,
                                .type_c = 14,
                                .compute = 68,
                                .stride_a = 4096,
                                .stride_b = 4096,
                                .stride_c = 11008,
                                .epilogue = 1,
                                .alignment = 256};
    return c;
}

static const struct matmul_choice *hint_of(const struct matmul_cache *cache, int m)
{
    struct matmul_choice wanted = of_rows(m, 0);
    return matmul_cache_hint(cache, &wanted.key);
}

/* The nearest number of rows, not one that is far, nor another product. */
static void test_hints(void **state)
{
    (void)state;
    struct matmul_cache *cache = matmul_cache_open(device, VERSION);
    static const int rows[] = {1024, 8192, 16384};
    for (int i = 0; i < 3; i++) {
        struct matmul_choice c = of_rows(rows[i], 10 + i);
        matmul_cache_add(cache, &c);
    }
    assert_true(hint_of(cache, 8192)->key.m == 8192);
    assert_true(hint_of(cache, 14000)->key.m == 16384);
    assert_true(hint_of(cache, 4096)->key.m == 1024); /* 3072 rows apart, not 4096 */
    assert_true(hint_of(cache, 40000)->key.m == 16384);
    assert_null(hint_of(cache, 100000));
    assert_null(hint_of(cache, 200));
    struct matmul_choice other = of_rows(8192, 0);
    other.key.n = 4096;
    assert_null(matmul_cache_hint(cache, &other.key));
    other = of_rows(8192, 0);
    other.key.fast = 1;
    assert_null(matmul_cache_hint(cache, &other.key));
    assert_null(matmul_cache_hint(NULL, &other.key));
    matmul_cache_close(cache);
}

/* A table for all: of several that save at once the file is whole at any time, everyone may read
 * it, and what is there already stays. */
static void test_a_table_for_all(void **state)
{
    enum { WRITERS = 6, EACH = 40 };
    char *folder = path_in_top("site");
    struct sft_error err = {""};
    struct stat is;
    (void)state;
    assert_int_equal(mkdir(folder, 0755), 0);
    struct matmul_cache *cache = matmul_cache_load(folder, device, VERSION);
    assert_int_equal(matmul_cache_count(cache), 0);
    assert_int_equal(matmul_cache_save(cache, folder, device, VERSION, &err), 0);
    matmul_cache_close(cache); /* nothing to save: no file */
    for (int w = 0; w < WRITERS; w++)
        if (fork() == 0) {
            environment(path_in_top(w % 2 == 0 ? "even" : "odd"), NULL, NULL);
            struct matmul_cache *mine = matmul_cache_open(device, VERSION);
            for (int i = 0; i < EACH; i++) {
                struct matmul_choice c = choice_of(w * EACH + i);
                matmul_cache_add(mine, &c);
                if (matmul_cache_save(mine, folder, device, VERSION, NULL) < 0)
                    _exit(1);
                struct matmul_cache *seen = matmul_cache_load(folder, device, VERSION);
                struct matmul_choice got = {.key = c.key};
                if (matmul_cache_count(seen) == 0) /* never half a file */
                    _exit(1);
                if (matmul_cache_find(seen, &got) &&
                    memcmp(got.algorithm, c.algorithm, sizeof got.algorithm) != 0)
                    _exit(1);
                matmul_cache_close(seen);
            }
            _exit(0);
        }
    for (int w = 0, status; w < WRITERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    cache = matmul_cache_load(folder, device, VERSION);
    assert_true(matmul_cache_count(cache) >= EACH && matmul_cache_count(cache) <= WRITERS * EACH);
    matmul_cache_close(cache);
    assert_int_equal(stat(only_file(folder), &is), 0);
    assert_int_equal(is.st_mode & 0777, 0644);
}

/* What others may rely on. */
static void test_what_is_in_a_table_stays(void **state)
{
    char *folder = path_in_top("site"), text[4096];
    struct sft_error err = {""};
    struct matmul_choice first = choice_of(0), second = first;
    (void)state;
    assert_int_equal(mkdir(folder, 0755), 0);
    second.algorithm[0]++;
    for (int i = 0; i < 2; i++) {
        environment(path_in_top(i == 0 ? "one" : "two"), NULL, NULL);
        struct matmul_cache *mine = matmul_cache_open(device, VERSION);
        matmul_cache_add(mine, i == 0 ? &first : &second);
        assert_int_equal(matmul_cache_save(mine, folder, device, VERSION, &err), 0);
        matmul_cache_close(mine);
    }
    struct matmul_cache *cache = matmul_cache_load(folder, device, VERSION);
    assert_int_equal(matmul_cache_count(cache), 1);
    assert_true(found_in(cache, &first));
    matmul_cache_close(cache);
    /* of another version, of another form, no file at all: nothing */
    cache = matmul_cache_load(folder, device, VERSION + 1);
    assert_int_equal(matmul_cache_count(cache), 0);
    matmul_cache_close(cache);
    snprintf(text, sizeof text, "%s", only_file(folder));
    assert_int_equal(truncate(text, 0), 0);
    append(text, "sft-bench matmul 2: m n\n1 2\n", 27);
    cache = matmul_cache_load(folder, device, VERSION);
    assert_int_equal(matmul_cache_count(cache), 0);
    matmul_cache_close(cache);
    assert_int_equal(unlink(text), 0);
    assert_int_equal(mkfifo(text, 0600), 0);
    cache = matmul_cache_load(folder, device, VERSION); /* does not wait */
    assert_int_equal(matmul_cache_count(cache), 0);
    matmul_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_added_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_and_versions_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_lines_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines_that_run_into_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_lines_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_forms_are_written_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_of_two_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_folder_costs_only_the_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processes_lose_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_the_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_table_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_in_a_table_stays, setup, teardown),
    };
    return cmocka_run_group_tests_name("matmul cache", tests, NULL, NULL);
}
