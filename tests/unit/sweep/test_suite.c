/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a suite: what a line means, and what is refused, by its line. */
#include "tests/unit/unit.h"

#include "sweep/suite.h"

static struct suite suite;
static struct sweep_options options;

static void parse(const char *text)
{
    struct sft_error err = {""};
    if (suite_parse(&suite, text, strlen(text), "s", &err) < 0)
        fail_msg("%s", err.text);
}

static void test_lines(void **state)
{
    (void)state;
    parse("# comment\n\n name = nightly \r\npartition=gpu\nverify = gemm+pair\nsmoke = gpt2-smoke\n"
          "smoke=lstm\nnodes = 2, 4,8\nrepeat = 5\nmodel = llama-7b,method=lora\n"
          "model = llama-70b:8,data=/a\\,b.json\nwith = seq=2048\n title = a = b, c\n"
          "goals=g.conf");
    assert_string_equal(suite.name, "nightly");
    assert_string_equal(suite.verify, "gemm+pair");
    assert_int_equal(suite.smoke.count, 2);
    assert_string_equal(suite.smoke.at[1].text, "lstm");
    assert_int_equal(suite.smoke.at[1].line, 7);
    assert_int_equal(suite.model.count, 2);
    assert_string_equal(suite.model.at[1].text, "llama-70b:8,data=/a\\,b.json");
    assert_int_equal(suite.repeat, 5);
    assert_string_equal(suite.title, "a = b, c");
    assert_false(suite.fitting);
    parse("model=tiny");
    assert_string_equal(suite.verify, "all");
    assert_int_equal(suite.repeat, SWEEP_REPEAT);
    assert_int_equal(suite.smoke.count, 0);
    assert_string_equal(suite.nodes, "");
}

/* One line each, that names file and line. */
static void test_mistakes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "s: nothing to run in it"},
        {"# x\nname = a\n", "s: nothing to run in it"},
        {"model = tiny\nfaster", "s:2: 'faster' is not of the form key = value"},
        {"model = tiny\nmodels = tiny", "s:2: unknown key 'models'; the keys are: name, "},
        {"models = tiny", "did you mean model?"},
        {"model =", "s:1: 'model' has no value"},
        {"model = llama-9b", "s:1: model: unknown model 'llama-9b'"},
        {"\nmodel = tiny,speed=5", "s:2: model: unknown key 'speed'"},
        {"model = verify:2", "s:1: model: verify:2 trains nothing"},
        {"smoke = lstm:2", "s:1: smoke: a smoke training runs on each node alone: leave :2 out"},
        {"model = tiny\nname = a b", "s:2: name: 'a b' is not of letters"},
        {"name = a\nname = b\nmodel = tiny", "s:2: 'name' stands twice"},
        {"model = tiny\nnodes = 2,,4", "s:2: nodes: '' is no whole number"},
        {"model = tiny\nnodes = 0", "s:2: nodes: '0' is no whole number from 1 to"},
        {"model = tiny\nnodes = 2 4 8",
         "s:2: nodes: '2 4 8' is no whole number from 1 to 16384; commas stand between numbers"},
        {"model = tiny\nnodes = 2, 4 8", "s:2: nodes: '4 8' is no whole number"},
        {"model = tiny\nprice = 4 USD", "s:2: price: '4 USD' is not of the form 4.10 or 600:JPY"},
        {"model = tiny\nprice = -1", "s:2: price: '-1' is no price"},
        {"model x = tiny", "s:1: unknown key 'model x'; the keys are: name, "},
        {"model = tiny\n = 3", "s:2: unknown key ''"},
        {"repeat = 0\nmodel = tiny", "s:1: 'repeat' is '0', no whole number from 1 to 1000"},
        {"repeat = many\nmodel = tiny", "s:1: 'repeat' is 'many', no whole number"},
        {"verify = gemm+nvlnk\nmodel = tiny", "s:1: verify: checks=nvlnk: no such check"},
        {"with = seq\nmodel = tiny", "s:1: with: 'seq' is not of the form key=value"},
        {"with = seq=1\nmodel = tiny", "s:1: with: seq=1: must be a whole number"},
        {"with = nodes=2\nmodel = tiny", "s:1: with: nodes are a line of their own: nodes = 2"},
        {"with = speed=2\nmodel = tiny", "s:1: with: unknown key 'speed'"},
        {"model = tiny\ntitle = a\tb", "s:2: 'title' has a control character"},
    };
    struct sft_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err.text[0] = '\0';
        if (suite_parse(&suite, cases[i][0], strlen(cases[i][0]), "s", &err) == 0)
            fail_msg("case %zu was taken", i);
        assert_contains(err.text, cases[i][1]);
        assert_null(strchr(err.text, '\n'));
    }
    assert_int_equal(suite_parse(&suite, "model=tiny\0", 11, "s", &err), -1);
    assert_contains(err.text, "s: no text");
    char text[700] = "with = out=/";
    memset(text + 12, 'x', 320);
    strcat(text, "\nsmoke = lstm\nmodel = tiny\n");
    assert_int_equal(suite_parse(&suite, text, strlen(text), "s", &err), -1);
    assert_contains(err.text, "s:3: tiny: with its keys it is longer than 300 bytes");
}

static const char *request_of(const char *text, bool smoke)
{
    static char whole[SFT_REQUEST_MAX];
    struct sft_request request;
    struct sft_error err = {""};
    if (suite_request(&suite, &options, smoke, text, &request, &err) < 0)
        fail_msg("%s", err.text);
    sft_request_format(&request, whole, sizeof whole, NULL);
    return whole;
}

/* What a line says itself stands; then the command line, then the file. */
static void test_with(void **state)
{
    (void)state;
    struct sft_request request;
    struct sft_error err = {""};
    char text[SFT_REQUEST_MAX];
    memset(&options, 0, sizeof options);
    parse("model = tiny\nwith = seq=512\nwith = seed=7\nwith = steps=5\nwith = gpus=2\n"
          "with = timeout=30\nwith=method=lora");
    assert_string_equal(request_of("tiny,seq=1024", false),
                        "tiny,gpus=2,steps=5,seq=1024,seed=7,method=lora,timeout=30");
    assert_string_equal(request_of("tiny,method=full,seconds=9", false),
                        "tiny,gpus=2,seconds=9,seq=512,seed=7,method=full,timeout=30");
    assert_string_equal(request_of("lstm", true), "lstm,gpus=2,steps=5,timeout=30");
    options.with[options.with_count++] = "steps=9";
    assert_string_equal(request_of("lstm", true), "lstm,gpus=2,steps=9,timeout=30");
    options.with[options.with_count++] = "speed=9";
    assert_int_equal(suite_request(&suite, &options, true, "lstm", &request, &err), -1);
    assert_contains(err.text, "--with: unknown key 'speed'");
    options.with_count = 1;
    assert_int_equal(suite_verify(&suite, &options, 8, &request, &err), 0);
    sft_request_format(&request, text, sizeof text, NULL);
    assert_string_equal(text, "verify:8,gpus=2,timeout=30");
}

static void test_what_the_command_line_leaves_open(void **state)
{
    (void)state;
    parse("name = n\npartition = gpu\nrepeat = 5\nmodel = tiny");
    memset(&options, 0, sizeof options);
    suite_options(&suite, &options);
    assert_string_equal(options.name, "n");
    assert_string_equal(options.partition, "gpu");
    assert_null(options.account);
    assert_int_equal(options.repeat, 5);
    options = (struct sweep_options){
        .name = "mine", .named = true, .partition = "p", .repeat = 2, .repeated = true};
    suite_options(&suite, &options);
    assert_string_equal(options.name, "mine");
    assert_string_equal(options.partition, "p");
    assert_int_equal(options.repeat, 2);
    parse("model = tiny");
    options = (struct sweep_options){.suite = "/a b/our suite.v2.conf", .now = 1780000000};
    suite_options(&suite, &options);
    assert_true(strncmp(options.name, "our_suite.v2-2026", 17) == 0);
}

static void test_the_standard_suite(void **state)
{
    (void)state;
    suite_standard(&suite);
    assert_true(suite.fitting && suite.smoke.count == 2 && suite.model.count == 3);
    assert_string_equal(suite.verify, "all");
}

/* The installed example, and its goals beside it. */
static void test_the_example(void **state)
{
    (void)state;
    struct sft_error err = {""};
    const char *root = getenv("SFT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/examples/suite.conf", root == NULL ? "." : root);
    if (suite_load(&suite, path, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(suite.model.count, 9);
    assert_contains(suite.goals, "/examples/goals.conf");
    assert_int_equal(suite_load(&suite, "/no/suite.conf", &err), -1);
    assert_contains(err.text, "/no/suite.conf");
}

static void test_the_manual(void **state)
{
    (void)state;
    static char page[1 << 15];
    const char *root = getenv("SFT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/man/sft-suite.5", root == NULL ? "." : root);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    for (const struct sft_field *key = suite_keys(); key->name != NULL; key++) {
        bool told = false;
        for (char *at = page; !told && (at = strstr(at, "\n.It Cm ")) != NULL;) {
            char line[128];
            at += 8;
            snprintf(line, sizeof line, " %.*s ", (int)strcspn(at, "\n"), at);
            char word[64];
            snprintf(word, sizeof word, " %s ", key->name);
            told = strstr(line, word) != NULL;
        }
        if (!told)
            fail_msg("sft-suite(5) does not tell of %s", key->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_with),
        cmocka_unit_test(test_what_the_command_line_leaves_open),
        cmocka_unit_test(test_the_standard_suite),
        cmocka_unit_test(test_the_example),
        cmocka_unit_test(test_the_manual),
    };
    return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
