/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "job/run/software.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "job/collective/collective.h"
#include "job/run/host.h"
#include "job/tensor/device.h"
#include "lib/checksum.h"

/* The file that the kernel executes here, whatever lies at its path by now. */
static void read_job(char text[SOFTWARE_TEXT])
{
    static char buffer[1 << 16];
    uint64_t sum = SFT_CHECKSUM_BEGIN;
    ssize_t got = -1;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    while (file >= 0 && (got = read(file, buffer, sizeof buffer)) > 0)
        sum = sft_checksum(sum, buffer, (size_t)got);
    if (file >= 0)
        close(file);
    if (got == 0)
        snprintf(text, SOFTWARE_TEXT, PACKAGE_VERSION " (checksum %08x)",
                 (unsigned)(sum ^ sum >> 32));
    else
        snprintf(text, SOFTWARE_TEXT, PACKAGE_VERSION);
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue ...": the word that begins with
 * a digit and has a point in it; the open modules say more words before. */
static void read_driver(const char *root, char text[SOFTWARE_TEXT])
{
    char path[PATH_MAX], line[512] = "";
    snprintf(path, sizeof path, "%s/proc/driver/nvidia/version", root);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    char *rest = NULL, *word = fgets(line, sizeof line, file);
    for (word = strtok_r(line, " \t\n", &rest); word != NULL; word = strtok_r(NULL, " \t\n", &rest))
        if (strspn(word, "0123456789.") == strlen(word) && strchr(word, '.') != NULL)
            break;
    if (word != NULL)
        snprintf(text, SOFTWARE_TEXT, "%.60s", word);
    fclose(file);
}

static void gpu_model(const char *folder, const char *gpu, char model[SOFTWARE_TEXT])
{
    char path[PATH_MAX], line[256];
    snprintf(path, sizeof path, "%s/%s/information", folder, gpu);
    FILE *file = fopen(path, "re");
    model[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Model:", 6) == 0) {
            const char *name = line + 6 + strspn(line + 6, " \t");
            snprintf(model, SOFTWARE_TEXT, "%.*s", (int)strcspn(name, "\n"), name);
        }
    if (file != NULL)
        fclose(file);
}

/* "8 NVIDIA H100 80GB HBM3", or "8 of several models". */
static void read_gpus(const char *root, char text[SOFTWARE_TEXT])
{
    char folder[PATH_MAX - 300], first[SOFTWARE_TEXT] = "", model[SOFTWARE_TEXT];
    int count = 0;
    bool several = false;
    snprintf(folder, sizeof folder, "%s/proc/driver/nvidia/gpus", root);
    DIR *gpus = opendir(folder);
    for (struct dirent *gpu; gpus != NULL && (gpu = readdir(gpus)) != NULL;) {
        if (gpu->d_name[0] == '.')
            continue;
        gpu_model(folder, gpu->d_name, model);
        if (count++ == 0)
            strcpy(first, model);
        several = several || strcmp(first, model) != 0;
    }
    if (gpus != NULL)
        closedir(gpus);
    if (count > 0)
        snprintf(text, SOFTWARE_TEXT, "%d %.80s", count, several ? "of several models" : first);
}

static void read_cpu(char text[SOFTWARE_TEXT])
{
    static struct host host;
    host_read(&host, 1);
    snprintf(text, SOFTWARE_TEXT, "%.90s", host.model);
}

void software_read(struct software *own, const char *root, bool gpu, const char *pmix)
{
    struct utsname system;
    const char *from = root != NULL ? root : "";
    memset(own, 0, sizeof *own);
    read_job(own->text[SOFTWARE_JOB]);
    if (gpu)
        collective_nccl_version(own->text[SOFTWARE_NCCL], SOFTWARE_TEXT);
    else
        collective_mpi_version(own->text[SOFTWARE_MPI], SOFTWARE_TEXT);
    snprintf(own->text[SOFTWARE_PMIX], SOFTWARE_TEXT, "%.60s", pmix);
    if (gpu) { /* on CPUs half of an installation of cuDNN, which ends whoever asks it, is no harm
                */
        struct device_software cuda;
        device_cuda_software(&cuda);
        snprintf(own->text[SOFTWARE_CUDA], SOFTWARE_TEXT, "%s", cuda.runtime);
        snprintf(own->text[SOFTWARE_CUDNN], SOFTWARE_TEXT, "%s", cuda.cudnn);
        snprintf(own->text[SOFTWARE_BLAS], SOFTWARE_TEXT, "%s", cuda.cublaslt);
    }
    read_driver(from, own->text[SOFTWARE_DRIVER]);
    read_gpus(from, own->text[SOFTWARE_GPUS]);
    read_cpu(own->text[SOFTWARE_CPU]);
    if (uname(&system) == 0)
        snprintf(own->text[SOFTWARE_KERNEL], SOFTWARE_TEXT, "%.90s", system.release);
}
