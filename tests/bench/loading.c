/* SPDX-License-Identifier: Apache-2.0 */
/* loading FOLDER [bf16|fp32]: all parameters of a model's folder to host memory, as a rank
 * reads them on their way to its device, and once more into memory that a GPU's copies leave from.
 * GB/s of the files by the clock, and by the processor's time, which a busy machine does not
 * change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "job/weights/weights.h"
#include "lib/clock.h"

#define PIECE ((size_t)16 << 20) /* as job/train/load.c has it */

static double processor_time(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static int param_read(const struct weights *w, const struct sft_param *param, enum format format,
                      char *piece, char *staging, struct sft_error *err)
{
    size_t all = sft_param_elements(param), most = PIECE / format_bytes(format, 1), count;
    for (size_t at = 0; at < all; at += count) {
        count = all - at < most ? all - at : most;
        if (weights_read_wide(w, param, at, count, format, piece, err) < 0)
            return -1;
        if (staging != NULL)
            memcpy(staging, piece, format_bytes(format, count));
    }
    return 0;
}

static int read_all(const struct weights *w, enum format format, char *piece, char *staging,
                    struct sft_error *err)
{
    for (int unit = 0; unit < sft_params_units(weights_shape(w)); unit++) {
        struct sft_param params[SFT_UNIT_PARAMS];
        int count = sft_params_list(weights_shape(w), unit, params);
        for (int i = 0; i < count; i++)
            if (param_read(w, &params[i], format, piece, staging, err) < 0)
                return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct weights *w = argc < 2 ? NULL : weights_open(argv[1], &err);
    enum format format = argc > 2 && strcmp(argv[2], "fp32") == 0 ? FORMAT_FP32 : FORMAT_BF16;
    char *piece = malloc(PIECE), *staging = malloc(PIECE);
    if (w == NULL || piece == NULL || staging == NULL) {
        fprintf(stderr, "loading FOLDER [bf16|fp32]: %s\n", err.text);
        return 1;
    }
    double gb = (double)weights_bytes(w) / 1e9;
    for (int pass = 0; pass < 4; pass++) { /* the first one brings the files into memory */
        double clock = sft_clock_now(), time = processor_time();
        if (read_all(w, format, piece, pass % 2 == 1 ? staging : NULL, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        printf("%s %.4g GB to %s%s: %.3g GB/s by the clock, %.3g by processor time\n", argv[1], gb,
               format_traits[format].name, pass % 2 == 1 ? " and staging" : "",
               gb / (sft_clock_now() - clock), gb / (processor_time() - time));
    }
    return 0;
}
