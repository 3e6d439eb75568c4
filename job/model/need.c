/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/need.h"

enum { ALIGNMENT = 256 };

void need_unit(struct need *need, bool layer)
{
    need->layer = layer;
    need->slot = 0;
}

void *need_take(struct need *need, size_t bytes)
{
    void *memory = need->base == NULL ? NULL : need->base + need->used;
    need->used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return memory;
}

void *need_keep(struct need *need, enum keep keep, size_t bytes)
{
    if (!need->layer || keep <= need->least)
        return need_take(need, bytes);
    if (need->slot == need->slots)
        need->shared[need->slots++] = need_take(need, bytes);
    return need->shared[need->slot++];
}

struct tensor need_tensor(struct need *need, enum keep keep, enum format format, int rows,
                          int columns)
{
    struct tensor t = tensor_of(format, rows, columns, NULL);
    t.data = need_keep(need, keep, format_bytes(format, tensor_count(t)));
    return t;
}

void need_borrow(struct need *need, enum borrow what, enum format format, int rows, int columns)
{
    size_t bytes = format_bytes(format, (size_t)rows * (size_t)columns);
    if (bytes > need->borrowed[what])
        need->borrowed[what] = bytes;
}
