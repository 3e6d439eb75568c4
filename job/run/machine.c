/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/machine.h"

#include <stdio.h>
#include <string.h>

#include "lib/ceilings.h"
#include "lib/params.h"
#include "lib/roofline.h"

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int threads);
#endif

static enum device_products products_of(const struct sft_request *request)
{
    if (request->precision == SFT_PRECISION_TF32)
        return DEVICE_PRODUCTS_TF32;
    return request->precision == SFT_PRECISION_FP32 ? DEVICE_PRODUCTS_FP32 : DEVICE_PRODUCTS_BF16;
}

static struct device *device_create(const struct sft_request *request, int device, int cores,
                                    struct sft_error *err)
{
    if (device >= 0)
        return device_create_cuda_as(device, products_of(request), err);
    if (request->device == SFT_DEVICE_CUDA)
        return device_create_cuda(0, err); /* says what is missing */
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
    openblas_set_num_threads(cores);
#else
    (void)cores;
#endif
    return device_create_cpu(err);
}

/* Dense peak of the GPU by what others say of it, and by what; 0: nobody does. */
static double sheet_peak(const struct device *device, char *by, size_t size)
{
    double share = sft_roofline_share(device->title);
    double peak = sft_roofline_peak(device->title, device->processors, false);
    const struct sft_ceiling *site = sft_ceiling_find(device->title);
    if (peak > 0 && share == 1)
        snprintf(by, size, "data sheet");
    else if (peak > 0)
        snprintf(by, size, "data sheet, MIG slice of %.3g%%",
                 100 * peak / sft_roofline_find(device->title)->bf16_tflops);
    else if (site != NULL && site->peak_tflops > 0)
        snprintf(by, size, "file of ceilings=");
    else
        snprintf(by, size, "%s", MACHINE_NO_CEILING);
    return peak > 0 ? peak : site != NULL && site->peak_tflops > 0 ? site->peak_tflops : 0;
}

/* peak= tells what is not known and may lower what is; it lifts nothing. */
static void gpu_peaks(struct machine *machine, double said)
{
    char *by = machine->ceiling;
    const size_t size = sizeof machine->ceiling;
    double peak = sheet_peak(machine->device, by, size);
    if (said > 0 && peak > 0 && said > peak)
        snprintf(by + strlen(by), size - strlen(by), "; peak=%g is above it, not used", said);
    else if (said > 0 && peak > 0)
        snprintf(by, size, "peak=, the %s says %g",
                 sft_roofline_find(machine->device->title) != NULL ? "data sheet"
                                                                   : "file of ceilings",
                 peak);
    else if (said > 0)
        snprintf(by, size, "peak=");
    if (said > 0 && (peak == 0 || said < peak))
        peak = said;
    machine->peak_tflops = machine->limit_tflops = peak;
}

static void cpu_peaks(struct machine *machine, double said)
{
    double limit = sft_roofline_cpu_tflops(machine->host.cores, machine->host.flags);
    machine->peak_tflops = said > 0 ? said : 0;
    machine->limit_tflops = said > 0 && said < limit ? said : limit;
    snprintf(machine->ceiling, sizeof machine->ceiling, "%s", said > 0 ? "peak=" : "");
}

void machine_find_peaks(struct machine *machine, double said)
{
    if (strcmp(machine->device->name, "cpu") == 0)
        cpu_peaks(machine, said);
    else
        gpu_peaks(machine, said);
}

double machine_limit(const struct machine *machine, const struct sft_request *request,
                     const struct sft_preset *shape)
{
    const struct device *device = machine->device;
    double slow = machine->limit_tflops;
    if (device->processors > 0 && sft_precision_is_wide(request->precision))
        slow *= sft_roofline_fp32(device->title, request->precision == SFT_PRECISION_TF32);
    if (request->precision != SFT_PRECISION_FP8 || device->processors == 0 || slow <= 0)
        return slow;
    double fast = sft_roofline_peak(device->title, device->processors, true);
    return fast <= 0 ? 0 : sft_params_limit(shape, fast, slow);
}

int machine_create(struct machine *machine, const struct sft_request *request, int device,
                   int local_size, struct sft_error *err)
{
    host_read(&machine->host, local_size);
    machine->device = device_create(request, device, machine->host.cores, err);
    if (machine->device == NULL)
        return -1;
    machine_find_peaks(machine, request->peak);
    return 0;
}

void machine_destroy(struct machine *machine)
{
    if (machine->device != NULL)
        machine->device->destroy(machine->device);
    machine->device = NULL;
}
