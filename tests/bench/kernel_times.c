/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program's GPU time goes, by kernel: a library that CUDA loads into any program.
 *   CUDA_INJECTION64_PATH=$PWD/kernel_times.so KERNEL_TIMES=FILE PROGRAM...
 * At the program's end FILE has a line for each kernel and grid, "total ms, launches, mean us,
 * grid, name", the longest first. KERNEL_TIMES_SKIP=S leaves out what began in the first S seconds.
 * Kernels are not made to wait for one another, so the whole is slowed by some percent only.
 * gcc -O2 -shared -fPIC -I/usr/local/cuda/include -o kernel_times.so kernel_times.c -lcupti */
#include <cupti.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNELS = 4096, BUFFER = 8 << 20, NAME = 160 };

struct kernel {
    char name[NAME];
    int grid[3];
    uint64_t ns, launches;
};

static struct kernel kernels[KERNELS];
static int count;
static uint64_t first_ns, skip_ns, begin_ns, end_ns;

static struct kernel *find(const CUpti_ActivityKernel9 *a)
{
    char name[NAME];
    snprintf(name, sizeof name, "%s", a->name);
    for (int i = 0; i < count; i++)
        if (kernels[i].grid[0] == a->gridX && kernels[i].grid[1] == a->gridY &&
            kernels[i].grid[2] == a->gridZ && strcmp(kernels[i].name, name) == 0)
            return &kernels[i];
    if (count == KERNELS)
        return NULL;
    struct kernel *k = &kernels[count++];
    memcpy(k->name, name, sizeof name);
    k->grid[0] = a->gridX;
    k->grid[1] = a->gridY;
    k->grid[2] = a->gridZ;
    return k;
}

static void take(const CUpti_ActivityKernel9 *a)
{
    if (first_ns == 0)
        first_ns = a->start;
    if (a->start - first_ns < skip_ns)
        return;
    if (begin_ns == 0)
        begin_ns = a->start;
    if (a->end > end_ns)
        end_ns = a->end;
    struct kernel *k = find(a);
    if (k != NULL) {
        k->ns += a->end - a->start;
        k->launches++;
    }
}

static void CUPTIAPI wanted(uint8_t **buffer, size_t *size, size_t *records)
{
    *buffer = aligned_alloc(8, BUFFER);
    *size = BUFFER;
    *records = 0;
}

static void CUPTIAPI filled(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size,
                            size_t valid)
{
    (void)context, (void)stream, (void)size;
    CUpti_Activity *record = NULL;
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS)
        if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)
            take((const CUpti_ActivityKernel9 *)record);
    free(buffer);
}

static int longer(const void *a, const void *b)
{
    const struct kernel *x = a, *y = b;
    return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

static void tell(void)
{
    cuptiActivityFlushAll(1);
    const char *path = getenv("KERNEL_TIMES");
    FILE *file = path == NULL ? stderr : fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return;
    }
    uint64_t sum = 0;
    qsort(kernels, (size_t)count, sizeof *kernels, longer);
    for (int i = 0; i < count; i++)
        sum += kernels[i].ns;
    fprintf(file, "%.3f ms in kernels, %.3f ms from the first to the end of the last\n",
            (double)sum / 1e6, (double)(end_ns - begin_ns) / 1e6);
    for (int i = 0; i < count; i++)
        fprintf(file, "%10.3f %6llu %9.2f %dx%dx%d %s\n", (double)kernels[i].ns / 1e6,
                (unsigned long long)kernels[i].launches,
                (double)kernels[i].ns / 1e3 / (double)kernels[i].launches, kernels[i].grid[0],
                kernels[i].grid[1], kernels[i].grid[2], kernels[i].name);
    if (file != stderr)
        fclose(file);
}

/* CUDA calls it before its own first call. */
int InitializeInjection(void)
{
    const char *skip = getenv("KERNEL_TIMES_SKIP");
    if (skip != NULL)
        skip_ns = (uint64_t)(atof(skip) * 1e9);
    if (cuptiActivityRegisterCallbacks(wanted, filled) != CUPTI_SUCCESS ||
        cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) != CUPTI_SUCCESS) {
        fputs("kernel_times: CUPTI refuses\n", stderr);
        return 1;
    }
    atexit(tell);
    return 1;
}
