/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/collective/collective.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef HAVE_NCCL
struct collective *collective_create_nccl(struct control *control, int device,
                                          struct sft_error *err)
{
    (void)device;
    sft_error_set(err,
                  "%d ranks with GPUs, but built without NCCL: install libnccl-dev, configure and "
                  "build again, or say device=cpu",
                  control->size);
    return NULL;
}

void collective_nccl_version(char *text, size_t size)
{
    snprintf(text, size, "%s", "");
}
#endif

#ifndef HAVE_MPI
void collective_mpi_version(char *text, size_t size)
{
    snprintf(text, size, "%s", "");
}

struct collective *collective_create_mpi(struct control *control, struct sft_error *err)
{
    sft_error_set(err,
                  "%d ranks, but built without MPI: install libopenmpi-dev, configure and build "
                  "again, or run one rank",
                  control->size);
    return NULL;
}
#endif

int collective_devices(struct control *control, int device, struct sft_error *err)
{
    double with = device >= 0;
    return control_sum(control, &with, 1, err) < 0 ? -1 : (int)with;
}

struct collective *collective_create(struct control *control, int device, int devices,
                                     struct sft_error *err)
{
    double first_without = device >= 0 ? -control->size : -control->rank;
    if (control->size == 1)
        return collective_create_self(err);
    if (devices == control->size)
        return collective_create_nccl(control, device, err);
    if (devices == 0)
        return collective_create_mpi(control, err);
    if (control_max(control, &first_without, 1, err) == 0)
        sft_error_set(
            err,
            "rank %d on %.80s has no GPU, %d of %d ranks have one: look at that node, leave it "
            "out with --exclude, or say device=cpu",
            (int)-first_without, control->hosts[(int)-first_without], devices, control->size);
    return NULL;
}

int collective_destroy(struct collective *c, struct sft_error *err)
{
    return c == NULL ? 0 : c->destroy(c, err);
}

/* A ring goes through each node once, so all but a rank's own share of the array leaves each node,
 * twice where the ranks get back what they have reduced; the ranks of a node share that. Trees,
 * which small all-reduces take, are counted as rings. */
static double bytes_across(const struct collective *c, const struct collective_call *call)
{
    double members = c->group_size[call->group];
    double bytes = (double)call->count * (double)collective_type_size(call->type);
    if (c->nodes < 2 || members < 2 || call->group == COLLECTIVE_NODE)
        return 0;
    bytes *= call->kind == COLLECTIVE_ALL_REDUCE ? 2 : members;
    double together = call->group == COLLECTIVE_ACROSS ? 1 : members / c->nodes;
    return bytes * (members - 1) / members / together;
}

int collective_run(struct collective *c, struct device *device, const struct collective_call *call,
                   struct sft_error *err)
{
    c->across += bytes_across(c, call);
    return c->run(c, device, call, err);
}

void collective_enroll(struct collective *c, void *memory, size_t bytes)
{
    if (c->enroll != NULL && memory != NULL)
        c->enroll(c, memory, bytes);
}

void collective_dismiss(struct collective *c, void *memory)
{
    if (c->dismiss != NULL)
        c->dismiss(c, memory);
}

enum collective_type collective_type_of(const struct device *device)
{
    _Static_assert(FORMATS == 5, "no device trains in 8 or 4 bits alone; a type for a new format");
    return device->format == FORMAT_BF16 ? COLLECTIVE_BF16 : COLLECTIVE_FP32;
}

size_t collective_type_size(enum collective_type type)
{
    static const size_t sizes[COLLECTIVE_TYPES] = {4, 2, 8, 4, 1};
    return sizes[type];
}

int collective_copy(struct device *device, const struct collective_call *call)
{
    if (call->kind != COLLECTIVE_ALL_REDUCE)
        device->copy(device, COLLECTIVE_LANE(call->group), call->to, call->from,
                     call->count * collective_type_size(call->type));
    return 0;
}

struct place {
    int in_node, of_node; /* which rank of its node, how many ranks the node has */
};

static struct place place_of(const struct control *control, int rank)
{
    struct place place = {0, 0};
    for (int other = 0; other < control->size; other++)
        if (control->node[other] == control->node[rank]) {
            place.in_node += other < rank;
            place.of_node++;
        }
    return place;
}

/* All nodes have that many ranks. */
static bool nodes_are_even(const struct control *control, int of_node)
{
    int *ranks = calloc((size_t)control->nodes, sizeof *ranks);
    bool even = ranks != NULL;
    for (int rank = 0; rank < control->size && ranks != NULL; rank++)
        ranks[control->node[rank]]++;
    for (int node = 0; node < control->nodes && even; node++)
        even = ranks[node] == of_node;
    free(ranks);
    return even;
}

void collective_find_groups(struct collective *c, const struct control *control)
{
    struct place mine = place_of(control, control->rank);
    bool even = nodes_are_even(control, mine.of_node);
    c->nodes = control->nodes;
    c->group_rank[COLLECTIVE_COMPUTE] = c->group_rank[COLLECTIVE_WORLD] = control->rank;
    c->group_size[COLLECTIVE_COMPUTE] = c->group_size[COLLECTIVE_WORLD] = control->size;
    c->group_rank[COLLECTIVE_NODE] = even ? mine.in_node : 0;
    c->group_size[COLLECTIVE_NODE] = even ? mine.of_node : 1;
    c->group_rank[COLLECTIVE_ACROSS] = even ? control->node[control->rank] : 0;
    c->group_size[COLLECTIVE_ACROSS] = even ? control->nodes : 1;
}
