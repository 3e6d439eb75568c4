/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/conf.h"

#include <ctype.h>
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

#define FIELD(member) offsetof(struct conf, member), sizeof(((struct conf *)NULL)->member)

/* Those of the network follow in conf_fabric_keys. */
static const struct sft_field keys[] = {
    {"config", SFT_FIELD_TEXT, FIELD(file), .scope = SFT_SCOPE_ARGUMENT, .argument = "FILE",
     .help = "the site's file, in place of the default one"},
    {"job", SFT_FIELD_PATH, FIELD(job), .scope = SFT_SCOPE_ARGUMENT_TOO, .argument = "FILE",
     .standard = SFT_BINDIR "/sft-bench-job", .otherwise = "where it was installed",
     .example = "/usr/bin/sft-bench-job", .help = "path of the job's binary on the nodes"},
    {"partition", SFT_FIELD_TEXT, FIELD(partition), .argument = "NAME",
     .otherwise = "the cluster's", .example = "gpu",
     .help = "partition to run in when the user names none"},
    {"gpus_per_node", SFT_FIELD_INT, FIELD(gpus_per_node), 0, 64, .argument = "N", .example = "8",
     .help = "GPUs of every node, in place of what Slurm says of the nodes"},
    {"cpus_per_task", SFT_FIELD_INT, FIELD(cpus_per_task), 1, 65535, .argument = "N",
     .example = "14", .help = "CPUs of a task, in place of its GPU's share of the node's cores"},
    {"data", SFT_FIELD_TEXT, FIELD(data), .argument = "FILE", .example = "/shared/sft/alpaca.json",
     .help = "records (JSON) that every node can read, or synthetic, for "
             "requests that name none"},
    {"tokenizer", SFT_FIELD_TEXT, FIELD(tokenizer), .argument = "FILE",
     .example = "/shared/sft/llama2-tokenizer.model",
     .help = "tokenizer that every node can read, a file or a model's folder, or bytes, for "
             "requests that "
             "name none"},
    {"ceilings", SFT_FIELD_PATH, FIELD(ceilings), .argument = "FILE",
     .example = "/shared/sft/ceilings.conf",
     .help = "what this site's GPUs sustain, sft-ceilings(5), that every node can read"},
    {"history", SFT_FIELD_PATH, FIELD(history), .argument = "DIR", .example = "/shared/sft/verify",
     .help = "folder in which verify leaves its figures by node, that every node can write to"},
    {"tuned", SFT_FIELD_PATH, FIELD(tuned), .argument = "DIR", .example = "/shared/sft/tuned",
     .help = "folder of timed choices of matrix products, that every node can read: a first step "
             "takes seconds less"},
    {"mpi", SFT_FIELD_TEXT, FIELD(mpi), .argument = "TYPE", .standard = "pmix",
     .help = "type for srun's --mpi"},
    {"comment", SFT_FIELD_FLAG, FIELD(comment), .standard = "yes",
     .help = "write the record into the job's comment, too; the admin comment always gets it"},
    {"update_seconds", SFT_FIELD_INT, FIELD(update_seconds), 1, 86400, .argument = "N",
     .standard = "60",
     .help = "longest time between two updates of a running job's record, seconds"},
    {"hold_seconds", SFT_FIELD_INT, FIELD(hold_seconds), 1, 86400, .argument = "N",
     .standard = "900",
     .help =
         "longest time that the end of a good run waits for slurmctld to take its record, seconds"},
    {"root", SFT_FIELD_TEXT, FIELD(root), .scope = SFT_SCOPE_ARGUMENT, .argument = "DIR",
     .help = "for tests: GPUs and NICs are those of sys/ and proc/ below it"},
    {.name = NULL},
};

const struct sft_field *conf_keys(void)
{
    return keys;
}

void conf_init(struct conf *conf)
{
    memset(conf, 0, sizeof *conf);
    sft_fields_default(keys, conf, false);
    conf_fabric_init(&conf->fabric);
}

static int conf_refuse(const struct sft_field *field, enum sft_fault fault, const char *value,
                       struct sft_error *err)
{
    char words[128];
    switch (fault) {
    case SFT_FAULT_NONE:
        break;
    case SFT_FAULT_EMPTY:
        return sft_error_set(err, "%s: the value is missing", field->name);
    case SFT_FAULT_NUMBER:
        return sft_error_set(err, "%s: '%s' is no number", field->name, value);
    case SFT_FAULT_RANGE:
        return sft_error_set(err, "%s: %s is out of range, %.0f to %.0f", field->name, value,
                             field->min, field->max);
    case SFT_FAULT_WORD:
        return sft_error_set(err, "%s: '%.60s' is neither %s", field->name, value,
                             sft_field_words(field, " nor ", words, sizeof words));
    case SFT_FAULT_LONG:
        return sft_error_set(err, "%s: longer than %zu bytes", field->name, field->size - 1);
    case SFT_FAULT_CONTROL:
        return sft_error_set(err, "%s: a control character", field->name);
    case SFT_FAULT_RELATIVE:
        return sft_error_set(err, "%s: '%s' is no absolute path", field->name, value);
    case SFT_FAULT_CHECK:
        return sft_error_prefix(err, "%s", field->name);
    }
    return 0;
}

static int conf_unknown(const char *key, struct sft_error *err)
{
    struct nearest nearest;
    char own[256], network[512], meant[96];
    nearest_begin(&nearest, key);
    sft_fields_offer(keys, &nearest);
    sft_fields_offer(conf_fabric_keys(), &nearest);
    return sft_error_set(err, "unknown key '%s'; known are %s, %s%s", key,
                         sft_field_names(keys, own, sizeof own),
                         sft_field_names(conf_fabric_keys(), network, sizeof network),
                         nearest_ask(&nearest, meant, sizeof meant));
}

static int conf_set(struct conf *conf, const char *key, const char *value, struct sft_error *err)
{
    void *object = conf;
    if (strncmp(key, "data.", 5) == 0)
        return conf_data_set(&conf->sets, key, value, err);
    const struct sft_field *field = sft_field_find(keys, key);
    if (field == NULL) {
        object = &conf->fabric;
        field = sft_field_find(conf_fabric_keys(), key);
    }
    if (field == NULL || field->scope == SFT_SCOPE_ARGUMENT)
        return conf_unknown(key, err);
    if (strcmp(key, "partition") == 0)
        conf->partition_line = conf->line;
    if (strcmp(key, "exclude_hosts") == 0)
        conf->fabric.hosts_line = conf->line;
    return conf_refuse(field, sft_field_read(field, object, value, err), value, err);
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

static int conf_file(struct conf *conf, bool must_exist, struct sft_error *err)
{
    size_t length;
    bool missing;
    char *text = conf_file_read(conf->file, must_exist, &length, &missing, err);
    int rc = text != NULL ? conf_parse(conf, text, length, conf->file, err) : missing ? 0 : -1;
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
        if (access(places[i], F_OK) == 0) {
            snprintf(conf->file, sizeof conf->file, "%s", places[i]);
            return conf_file(conf, false, err);
        }
    return 0;
}

static bool is_argument(const struct sft_field *field)
{
    return field->scope == SFT_SCOPE_ARGUMENT || field->scope == SFT_SCOPE_ARGUMENT_TOO;
}

/* From this row on. */
static const struct sft_field *argument_next(const struct sft_field *field)
{
    while (field->name != NULL && !is_argument(field))
        field++;
    return field;
}

static int argument_unknown(const char *word, struct sft_error *err)
{
    char known[128] = "";
    const struct sft_field *next, *field = argument_next(keys);
    for (; field->name != NULL; field = next) {
        size_t used = strlen(known);
        next = argument_next(field + 1);
        const char *between = next->name == NULL ? " and " : ", ";
        snprintf(known + used, sizeof known - used, "%s%s=%s", used == 0 ? "" : between,
                 field->name, field->argument);
    }
    return sft_error_set(err, "plugstack.conf: unknown argument '%s'; known are %s", word, known);
}

/* Those that name the file, or the others. */
static int conf_arguments(struct conf *conf, int ac, char **av, bool file, struct sft_error *err)
{
    for (int i = 0; i < ac; i++) {
        char name[32];
        size_t length = strcspn(av[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)length, av[i]);
        const struct sft_field *field = sft_field_find(keys, name);
        if (field == NULL || !is_argument(field) || av[i][length] != '=')
            return argument_unknown(av[i], err);
        const char *value = av[i] + length + 1;
        if ((strcmp(name, "config") == 0) == file &&
            conf_refuse(field, sft_field_read(field, conf, value, err), value, err) < 0)
            return sft_error_prefix(err, "plugstack.conf");
    }
    return 0;
}

int conf_load(struct conf *conf, int ac, char **av, struct sft_error *err)
{
    conf_init(conf);
    if (conf_arguments(conf, ac, av, true, err) < 0 ||
        (conf->file[0] != '\0' ? conf_file(conf, true, err) : conf_default_file(conf, err)) < 0)
        return -1;
    return conf_arguments(conf, ac, av, false, err);
}

static void fill_text(char *field, const char *site)
{
    if (field[0] == '\0' && site[0] != '\0')
        strcpy(field, site); /* both CONF_PATH == SFT_REQUEST_PATH */
}
_Static_assert(CONF_PATH == SFT_REQUEST_PATH, "a site's path fits into a request");

void conf_fill_texts(const struct conf *conf, struct sft_request *request)
{
    if (request->task == SFT_TASK_VERIFY) {
        fill_text(request->history, conf->history);
        return;
    }
    if (request->preset == NULL || request->preset->classes == 0) /* else they are drawn */
        fill_text(request->data, conf->data);
    conf_data_resolve(&conf->sets, request->data);
    conf_data_resolve(&conf->sets, request->eval);
    if (request->weights[0] == '\0') /* they have their own */
        fill_text(request->tokenizer, conf->tokenizer);
}

static void fill_figure(double *field, double site)
{
    if (*field < 0 && site > 0)
        *field = site;
}

void conf_fill_figures(const struct conf *conf, struct sft_request *request)
{
    fill_text(request->ceilings, conf->ceilings);
    fill_figure(&request->nvlink_gbs, conf->fabric.nvlink_gbs);
    fill_figure(&request->nic_gbs, conf->fabric.nic_gbs);
    fill_figure(&request->peak, conf->fabric.peak_tflops);
}
