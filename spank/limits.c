/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/limits.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spank/slurm_compat.h"

#define TRES_CPU "1=" /* Slurm's number for CPUs, in every release */

struct limits {
    const char *account, *qos, *partition_qos;
    uint32_t default_qos; /* of the association */
    int nodes;
    int cpus;
};

/* "1=4,1001=2": the CPUs; 0: no limit. */
static long limits_read(const char *tres)
{
    while (tres != NULL && *tres != '\0') {
        if (strncmp(tres, TRES_CPU, 2) == 0)
            return strtol(tres + 2, NULL, 10);
        tres = strchr(tres, ',');
        tres = tres != NULL ? tres + 1 : NULL;
    }
    return 0;
}

/* Even where the limit is less than one CPU a node, one is the least that can be asked. */
static void limits_take(struct limits *limits, const char *tres, int nodes)
{
    long cpus = limits_read(tres);
    if (cpus <= 0 || cpus > 1000000)
        return;
    cpus = cpus < nodes ? 1 : cpus / nodes;
    if (limits->cpus == 0 || cpus < limits->cpus)
        limits->cpus = (int)cpus;
}

static void limits_association(struct limits *limits, const slurmdb_assoc_rec_t *one,
                               const char *user)
{
    if (one->user == NULL || strcmp(one->user, user) != 0)
        return;
    if (limits->account != NULL ? one->acct == NULL || strcmp(one->acct, limits->account) != 0
                                : one->is_def != 1)
        return;
    limits->default_qos = one->def_qos_id;
    limits_take(limits, one->max_tres_pj, limits->nodes);
    limits_take(limits, one->grp_tres, limits->nodes);
    limits_take(limits, one->max_tres_pn, 1);
}

static bool limits_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void limits_qos(struct limits *limits, const slurmdb_qos_rec_t *one)
{
    bool ours = limits->qos != NULL ? limits_same(one->name, limits->qos)
                : limits->default_qos != 0 && limits->default_qos < NO_VAL
                    ? one->id == limits->default_qos
                    : limits_same(one->name, "normal");
    if (!ours && !limits_same(one->name, limits->partition_qos))
        return;
    limits_take(limits, one->max_tres_pj, limits->nodes);
    limits_take(limits, one->max_tres_pu, limits->nodes);
    limits_take(limits, one->max_tres_pa, limits->nodes);
    limits_take(limits, one->grp_tres, limits->nodes);
    limits_take(limits, one->max_tres_pn, 1);
}

static void limits_all(struct limits *limits, assoc_mgr_info_msg_t *answer, const char *user)
{
    compat_iterator at;
    if (answer->assoc_list != NULL &&
        (at = slurm_list_iterator_create(answer->assoc_list)) != NULL) {
        for (slurmdb_assoc_rec_t *one; (one = slurm_list_next(at)) != NULL;)
            limits_association(limits, one, user);
        slurm_list_iterator_destroy(at);
    }
    if (answer->qos_list != NULL && (at = slurm_list_iterator_create(answer->qos_list)) != NULL) {
        for (slurmdb_qos_rec_t *one; (one = slurm_list_next(at)) != NULL;)
            limits_qos(limits, one);
        slurm_list_iterator_destroy(at);
    }
}

int limits_cpus(const char *account, const char *qos, const char *partition_qos, int nodes)
{
    struct limits limits = {account, qos, partition_qos, 0, nodes > 0 ? nodes : 1, 0};
    assoc_mgr_info_request_msg_t request = {.flags = ASSOC_MGR_INFO_FLAG_ASSOC |
                                                     ASSOC_MGR_INFO_FLAG_QOS};
    assoc_mgr_info_msg_t *answer = NULL;
    const struct passwd *me = getpwuid(getuid());
    if (me == NULL || (request.user_list = slurm_list_create(NULL)) == NULL)
        return 0;
    slurm_list_append(request.user_list, me->pw_name);
    if (slurm_load_assoc_mgr_info(&request, &answer) == SLURM_SUCCESS) {
        limits_all(&limits, answer, me->pw_name);
        slurm_free_assoc_mgr_info_msg(answer);
    }
    slurm_list_destroy(request.user_list);
    return limits.cpus;
}
