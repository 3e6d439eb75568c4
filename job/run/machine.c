/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/machine.h"

#include <string.h>

#include "lib/roofline.h"

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int threads);
#endif

static struct device *device_create(const struct sft_request *request, int device, int cores,
                                    struct sft_error *err)
{
    if (device >= 0)
        return device_create_cuda(device, err);
    if (request->device == SFT_DEVICE_CUDA)
        return device_create_cuda(0, err); /* says what is missing */
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
    openblas_set_num_threads(cores);
#else
    (void)cores;
#endif
    return device_create_cpu(err);
}

static void machine_find_peaks(struct machine *machine, double said)
{
    const struct sft_roofline *roofline = sft_roofline_find(machine->device->title);
    const struct host *host = &machine->host;
    double peak = said > 0 ? said : roofline == NULL ? 0 : roofline->bf16_tflops;
    double limit = 0;
    if (strcmp(machine->device->name, "cpu") == 0)
        limit = sft_roofline_cpu_tflops(host->cores, host->flags);
    machine->peak_tflops = peak;
    machine->limit_tflops = peak > 0 && (limit == 0 || peak < limit) ? peak : limit;
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
