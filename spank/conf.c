/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/conf.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spank/conf_file.h"

#ifndef SFT_BINDIR
#define SFT_BINDIR "/usr/bin"
#endif
#ifndef SFT_SYSCONFDIR
#define SFT_SYSCONFDIR "/etc"
#endif

enum conf_type { CONF_TEXT, CONF_ABSOLUTE, CONF_NUMBER, CONF_REAL, CONF_YES_NO, CONF_FABRIC };

struct conf_field {
    enum conf_type type;
    size_t offset, size;
    long min, max;
    int (*fabric)(struct conf_fabric *fabric, const char *value, struct sft_error *err);
};

static const struct conf_key keys[] = {
    {"job", "FILE", "path of sft-bench-job on the compute nodes"},
    {"partition", "NAME", "partition to run in when the user names none"},
    {"gpus_per_node", "N", "GPUs of every node, in place of what gres says"},
    {"cpus_per_task", "N", "CPUs of a task, in place of the node's CPUs shared out"},
    {"data", "FILE", "data of a request that names none"},
    {"tokenizer", "FILE", "tokenizer of a request that names none"},
    {"mpi", "TYPE", "type for srun's --mpi (pmix)"},
    {"comment", "yes|no", "write the record into the job's comment, too (yes)"},
    {"update_seconds", "N", "longest time between two updates of a running job's record (60)"},
    {"hold_seconds", "N",
     "longest time that a run's end waits for slurmctld to take its record (900)"},
    {"fabric", "generic|spectrum-x", "the network's kind (generic)"},
    {"fabric_exclude", "NIC,...", "NICs that carry no collectives: mlx5_4,eth*"},
    {"fabric_addresses", "RANGE,...", "addresses of the fabric: 10.1.0.0/16,fd00::/8"},
    {"socket_interface", "NAME", "interface of NCCL's sockets, in place of the default route's"},
    {"traffic_class", "N", "NCCL_IB_TC"},
    {"adaptive_routing", "0|1", "NCCL_IB_ADAPTIVE_ROUTING (1 with spectrum-x)"},
    {"qps_per_connection", "N", "NCCL_IB_QPS_PER_CONNECTION"},
    {"split_data_on_qps", "0|1", "NCCL_IB_SPLIT_DATA_ON_QPS"},
    {"cross_nic", "0|1|2", "NCCL_CROSS_NIC (2); 0 on rail-only fabrics"},
    {"net_plugin", "NAME", "NCCL_NET_PLUGIN: spcx is Spectrum-X's"},
    {"topo_file", "FILE", "NCCL_TOPO_FILE, for virtual machines"},
    {"nccl_env", "NAME=VALUE", "any other variable of NCCL; on several lines"},
    {"exclude_hosts", "HOST,...", "hosts that runs leave out: node[3,5-7]"},
    {"nvlink_gbs", "GB/s", "what a GPU's NVLink carries one way"},
    {"nic_gbs", "GB/s", "what a node's NICs carry together one way"},
    {"peak_tflops", "TFLOPS", "a GPU's dense bf16 peak"},
    {NULL, NULL, NULL},
};

/* The fields stand in the order of the keys. */
#define TEXT(member) offsetof(struct conf, member), sizeof((struct conf *)0)->member

#define FABRIC(member) TEXT(fabric.member)
#define READ(function) 0, 0, 0, 0, conf_fabric_##function

static const struct conf_field fields[] = {
    {CONF_ABSOLUTE, TEXT(job), 0, 0, NULL},
    {CONF_TEXT, TEXT(partition), 0, 0, NULL},
    {CONF_NUMBER, TEXT(gpus_per_node), 0, 64, NULL},
    {CONF_NUMBER, TEXT(cpus_per_task), 1, 65535, NULL},
    {CONF_TEXT, TEXT(data), 0, 0, NULL},
    {CONF_TEXT, TEXT(tokenizer), 0, 0, NULL},
    {CONF_TEXT, TEXT(mpi), 0, 0, NULL},
    {CONF_YES_NO, TEXT(comment), 0, 0, NULL},
    {CONF_NUMBER, TEXT(update_seconds), 1, 86400, NULL},
    {CONF_NUMBER, TEXT(hold_seconds), 1, 86400, NULL},
    {CONF_FABRIC, READ(profile)},
    {CONF_FABRIC, READ(exclude)},
    {CONF_FABRIC, READ(addresses)},
    {CONF_FABRIC, READ(interface)},
    {CONF_NUMBER, FABRIC(traffic_class), 0, 255, NULL},
    {CONF_NUMBER, FABRIC(adaptive_routing), 0, 1, NULL},
    {CONF_NUMBER, FABRIC(qps_per_connection), 1, 128, NULL},
    {CONF_NUMBER, FABRIC(split_data_on_qps), 0, 1, NULL},
    {CONF_NUMBER, FABRIC(cross_nic), 0, 2, NULL},
    {CONF_FABRIC, READ(plugin)},
    {CONF_ABSOLUTE, FABRIC(topo_file), 0, 0, NULL},
    {CONF_FABRIC, READ(env)},
    {CONF_FABRIC, READ(hosts)},
    {CONF_REAL, FABRIC(nvlink_gbs), 1, 10000, NULL},
    {CONF_REAL, FABRIC(nic_gbs), 1, 10000, NULL},
    {CONF_REAL, FABRIC(peak_tflops), 1, 100000, NULL},
};

_Static_assert(sizeof fields / sizeof fields[0] + 1 == sizeof keys / sizeof keys[0],
               "a key without its field");

const struct conf_key *conf_keys(void)
{
    return keys;
}

void conf_init(struct conf *conf)
{
    memset(conf, 0, sizeof *conf);
    snprintf(conf->job, sizeof conf->job, "%s", SFT_BINDIR "/sft-bench-job");
    snprintf(conf->mpi, sizeof conf->mpi, "pmix");
    conf->gpus_per_node = conf->cpus_per_task = -1;
    conf->update_seconds = 60;
    conf->hold_seconds = 900;
    conf->comment = true;
    conf_fabric_init(&conf->fabric);
}

static int conf_number(int *field, const char *key, const char *value, long min, long max,
                       struct sft_error *err)
{
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0')
        return sft_error_set(err, "%s: '%s' is no number", key, value);
    if (errno != 0 || number < min || number > max)
        return sft_error_set(err, "%s: %s is out of range, %ld to %ld", key, value, min, max);
    *field = (int)number;
    return 0;
}

static int conf_real(double *field, const char *key, const char *value, long min, long max,
                     struct sft_error *err)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(number))
        return sft_error_set(err, "%s: '%s' is no number", key, value);
    if (number < (double)min || number > (double)max)
        return sft_error_set(err, "%s: %s is out of range, %ld to %ld", key, value, min, max);
    *field = number;
    return 0;
}

static int conf_yes_no(bool *field, const char *key, const char *value, struct sft_error *err)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return sft_error_set(err, "%s: '%s' is neither yes nor no", key, value);
    *field = value[0] == 'y';
    return 0;
}

static int conf_text(char *field, size_t size, const char *key, const char *value,
                     struct sft_error *err)
{
    if (strlen(value) >= size)
        return sft_error_set(err, "%s: longer than %zu bytes", key, size - 1);
    strcpy(field, value);
    return 0;
}

static int conf_unknown(const char *key, struct sft_error *err)
{
    char names[768] = "";
    for (const struct conf_key *k = keys; k->name != NULL; k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k == keys ? "" : ", ",
                 k->name);
    return sft_error_set(err, "unknown key '%s'; known are %s", key, names);
}

static int conf_set(struct conf *conf, const char *key, const char *value, struct sft_error *err)
{
    size_t i = 0;
    while (keys[i].name != NULL && strcmp(keys[i].name, key) != 0)
        i++;
    if (keys[i].name == NULL)
        return conf_unknown(key, err);
    const struct conf_field *f = &fields[i];
    if (strcmp(key, "partition") == 0)
        conf->partition_line = conf->line;
    if (strcmp(key, "exclude_hosts") == 0)
        conf->fabric.hosts_line = conf->line;
    void *field = (char *)conf + f->offset;
    if (*value == '\0')
        return sft_error_set(err, "%s: the value is missing", key);
    if (f->type == CONF_NUMBER)
        return conf_number(field, key, value, f->min, f->max, err);
    if (f->type == CONF_REAL)
        return conf_real(field, key, value, f->min, f->max, err);
    if (f->type == CONF_FABRIC)
        return f->fabric(&conf->fabric, value, err) < 0 ? sft_error_prefix(err, "%s", key) : 0;
    if (f->type == CONF_YES_NO)
        return conf_yes_no(field, key, value, err);
    if (f->type == CONF_ABSOLUTE && value[0] != '/')
        return sft_error_set(err, "%s: '%s' is no absolute path", key, value);
    return conf_text(field, f->size, key, value, err);
}

/* Cut white space off both ends, in place. */
static char *conf_trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int conf_line(struct conf *conf, char *line, struct sft_error *err)
{
    char *key = conf_trim(line);
    if (*key == '\0' || *key == '#')
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return sft_error_set(err, "'%.60s' is not of the form key = value", key);
    *equals = '\0';
    return conf_set(conf, conf_trim(key), conf_trim(equals + 1), err);
}

int conf_parse(struct conf *conf, const char *text, size_t length, const char *name,
               struct sft_error *err)
{
    char line[2 * CONF_PATH];
    const char *end = text + length;
    for (int number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop != NULL ? stop : end) - text);
        if (size >= sizeof line)
            return sft_error_set(err, "%s:%d: the line is longer than %zu bytes", name, number,
                                 sizeof line - 1);
        if (memchr(text, '\0', size) != NULL)
            return sft_error_set(err, "%s:%d: the line holds a NUL byte", name, number);
        memcpy(line, text, size);
        line[size] = '\0';
        conf->line = number;
        if (conf_line(conf, line, err) < 0)
            return sft_error_prefix(err, "%s:%d", name, number);
        text += size + 1;
    }
    return 0;
}

static int conf_file(struct conf *conf, const char *path, bool must_exist, struct sft_error *err)
{
    size_t length;
    bool missing;
    char *text = conf_file_read(path, must_exist, &length, &missing, err);
    snprintf(conf->file, sizeof conf->file, "%s", path);
    int rc = text != NULL ? conf_parse(conf, text, length, path, err) : missing ? 0 : -1;
    free(text);
    return rc;
}

const char *conf_place(const struct conf *conf, const char *key, char *text, size_t size)
{
    int line = strcmp(key, "partition") == 0 ? conf->partition_line : conf->fabric.hosts_line;
    snprintf(text, size, "%s:%d", conf->file, line);
    return text;
}

static int conf_default_file(struct conf *conf, struct sft_error *err)
{
    static const char *const places[] = {SFT_SYSCONFDIR "/sft-bench.conf",
                                         "/etc/slurm/sft-bench.conf"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], F_OK) == 0)
            return conf_file(conf, places[i], false, err);
    return 0;
}

static const char *conf_argument(const char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

int conf_load(struct conf *conf, int ac, char **av, struct sft_error *err)
{
    const char *file = NULL, *job = NULL, *root = NULL;
    conf_init(conf);
    for (int i = 0; i < ac; i++) {
        if (conf_argument(av[i], "config") != NULL)
            file = conf_argument(av[i], "config");
        else if (conf_argument(av[i], "job") != NULL)
            job = conf_argument(av[i], "job");
        else if (conf_argument(av[i], "root") != NULL)
            root = conf_argument(av[i], "root");
        else
            return sft_error_set(err,
                                 "plugstack.conf: unknown argument '%s'; known are "
                                 "config=FILE, job=FILE and root=DIR",
                                 av[i]);
    }
    if ((file != NULL ? conf_file(conf, file, true, err) : conf_default_file(conf, err)) < 0)
        return -1;
    if ((job != NULL && conf_set(conf, "job", job, err) < 0) ||
        (root != NULL && conf_text(conf->root, sizeof conf->root, "root", root, err) < 0))
        return sft_error_prefix(err, "plugstack.conf");
    return 0;
}

static void fill_text(char *field, const char *site)
{
    if (field[0] == '\0' && site[0] != '\0')
        strcpy(field, site); /* both CONF_PATH == SFT_REQUEST_PATH */
}
_Static_assert(CONF_PATH == SFT_REQUEST_PATH, "a site's path fits into a request");

void conf_fill_texts(const struct conf *conf, struct sft_request *request)
{
    fill_text(request->data, conf->data);
    fill_text(request->tokenizer, conf->tokenizer);
}

static void fill_figure(double *field, double site)
{
    if (*field < 0 && site > 0)
        *field = site;
}

void conf_fill_figures(const struct conf *conf, struct sft_request *request)
{
    fill_figure(&request->nvlink_gbs, conf->fabric.nvlink_gbs);
    fill_figure(&request->nic_gbs, conf->fabric.nic_gbs);
    fill_figure(&request->peak, conf->fabric.peak_tflops);
}
