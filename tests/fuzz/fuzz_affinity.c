/* SPDX-License-Identifier: Apache-2.0 */
/* The user's CUDA_VISIBLE_DEVICES, Slurm's masks, lists of CPUs, the driver's text: no crash, texts
 * stay ended, numbers in range; what is refused has a reason. */
#include <stdlib.h>
#include <string.h>

#include "node/affinity_internal.h"

static void check_list(const char *text)
{
    struct sft_error err = {""};
    struct affinity_list list;
    int rc = affinity_list_parse(text, &list, &err);
    if ((rc < 0) != (err.text[0] != '\0') || list.count < 0 || list.count > AFFINITY_GPUS)
        abort();
    for (int i = 0; rc == 0 && i < list.count; i++)
        if ((list.number[i] < 0) != (list.uuid[i][0] != '\0') ||
            memchr(list.uuid[i], '\0', AFFINITY_UUID) == NULL || list.number[i] > 65535)
            abort();
}

static void check_cpus(const char *text)
{
    struct sft_error err = {""};
    hwloc_bitmap_t cpus = affinity_cpus_parse(text, &err), masks = hwloc_bitmap_alloc();
    if ((cpus == NULL) != (err.text[0] != '\0') ||
        hwloc_bitmap_last(cpus != NULL ? cpus : masks) > 65535)
        abort();
    if (affinity_masks_parse(text, masks, &err) < 0 && err.text[0] == '\0')
        abort();
    if (hwloc_bitmap_last(masks) > 8191)
        abort();
    hwloc_bitmap_free(cpus);
    hwloc_bitmap_free(masks);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct affinity_nvidia nvidia;
    affinity_nvidia_parse((const char *)data, size, &nvidia);
    if (memchr(nvidia.pci, '\0', sizeof nvidia.pci) == NULL ||
        memchr(nvidia.uuid, '\0', sizeof nvidia.uuid) == NULL || nvidia.minor < -1 ||
        nvidia.minor > 65535)
        abort();
    char *text = strndup((const char *)data, size);
    if (text != NULL) {
        check_list(text);
        check_cpus(text);
    }
    free(text);
    return 0;
}
