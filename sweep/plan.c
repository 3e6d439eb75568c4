/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/plan.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/spawn.h"
#include "lib/roofline.h"
#include "node/gres.h"
#include "sweep/site.h"

#define JOB_NAME "sft-bench-job"

static bool partition_is(const char *word, size_t length, const char *wanted)
{
    if (wanted == NULL)
        return length > 0 && word[length - 1] == '*';
    length -= length > 0 && word[length - 1] == '*';
    return strlen(wanted) == length && strncmp(word, wanted, length) == 0;
}

/* As Slurm's AutoDetect writes them, too: "nvidia_h100_80gb_hbm3", slices not counted. */
static void types_read(struct plan_nodes *nodes, const char *gres)
{
    struct gres_gpus list[GRES_TYPES];
    int count = gres_list(gres, list);
    for (int i = 0; i < count; i++) {
        if (list[i].slice || list[i].type[0] == '\0')
            continue;
        for (char *at = list[i].type; (at = strchr(at, '_')) != NULL;)
            *at = ' ';
        const struct sft_roofline *sheet = sft_roofline_find(list[i].type);
        const char *name = sheet != NULL ? sheet->match : "";
        nodes->other |= sheet == NULL || (nodes->gpu[0] != '\0' && strcmp(nodes->gpu, name) != 0);
        snprintf(nodes->gpu, sizeof nodes->gpu, "%s", name);
    }
}

void plan_nodes_read(struct plan_nodes *nodes, const char *text, const char *partition)
{
    memset(nodes, 0, sizeof *nodes);
    while (*text != '\0') {
        char line[1024];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        char *count = strchr(line, '|'), *gres = count != NULL ? strchr(count + 1, '|') : NULL;
        if (gres == NULL || !partition_is(line, (size_t)(count - line), partition))
            continue;
        *gres++ = '\0';
        /* As many as a request can ask for are enough. */
        long more = strtol(count + 1, NULL, 10), room = SFT_REQUEST_NODES_MAX - nodes->nodes;
        if (more > 0)
            nodes->nodes += (int)(more < room ? more : room);
        int gpus = gres_gpus(gres);
        nodes->gpus = gpus > nodes->gpus ? gpus : nodes->gpus;
        types_read(nodes, gres);
        snprintf(nodes->partition, sizeof nodes->partition, "%.*s", (int)strcspn(line, "*|"), line);
    }
}

static int nodes_ask(struct plan_nodes *nodes, const char *partition, struct sft_error *err)
{
    char *text;
    size_t length;
    const char *argv[] = {spawn_program("SFT_SINFO", "sinfo"), "-h", "-o", "%P|%D|%G", NULL};
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    plan_nodes_read(nodes, text, partition);
    free(text);
    if (nodes->nodes > 0)
        return 0;
    return partition != NULL
               ? sft_error_set(err, "no partition '%.60s' with nodes here", partition)
               : sft_error_set(err, "no default partition here: name one with --partition");
}

static void cell_estimate(struct sweep_cell *cell, const json_t *plan)
{
    const json_t *seconds = json_object_get(plan, "seconds"), *why = json_object_get(plan, "why");
    if (json_is_number(seconds))
        cell->seconds = json_number_value(seconds) + PLAN_START_S;
    cell->unfit = json_is_false(json_object_get(plan, "fits"));
    if (cell->unfit)
        snprintf(cell->refused, sizeof cell->refused, "does not fit into the GPUs' memory: %s",
                 json_is_string(why) ? json_string_value(why) : "");
}

/* The job's own line on a request that it refuses. What ends otherwise (a program that cannot start
 * here, say) is no word on the request. */
static void cell_refuse(struct sweep_cell *cell, const char *said)
{
    const char *line = strstr(said, ": " JOB_NAME ": ");
    if (line != NULL)
        snprintf(cell->refused, sizeof cell->refused, "%s", line + strlen(": " JOB_NAME ": "));
}

/* Its status is not 0 where the model does not fit, which its answer says too. */
static void cell_ask(struct sweep_cell *cell, const char *const *argv)
{
    struct spawn job;
    struct sft_error why = {""};
    char *answer;
    size_t length;
    if (spawn_start(&job, argv, NULL, NULL) < 0)
        return;
    int rc = spawn_read_fd(job.fd, argv[0], &answer, &length, NULL);
    int status = spawn_finish(&job, &why);
    json_t *plan = rc == 0 ? json_loadb(answer, length, 0, NULL) : NULL;
    if (plan != NULL)
        cell_estimate(cell, plan);
    else if (status < 0)
        cell_refuse(cell, why.text);
    json_decref(plan);
    free(answer);
}

static void refuse_nodes(struct sweep_cell *cell, const struct plan_nodes *nodes)
{
    char left[40] = "", away[40] = "";
    if (nodes->left > 0)
        snprintf(left, sizeof left, " %d left out", nodes->left);
    if (nodes->away > 0)
        snprintf(away, sizeof away, "%s %d down or drained now", left[0] != '\0' ? "," : "",
                 nodes->away);
    snprintf(cell->refused, sizeof cell->refused, "partition %.60s has %d node%s%s%s%s",
             nodes->partition, nodes->nodes, nodes->nodes == 1 ? "" : "s",
             nodes->left + nodes->away > 0 ? " for it:" : "", left, away);
}

/* A mistake that the job would find only when its turn comes (no data there, say) is found now,
 * also where there is no plan: on the CPU and on unknown GPUs. What has run is none. */
static void cell_foresee(struct sweep_cell *cell, struct sft_request *request,
                         const struct plan_nodes *nodes, const struct conf *conf)
{
    char text[SFT_REQUEST_MAX];
    conf_fill_texts(conf, request);
    conf_fill_figures(conf, request);
    bool named = request->gpu_model[0] != '\0';
    if (!named)
        snprintf(request->gpu_model, sizeof request->gpu_model, "%s", nodes->gpu);
    bool plan = request->gpus > 0 && (named || !nodes->other) && request->device != SFT_DEVICE_CPU;
    if ((!plan && cell->had > 0) || sft_request_format(request, text, sizeof text, NULL) < 0)
        return;
    const char *const ask[] = {nodes->job, "--plan", text, "--json", NULL};
    const char *const check[] = {nodes->job, "--check", text, NULL};
    /* What it says of data that is well nobody needs. */
    if (plan || spawn_quiet(check, NULL) < 0)
        cell_ask(cell, plan ? ask : check);
}

static void cell_plan(struct sweep_cell *cell, const struct plan_nodes *nodes,
                      const struct conf *conf)
{
    struct sft_request request = cell->request;
    if (cell->request.nodes > nodes->nodes) {
        refuse_nodes(cell, nodes);
        return;
    }
    if (request.gpus > nodes->gpus) {
        snprintf(cell->refused, sizeof cell->refused, "partition %.60s has %d GPU%s a node",
                 nodes->partition, nodes->gpus, nodes->gpus == 1 ? "" : "s");
        return;
    }
    request.gpus = request.gpus >= 0 ? request.gpus : nodes->gpus;
    cell->gpus = request.gpus * request.nodes;
    if (request.task == SFT_TASK_TRAIN && nodes->can_ask)
        cell_foresee(cell, &request, nodes, conf);
}

/* The job to ask: the one that was named, the site's, the one beside this program, the one on PATH.
 * False where there is none; `job` then has the site's. */
static bool job_find(const char *named, char *job, size_t size)
{
    char beside[4096 + sizeof JOB_NAME];
    snprintf(job, size, "%s", named);
    if (access(job, X_OK) == 0)
        return true;
    if (spawn_beside(JOB_NAME, beside, sizeof beside)) {
        snprintf(job, size, "%s", beside);
        return true;
    }
    if (!spawn_has(JOB_NAME))
        return false;
    snprintf(job, size, JOB_NAME);
    return true;
}

int plan_begin(struct plan_nodes *nodes, struct conf *conf, const struct sweep_options *options,
               struct sft_error *err)
{
    if (options->job != NULL && access(options->job, X_OK) != 0)
        return sft_error_set(err, "--job: cannot run %.200s: %s", options->job, strerror(errno));
    if (site_load(conf, err) < 0)
        return -1;
    const char *site = conf->partition[0] != '\0' ? conf->partition : NULL;
    if (nodes_ask(nodes, options->partition != NULL ? options->partition : site, err) < 0)
        return -1;
    if (conf->gpus_per_node >= 0)
        nodes->gpus = conf->gpus_per_node;
    nodes->can_ask =
        job_find(options->job != NULL ? options->job : conf->job, nodes->job, sizeof nodes->job);
    return 0;
}

/* On another node it is the same. */
static bool cell_copy(struct sweep_cell *cell, const struct sweep_cell *before)
{
    if (strcmp(cell->text, before->text) != 0)
        return false;
    cell->seconds = before->seconds;
    cell->gpus = before->gpus;
    cell->unfit = before->unfit;
    memcpy(cell->refused, before->refused, sizeof cell->refused);
    return true;
}

void plan_cells(struct sweep_cells *cells, const struct plan_nodes *nodes, const struct conf *conf)
{
    for (size_t i = 0; i < cells->count; i++)
        if (i == 0 || !cell_copy(&cells->cell[i], &cells->cell[i - 1]))
            cell_plan(&cells->cell[i], nodes, conf);
}
