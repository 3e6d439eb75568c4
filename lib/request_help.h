/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked for, for people. */
#ifndef SFT_LIB_REQUEST_HELP_H
#define SFT_LIB_REQUEST_HELP_H

#include <stdio.h>

#include "lib/request.h"

/* The word in the model's place that asks for it. */
#define SFT_REQUEST_HELP "help"

/* Models and keys; options: as `--key VALUE`, else as `key=VALUE`. */
void sft_request_help(FILE *out, bool options);

/* The answer to `srun --sft-bench=help`; program: srun, sbatch or salloc. */
void sft_request_help_srun(FILE *out, const char *program);

#endif
