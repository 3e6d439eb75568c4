/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include <unistd.h>

#include "spank/conf.h"
#include "spank/conf_file.h"

static int parse(struct conf *conf, const char *text, struct sft_error *err)
{
    conf_init(conf);
    return conf_parse(conf, text, strlen(text), "site.conf", err);
}

static void assert_refused(const char *text, const char *message)
{
    struct conf conf;
    struct sft_error err = {""};
    if (parse(&conf, text, &err) == 0)
        fail_msg("'%s' was taken", text);
    assert_string_equal(err.text, message);
}

static void test_every_key_is_read(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = {""};
    assert_int_equal(parse(&conf,
                           "# the site\n\njob = /opt/sft/bin/job\n  partition=gpu  \r\n"
                           "gpus_per_node = 8\ncpus_per_task=14\ndata = /data/a b.json\n"
                           "tokenizer = /data/t.model\nmpi = pmix_v4\ncomment = no\n"
                           "update_seconds = 30\n"
                           "hold_seconds = 120",
                           &err),
                     0);
    assert_string_equal(conf.job, "/opt/sft/bin/job");
    assert_string_equal(conf.partition, "gpu");
    assert_int_equal(conf.gpus_per_node, 8);
    assert_int_equal(conf.cpus_per_task, 14);
    assert_string_equal(conf.data, "/data/a b.json");
    assert_string_equal(conf.tokenizer, "/data/t.model");
    assert_string_equal(conf.mpi, "pmix_v4");
    assert_false(conf.comment);
    assert_int_equal(conf.update_seconds, 30);
    assert_int_equal(conf.hold_seconds, 120);
}

static void test_names_of_data_sets(void **state)
{
    (void)state;
    static struct conf conf;
    struct sft_request request;
    struct sft_error err = {""};
    assert_int_equal(parse(&conf,
                           "data = mine\ndata.mine = /old\ndata.mine = /shared/a.json+/shared/b\n"
                           "data.other-2 = /shared/o\n",
                           &err),
                     0);
    sft_request_init(&request);
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.data, "/shared/a.json+/shared/b");
    assert_string_equal(request.eval, "");
    strcpy(request.data, "other-2");
    strcpy(request.eval, "mine");
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.data, "/shared/o");
    assert_string_equal(request.eval, "/shared/a.json+/shared/b");
    char names[CONF_DATA_NAMES];
    assert_true(conf_data_misses(&conf.sets, "others", names));
    assert_string_equal(names, "mine, other-2");
    assert_false(conf_data_misses(&conf.sets, "mine", names));
    assert_false(conf_data_misses(&conf.sets, "others.json", names));
    assert_false(conf_data_misses(&conf.sets, "synthetic", names));
    assert_false(conf_data_misses(&conf.sets, "", names));
    strcpy(request.eval, "0.05");
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.eval, "0.05");
    strcpy(request.data, "/shared/other-2");
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.data, "/shared/other-2");
    static struct conf_data full;
    for (int i = 0; i < CONF_DATA_MOST; i++) {
        char key[64];
        snprintf(key, sizeof key, "data.a-name-of-20-letter%02d", i);
        assert_int_equal(conf_data_set(&full, key, "/a", &err), 0);
    }
    assert_true(conf_data_misses(&full, "a-name", names));
    assert_true(strlen(names) < CONF_DATA_NAMES && strlen(names) > CONF_DATA_NAMES / 2);
    assert_string_equal(names + strlen(names) - 5, ", ...");
    assert_refused("data. = /a\n",
                   "site.conf:1: data.: a name has 1 to 31 letters, digits, - and _");
    assert_refused("data.a b = /a\n",
                   "site.conf:1: data.a b: a name has 1 to 31 letters, digits, - and _");
    assert_refused("data.synthetic = /a\n",
                   "site.conf:1: data.synthetic: data=synthetic is drawn, and no file's name");
    assert_refused("data.a =\n", "site.conf:1: data.a: the value is missing");
    assert_refused("data.a = a.json\n", "site.conf:1: data.a: 'a.json' is no absolute path");
    char many[33 * 32] = "";
    for (int i = 0; i < 33; i++)
        sprintf(many + strlen(many), "data.n%d = /d\n", i);
    assert_refused(many, "site.conf:33: data.n32: the list has 32 names already");
}

static void test_an_empty_file_leaves_the_defaults(void **state)
{
    (void)state;
    struct conf conf;
    assert_int_equal(parse(&conf, "", NULL), 0);
    assert_contains(conf.job, "/sft-bench-job");
    assert_string_equal(conf.mpi, "pmix");
    assert_int_equal(conf.gpus_per_node, -1);
    assert_int_equal(conf.cpus_per_task, -1);
    assert_int_equal(conf.update_seconds, 60);
    assert_int_equal(conf.hold_seconds, 900);
    assert_true(conf.comment);
}

static void test_complaints_name_file_and_line(void **state)
{
    (void)state;
    assert_refused("\n\nnonsense\n", "site.conf:3: 'nonsense' is not of the form key = value");
    assert_refused(
        "gpu = 8",
        "site.conf:1: unknown key 'gpu'; known are job, partition, gpus_per_node, "
        "cpus_per_task, data, tokenizer, ceilings, history, tuned, mpi, comment, update_seconds, "
        "hold_seconds, "
        "fabric, "
        "fabric_exclude, fabric_addresses, socket_interface, traffic_class, "
        "adaptive_routing, qps_per_connection, split_data_on_qps, cross_nic, net_plugin, "
        "topo_file, nccl_env, exclude_hosts, nvlink_gbs, nic_gbs, peak_tflops; did you mean "
        "gpus_per_node?");
    assert_refused("# c\ngpus_per_node = many", "site.conf:2: gpus_per_node: 'many' is no number");
    assert_refused("gpus_per_node = 65", "site.conf:1: gpus_per_node: 65 is out of range, 0 to 64");
    assert_refused("update_seconds = 99999999999999999999",
                   "site.conf:1: update_seconds: 99999999999999999999 is out of range, 1 to 86400");
    assert_refused("comment = maybe", "site.conf:1: comment: 'maybe' is neither yes nor no");
    assert_refused("job = bin/job", "site.conf:1: job: 'bin/job' is no absolute path");
    assert_refused("mpi =", "site.conf:1: mpi: the value is missing");
}

static void test_overlong_things_are_refused(void **state)
{
    (void)state;
    char text[3 * CONF_PATH];
    memset(text, 'x', sizeof text);
    memcpy(text, "data=", 5);
    text[5 + CONF_PATH] = '\0';
    assert_refused(text, "site.conf:1: data: longer than 1023 bytes");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_refused(text, "site.conf:1: the line is longer than 2047 bytes");
}

static void test_a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = {""};
    conf_init(&conf);
    assert_int_equal(conf_parse(&conf, "mpi=a\nmpi\0=b", 12, "f", &err), -1);
    assert_string_equal(err.text, "f:2: the line holds a NUL byte");
}

static void test_plugstack_arguments(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = {""};
    char file[] = "/tmp/test_conf.XXXXXX", argument[64];
    int fd = mkstemp(file);
    assert_int_equal(write(fd, "job=/a\nmpi=none\n", 16), 16);
    close(fd);
    snprintf(argument, sizeof argument, "config=%s", file);
    assert_int_equal(conf_load(&conf, 2, (char *[]){"job=/b", argument}, &err), 0);
    unlink(file);
    assert_string_equal(conf.job, "/b"); /* the argument wins */
    assert_string_equal(conf.mpi, "none");
    assert_int_equal(conf_load(&conf, 1, (char *[]){argument}, &err), -1);
    assert_contains(err.text, "No such file");
    assert_contains(err.text, file);
    assert_int_equal(conf_load(&conf, 1, (char *[]){"jobs=/b"}, &err), -1);
    assert_contains(err.text, "unknown argument 'jobs=/b'");
    assert_int_equal(conf_load(&conf, 1, (char *[]){"job=b"}, &err), -1);
    assert_string_equal(err.text, "plugstack.conf: job: 'b' is no absolute path");
}

/* In a folder of its own, DIR/conf with this mode; what loading it says. */
static void assert_mode(mode_t folder, mode_t file, const char *link, const char *part)
{
    struct conf conf;
    struct sft_error err = {""};
    char dir[] = "/tmp/test_conf.XXXXXX", path[64], other[64], argument[80];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/conf", dir);
    snprintf(other, sizeof other, "%s/link", dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "# c\npartition = gpu\n\nexclude_hosts = a\n");
    fclose(out);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(chmod(path, file), 0);
    assert_int_equal(chmod(dir, folder), 0);
    snprintf(argument, sizeof argument, "config=%s", link != NULL ? other : path);
    int rc = conf_load(&conf, 1, (char *[]){argument}, &err);
    unlink(path);
    unlink(other);
    rmdir(dir);
    if (part == NULL) {
        if (rc < 0)
            fail_msg("%s", err.text);
        char place[128], expected[128];
        snprintf(expected, sizeof expected, "%s:4", argument + 7);
        assert_string_equal(conf_place(&conf, "exclude_hosts", place, sizeof place), expected);
        snprintf(expected, sizeof expected, "%s:2", argument + 7);
        assert_string_equal(conf_place(&conf, "partition", place, sizeof place), expected);
    } else {
        assert_int_equal(rc, -1);
        assert_contains(err.text, part);
        assert_contains(err.text, dir);
    }
}

static void test_who_may_write_it(void **state)
{
    (void)state;
    assert_mode(0755, 0644, NULL, NULL);
    assert_mode(0755, 0600, NULL, NULL);
    assert_mode(01777, 0644, NULL, NULL); /* in such a folder nobody removes what is another's */
    assert_mode(0755, 0644, "link", NULL);
    assert_mode(0755, 0664, NULL, "mode 0664");
    assert_mode(0755, 0646, NULL, "mode 0646");
    assert_mode(0755, 0666, "link", "mode 0666");
    assert_mode(0775, 0644, NULL, "mode 0775");
    assert_mode(0757, 0644, "link", "mode 0757");
}

/* Only root can give a file away. */
static void test_whose_it_is(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = {""};
    char file[] = "/tmp/test_conf.XXXXXX", argument[64];
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    snprintf(argument, sizeof argument, "config=%s", file);
    if (chown(file, 4711, (gid_t)-1) == 0) {
        assert_int_equal(conf_load(&conf, 1, (char *[]){argument}, &err), -1);
        assert_contains(err.text, "owner 4711");
        conf_file_trust(4711); /* SlurmUser */
    }
    assert_int_equal(conf_load(&conf, 1, (char *[]){argument}, &err), 0);
    conf_file_trust(0);
    unlink(file);
}

static void test_the_network(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_error err = {""};
    if (parse(&conf,
              "fabric = spectrum-x\nfabric_exclude = mlx5_4:2,eth*\nfabric_addresses = "
              "10.1.0.0/16, fd00::/8\n"
              "socket_interface = ^docker\ntraffic_class = 96\nadaptive_routing = 1\n"
              "qps_per_connection = 4\nsplit_data_on_qps = 0\ncross_nic = 0\nnet_plugin = spcx\n"
              "topo_file = /etc/t.xml\nnccl_env = NCCL_DEBUG=INFO\nnccl_env = NCCL_ALGO=Ring\n"
              "nccl_env = NCCL_DEBUG=WARN\nexclude_hosts = n[1,3-5],m7\nnvlink_gbs = 366.5\n"
              "nic_gbs = 92\npeak_tflops = 989.5\n",
              &err) < 0)
        fail_msg("%s", err.text);
    const struct conf_fabric *f = &conf.fabric;
    assert_true(f->spectrum_x);
    assert_string_equal(f->exclude, "mlx5_4:2,eth*");
    assert_string_equal(f->addresses, "10.1.0.0/16, fd00::/8");
    assert_string_equal(f->socket_interface, "^docker");
    assert_int_equal(f->traffic_class, 96);
    assert_int_equal(f->adaptive_routing, 1);
    assert_int_equal(f->qps_per_connection, 4);
    assert_int_equal(f->split_data_on_qps, 0);
    assert_int_equal(f->cross_nic, 0);
    assert_string_equal(f->net_plugin, "spcx");
    assert_string_equal(f->topo_file, "/etc/t.xml");
    assert_int_equal(f->envs, 2);
    assert_string_equal(f->env[0], "NCCL_DEBUG=WARN");
    assert_string_equal(f->env[1], "NCCL_ALGO=Ring");
    assert_string_equal(f->exclude_hosts, "n[1,3-5],m7");
    assert_true(f->nvlink_gbs == 366.5 && f->nic_gbs == 92 && f->peak_tflops == 989.5);
}

static void test_what_is_wrong_with_the_network(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"fabric = roce", "fabric: 'roce' is neither generic nor spectrum-x"},
        {"fabric_exclude = mlx5_0,,mlx5_1", "an element of the list is empty"},
        {"fabric_exclude = $(reboot)", "is no list of NICs like mlx5_4,eth*"},
        {"fabric_addresses = 10.1.0.0", "'10.1.0.0' is no range of addresses like 10.1.0.0/16"},
        {"fabric_addresses = 10.1.0.0/40", "the prefix is not from 1 to 32"},
        {"socket_interface = ==eth0", "= or ^ stands once, in front"},
        {"socket_interface = eth 0", "is no list of interfaces like eth0"},
        {"traffic_class = 256", "traffic_class: 256 is out of range, 0 to 255"},
        {"cross_nic = 3", "cross_nic: 3 is out of range, 0 to 2"},
        {"topo_file = vm.xml", "topo_file: 'vm.xml' is no absolute path"},
        {"nccl_env = PATH=/tmp", "is not of the form NCCL_NAME=VALUE"},
        {"nccl_env = NCCL_DEBUG", "is not of the form NCCL_NAME=VALUE"},
        {"nccl_env = NCCL_DEBUG=", "NCCL_DEBUG: the value is missing"},
        {"exclude_hosts = n[1-3", "the brackets do not match"},
        {"nvlink_gbs = fast", "nvlink_gbs: 'fast' is no number"},
        {"peak_tflops = nan", "peak_tflops: 'nan' is no number"},
        {"nic_gbs = 0", "nic_gbs: 0 is out of range, 1 to 10000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf conf;
        struct sft_error err = {""};
        if (parse(&conf, cases[i].line, &err) == 0)
            fail_msg("'%s' was taken", cases[i].line);
        assert_contains(err.text, "site.conf:1: ");
        assert_contains(err.text, cases[i].message);
    }
}

/* The site fills what the user left open, and nothing else. */
static void test_a_request_is_filled(void **state)
{
    (void)state;
    struct conf conf;
    struct sft_request request;
    struct sft_error err = {""};
    assert_int_equal(
        parse(&conf,
              "data = /site.json\ntokenizer = /site.model\nnvlink_gbs = 300\npeak_tflops = 900\n"
              "ceilings = /site.ceilings",
              &err),
        0);
    assert_int_equal(sft_request_parse(&request, "tiny:1,data=/mine.json,peak=100", &err), 0);
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.data, "/mine.json");
    request.data[0] = '\0'; /* a model that classifies draws its samples */
    request.preset = sft_preset_find("lstm");
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.data, "");
    assert_string_equal(request.tokenizer, "/site.model");
    request.tokenizer[0] = '\0';
    strcpy(request.weights, "/checkpoint"); /* has its own */
    conf_fill_texts(&conf, &request);
    assert_string_equal(request.tokenizer, "");
    assert_true(request.nvlink_gbs == -1 && request.ceilings[0] == '\0');
    conf_fill_figures(&conf, &request);
    assert_string_equal(request.ceilings, "/site.ceilings");
    assert_true(request.nvlink_gbs == 300 && request.nic_gbs == -1 && request.peak == 100);
}

static const char *read_file(const char *name)
{
    static char text[65536];
    const char *folder = getenv("SFT_SRCDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* What the manual's item says of a key: where it ends. */
static void assert_item(const char *manual, const struct sft_field *key)
{
    char word[160], text[128];
    snprintf(word, sizeof word, "\n.It Cm %s\n", key->name);
    if (key->scope == SFT_SCOPE_ARGUMENT)
        snprintf(word, sizeof word, "\n.It Cm %s Ns = Ns Ar %s\n", key->name, key->argument);
    const char *item = strstr(manual, word);
    if (item == NULL)
        fail_msg("no item %s", key->name);
    const char *end = strstr(item + 1, "\n.It Cm");
    char *said = strndup(item, end == NULL ? strlen(item) : (size_t)(end - item));
    if (sft_field_default(key, text, sizeof text)[0] != '\0') {
        snprintf(word, sizeof word, "\nDefault: %s.", text);
        assert_contains(said, word);
    }
    snprintf(word, sizeof word, "from %.16g to %.16g", key->min, key->max);
    if (key->max - key->min <= 2)
        snprintf(word, sizeof word, key->max > 1 ? "0, 1 or 2" : "0 or 1");
    if (key->max > 0)
        assert_contains(said, word);
    free(said);
}

/* The manual has every key with default and range, and the example every key and no other. */
static void test_manual_and_example(void **state)
{
    (void)state;
    const struct sft_field *const tables[] = {conf_keys(), conf_fabric_keys()};
    const char *text = read_file("man/sft-bench.conf.5");
    for (int i = 0; i < 2; i++)
        for (const struct sft_field *key = tables[i]; key->name != NULL; key++)
            assert_item(text, key);
    int keys = 0, lines = 0;
    text = read_file("contrib/slurm/sft-bench.conf");
    for (int i = 0; i < 2; i++)
        for (const struct sft_field *key = tables[i]; key->name != NULL; key++) {
            char word[80];
            if (key->scope == SFT_SCOPE_ARGUMENT)
                continue;
            snprintf(word, sizeof word, "\n#%s = ", key->name);
            assert_contains(text, word);
            keys++;
        }
    for (const char *at = text; (at = strstr(at, "\n#")) != NULL; at++)
        lines += at[2] != ' ' && at[2] != '\n';
    assert_int_equal(lines, keys);
}

/* What stands in the example is what the parser takes, and nothing in it is set. */
static void test_the_example_is_read(void **state)
{
    (void)state;
    static char all[65536];
    struct conf conf;
    struct sft_error err = {""};
    const char *text = read_file("contrib/slurm/sft-bench.conf");
    assert_int_equal(parse(&conf, text, &err), 0);
    assert_int_equal(conf.gpus_per_node, -1);
    size_t used = 0;
    for (const char *at = text; *at != '\0'; at++)
        if (*at != '#' || at[1] == ' ' || at[1] == '\n')
            all[used++] = *at;
    if (parse(&conf, all, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(conf.gpus_per_node, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_names_of_data_sets),
        cmocka_unit_test(test_an_empty_file_leaves_the_defaults),
        cmocka_unit_test(test_complaints_name_file_and_line),
        cmocka_unit_test(test_overlong_things_are_refused),
        cmocka_unit_test(test_a_nul_byte_is_refused),
        cmocka_unit_test(test_plugstack_arguments),
        cmocka_unit_test(test_who_may_write_it),
        cmocka_unit_test(test_whose_it_is),
        cmocka_unit_test(test_the_network),
        cmocka_unit_test(test_what_is_wrong_with_the_network),
        cmocka_unit_test(test_a_request_is_filled),
        cmocka_unit_test(test_manual_and_example),
        cmocka_unit_test(test_the_example_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
