/* SPDX-License-Identifier: Apache-2.0 */
/* What a run needs before its first step. */
#include "config.h"

#include "lib/file_write.h"
#include "job/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int threads);
#endif

const char *run_data_path(const struct sft_request *request)
{
    return request->data[0] != '\0' ? request->data : SFT_PKGDATADIR "/instructions.json";
}

/* The shape as it runs: test models take the tokenizer's vocabulary, the others must hold it. */
static int shape_fit(struct sft_preset *shape, const struct tokenizer *tokenizer,
                     struct sft_error *err)
{
    int vocab = tokenizer_vocab(tokenizer);
    if (vocab <= shape->vocab)
        return 0;
    if (!shape->vocab_grows)
        return sft_error_set(err, "tokenizer %s has %d pieces, %s holds %d: use this model's own",
                             tokenizer_name(tokenizer), vocab, shape->name, shape->vocab);
    shape->vocab = (vocab + 63) / 64 * 64;
    return 0;
}

/* "synthetic": *length 0. "synthetic:N": N. Anything else is a file: -1. */
static int synthetic_read(const char *text, int seq, int *length, struct sft_error *err)
{
    static const char word[] = "synthetic";
    char *end;
    *length = -1;
    if (strncmp(text, word, sizeof word - 1) != 0 ||
        (text[sizeof word - 1] != ':' && text[sizeof word - 1] != '\0'))
        return 0;
    *length = 0;
    if (text[sizeof word - 1] == '\0')
        return 0;
    long value = strtol(text + sizeof word, &end, 10);
    bool digit = text[sizeof word] >= '0' && text[sizeof word] <= '9'; /* no sign, no space */
    if (!digit || *end != '\0' || value < 2 || value > seq)
        return sft_error_set(err, "data=%.64s: documents must have from 2 to seq=%d tokens", text,
                             seq);
    *length = (int)value;
    return 0;
}

int run_open_data(const struct sft_request *request, int seq, uint64_t seed,
                  struct tokenizer **tokenizer, struct data **data, struct sft_preset *shape,
                  struct sft_error *err)
{
    *shape = *request->preset;
    *tokenizer = tokenizer_open(request->tokenizer, err);
    if (*tokenizer == NULL || shape_fit(shape, *tokenizer, err) < 0)
        return -1;
    int length;
    if (synthetic_read(request->data, seq, &length, err) < 0)
        return -1;
    if (length >= 0)
        *data = data_synthetic(shape->vocab, seq, length, seed, err);
    else
        *data = data_open(run_data_path(request), *tokenizer, seq, seed,
                          request->skip >= 0 ? request->skip : DATA_SKIP, err);
    return *data == NULL ? -1 : 0;
}

/* A GPU, where the request does not say, when this process sees one; ranks of a node take turns. */
int run_choose_device(const struct sft_request *request, int local_rank)
{
    if (request->device == SFT_DEVICE_CPU || request->gpus == 0)
        return -1;
    int devices = backend_cuda_devices();
    return devices > 0 ? local_rank % devices : -1;
}

static struct backend *setup_device(struct run *run, struct sft_error *err)
{
    if (run->device >= 0)
        return backend_create_cuda(run->device, err);
    if (run->request.device == SFT_DEVICE_CUDA) {
        struct backend *backend = backend_create_cuda(0, err);
        return backend; /* says what is missing */
    }
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
    openblas_set_num_threads(run->host.cores);
#endif
    return backend_create_cpu(err);
}

/* The device, and what of the plan fits into its memory. */
static int setup_backend(struct run *run, struct sft_error *err)
{
    struct sft_error why;
    struct sft_request request = run->request;
    size_t used, all;
    run->backend = setup_device(run, err);
    if (run->backend == NULL)
        return -1;
    run->backend->memory(run->backend, &used, &all);
    run->memory_before = (double)used;
    if (strcmp(run->backend->name, "cpu") == 0 && request.states <= SFT_STATES_AUTO)
        request.states = SFT_STATES_FP32;
    if (strcmp(run->backend->name, "cpu") == 0 && request.zero <= SFT_SHARE_AUTO)
        request.zero = SFT_SHARE_0;
    if (fit_make(&run->fit, &request, &run->plan, &run->shape, (double)(all - used),
                 run->backend->act_size, run->backend->logits, err) < 0)
        return -1;
    run->observe = observe_open(run->backend, &why);
    if (why.text[0] != '\0')
        fprintf(stderr, "sft-bench-job: no sensors of %s: %s\n", run->bootstrap.host, why.text);
    return 0;
}

static int setup_model(struct run *run, struct sft_error *err)
{
    const struct sft_plan *plan = &run->plan;
    struct optim_options options = {
        .lr = plan->lr,
        .lr_warmup = plan->lr_warmup,
        .total_steps = plan->warmup + plan->steps,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .eps = 1e-8,
        .weight_decay = plan->weight_decay,
        .clip = plan->clip,
        .seed = plan->seed,
    };
    if (setup_backend(run, err) < 0)
        return -1;
    options.states = fit_states(&run->fit);
    size_t count;
    enum sft_zero zero = run->fit.zero;
    run->model =
        model_create_stored(run->backend, &run->shape, plan->micro_batch * plan->seq,
                            fit_recompute(&run->fit), shard_storage(zero, run->control->size), err);
    if (run->model == NULL)
        return -1;
    run->spans = spans_create(run->backend, err);
    if (run->spans == NULL)
        return -1;
    run->shard =
        shard_create(run->model, run->backend, run->collective, zero, plan->seed, run->spans, err);
    if (run->shard == NULL)
        return -1;
    const struct shard_part *parts = shard_parts(run->shard, &count);
    run->optim = optim_create_parts(run->model, run->backend, &options, parts, count,
                                    zero == SFT_ZERO_0 ? NULL : run->collective, err);
    if (run->optim == NULL)
        return -1;
    return measure_create(&run->measure, (size_t)plan->steps, err);
}

int run_check_out(const struct sft_request *request, struct sft_error *err)
{
    struct stat info;
    if (request->trace[0] != '\0' && file_write_check(request->trace, err) < 0)
        return sft_error_prefix(err, "trace");
    if (request->out[0] != '\0' && stat(request->out, &info) == 0 && !S_ISDIR(info.st_mode))
        return sft_error_set(
            err, "out=%s: is no folder: name one, which is made when it is missing", request->out);
    return 0;
}

static int setup_own(struct run *run, struct sft_error *err)
{
    const struct sft_plan *plan = &run->plan;
    if (sft_plan_make_running(&run->plan, &run->request, run->nodes, run->control->size, err) < 0)
        return -1;
    if (run_open_data(&run->request, plan->seq, plan->seed, &run->tokenizer, &run->data,
                      &run->shape, err) < 0)
        return -1;
    host_read(&run->host, run->bootstrap.local_size);
    return setup_model(run, err);
}

int setup_run(struct run *run, struct sft_error *err)
{
    int failed = result_folder(&run->result, run->request.out, err);
    if (failed == 0)
        failed = setup_own(run, err);
    if (failed == 0 && run->control->rank == 0 && run->request.trace[0] != '\0')
        failed = trace_clear(run->request.trace, err);
    return control_agree(run->control, failed, err);
}

void setup_release(struct run *run)
{
    result_close(&run->result);
    measure_destroy(&run->measure);
    observe_close(run->observe);
    optim_destroy(run->optim);
    shard_destroy(run->shard);
    spans_destroy(run->spans);
    model_destroy(run->model);
    if (run->backend != NULL)
        run->backend->destroy(run->backend);
    data_close(run->data);
    tokenizer_close(run->tokenizer);
    bool polled = run->collective != NULL && run->collective->on_device;
    if (polled) /* they wait for their end by themselves */
        watchdog_stop(run->watchdog);
    collective_destroy(run->collective);
    if (!polled)
        watchdog_stop(run->watchdog);
    control_stop(run->control);
    bootstrap_stop(&run->bootstrap);
}
