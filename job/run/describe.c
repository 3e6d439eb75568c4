/* SPDX-License-Identifier: Apache-2.0 */
/* What is known before the first step goes into the record; rank 0 alone has one. */
#include "config.h"

#include "job/run/describe.h"

#include "job/run/forecast.h"
#include "lib/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_OPENBLAS_GET_CORENAME
char *openblas_get_corename(void);
#endif

struct text {
    const char *key, *value;
};

struct whole {
    const char *key;
    long long value;
};

static int describe_texts(struct sft_record *record, const struct text *texts, size_t count,
                          struct sft_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (texts[i].value[0] != '\0' &&
            sft_record_set(record, texts[i].key, texts[i].value, err) < 0)
            return -1;
    return 0;
}

static int describe_wholes(struct sft_record *record, const struct whole *wholes, size_t count,
                           struct sft_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (sft_record_set_integer(record, wholes[i].key, wholes[i].value, err) < 0)
            return -1;
    return 0;
}

/* "JOBID.STEPID", or "" outside of Slurm. */
static void describe_step(char *text, size_t size)
{
    const char *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID");
    text[0] = '\0';
    if (job != NULL && step != NULL)
        snprintf(text, size, "%.20s.%.20s", job, step);
}

/* The library and, where it says so, the kernels that it chose for this CPU. */
static void describe_blas(char *text, size_t size)
{
#ifdef HAVE_OPENBLAS_GET_CORENAME
    snprintf(text, size, "%s %s", SFT_BLAS_VERSION, openblas_get_corename());
#else
    snprintf(text, size, "%s", SFT_BLAS_VERSION);
#endif
}

/* Hosts in the order of ranks, each once; cut with "..." where a record could not hold them. */
static void describe_hosts(const struct run *run, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    const struct control *control = run->ranks.control;
    for (int rank = 0, nodes = 0; rank < control->size; rank++) {
        const char *host = control->hosts[rank];
        if (control->node[rank] < nodes)
            continue;
        nodes++;
        if (used + strlen(host) + 5 > size) {
            strcpy(text + used, "...");
            return;
        }
        used += (size_t)sprintf(text + used, "%s%s", used > 0 ? "," : "", host);
    }
}

/* What would start this run again; "" where it would take a large part of the record. */
static void describe_request(const struct run *run, char *text, size_t size)
{
    struct sft_request request = *run->asked;
    request.nodes = run->ranks.nodes;
    if (sft_request_format(&request, text, size, NULL) < 0)
        text[0] = '\0';
}

/* What the plan expects, beside which the measurement will stand. */
static int describe_forecast(struct run *run, struct sft_error *err)
{
    struct sft_record *record = &run->result.record;
    double planned = training_bytes(&run->training);
    if (sft_record_set_real(record, "mem_plan_gib", ldexp(planned, -30), err) < 0)
        return -1;
    double tok_s = forecast_tok_s(&run->training);
    if (run->training.device->processors > 0 &&
        sft_ceiling_find(run->training.device->title) == NULL)
        fprintf(stderr,
                "sft-bench-job: nothing is predicted: what a %s sustains is not known; "
                "tests/bench/ceilings measures it, ceilings= names its file\n",
                run->training.device->title);
    return tok_s > 0 ? sft_record_set_real(record, "tok_s_plan", tok_s, err) : 0;
}

/* What of the data is not trained on as it stands: whoever starts the job alone has not seen
 * --check. */
static void describe_data(const struct data_facts *facts, const struct data *data)
{
    char text[1024];
    data_skipped(data, text, sizeof text);
    if (facts->skipped + facts->mended > 0)
        fprintf(stderr, "sft-bench-job: %s: %ld records skipped, %ld mended%s%s\n", facts->source,
                facts->skipped, facts->mended, text[0] == '\0' ? "" : ": ", text);
}

static int describe_weights(struct run *run, struct sft_error *err)
{
    struct sft_record *record = &run->result.record;
    char sum[32];
    if (run->base.weights == NULL)
        return 0;
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)run->base.sum);
    if (sft_record_set(record, "weights", weights_name(run->base.weights), err) < 0 ||
        sft_record_set(record, "weights_sum", sum, err) < 0)
        return -1;
    if (run->base.adapters != NULL &&
        sft_record_set(record, "adapter", weights_name(run->base.adapters), err) < 0)
        return -1;
    return sft_record_set_real(record, "load_s", run->load_s, err);
}

static int describe_numbers(struct run *run, const struct data_facts *facts, struct sft_error *err)
{
    const struct sft_plan *plan = &run->input.plan;
    struct sft_record *record = &run->result.record;
    const struct whole wholes[] = {
        {"nodes", run->ranks.nodes},
        {"ranks", plan->ranks},
        {"seq", plan->seq},
        {"micro_batch", plan->micro_batch},
        {"accumulation", plan->accumulation},
        {"global_batch", plan->global_batch},
        {"steps_done", 0},
        {"warmup", plan->warmup},
        {"seed", (long long)plan->seed},
        {"records", facts->records},
        {"cut", facts->cut},
        {"skipped", facts->skipped},
        {"mended", facts->mended},
        {"vocab", run->input.shape.vocab},
        {"parameters", (long long)sft_params_count(&run->input.shape)},
        {"trained", (long long)sft_params_trained(&run->input.shape)},
    };
    if (describe_wholes(record, wholes, sizeof wholes / sizeof wholes[0], err) < 0)
        return -1;
    if (plan->steps > 0 ? sft_record_set_integer(record, "steps", plan->steps, err) < 0
                        : sft_record_set_real(record, "measure_s", plan->seconds, err) < 0)
        return -1;
    if (sft_record_set_real(record, "sample_tokens", facts->mean_length, err) < 0)
        return -1;
    return sft_record_set_real(record, "lr", plan->lr, err);
}

/* What is held out. */
static int describe_held(struct run *run, struct sft_error *err)
{
    struct sft_record *record = &run->result.record;
    const char *said = run->request.eval, *slash = strrchr(said, '/');
    if (run->input.held == NULL)
        return 0;
    struct data_facts facts = data_facts(run->input.held);
    printf("eval       %s: %ld records, %ld tokens\n", said, facts.records, facts.tokens);
    if (sft_record_set(record, "eval", slash != NULL ? slash + 1 : said, err) < 0)
        return -1;
    return sft_record_set_integer(record, "eval_records", facts.records, err);
}

static void summary_held(const struct sft_record *r)
{
    char first[SFT_NUMBER], last[SFT_NUMBER], best[SFT_NUMBER], seconds[SFT_NUMBER];
    if (sft_record_get(r, "eval_loss") == NULL)
        return;
    printf(
        "eval       %s before the first step, %s after the last, lowest %s after step %s; %s s, in "
        "no other figure\n",
        sft_number(first, sft_record_get_real(r, "eval_first", NAN), 5),
        sft_number(last, sft_record_get_real(r, "eval_loss", NAN), 5),
        sft_number(best, sft_record_get_real(r, "eval_best", NAN), 5),
        sft_record_get(r, "eval_best_step"),
        sft_number(seconds, sft_record_get_real(r, "eval_s", NAN), 3));
}

static int describe_adapters(struct run *run, struct sft_error *err)
{
    const struct sft_preset *shape = &run->input.shape;
    const struct sft_adapters *a = &shape->adapters;
    struct sft_record *record = &run->result.record;
    char targets[SFT_ADAPTERS_TEXT];
    if (a->rank == 0)
        return 0;
    const struct text texts[] = {
        {"rslora", sft_answer_words[a->rank_stabilized]},
        {"lora_targets", sft_adapters_write(shape, a->targets, targets)},
        {"base", a->base == SFT_BASE_DEVICE ? format_traits[run->machine.device->format].name
                                            : sft_base_words[a->base]},
    };
    if (describe_texts(record, texts, sizeof texts / sizeof texts[0], err) < 0 ||
        sft_record_set_integer(record, "lora_rank", a->rank, err) < 0 ||
        sft_record_set_real(record, "lora_alpha", a->alpha, err) < 0)
        return -1;
    return sft_record_set_real(record, "lora_dropout", a->dropout, err);
}

static const char *describe_gathered(const struct run *run)
{
    const struct fit *fit = &run->training.fit;
    if (fit->zero != SFT_ZERO_3 && fit->zero != SFT_ZERO_HYBRID)
        return "";
    return format_traits[fit_recipe(fit, &run->request, &run->input.shape).gathered
                             ? FORMAT_E4M3
                             : run->machine.device->format]
        .name;
}

/* "" of what was drawn. */
static void describe_sum(const struct data_facts *facts, char *text, size_t size)
{
    text[0] = '\0';
    if (facts->checksum != 0)
        snprintf(text, size, "%016llx", (unsigned long long)facts->checksum);
}

/* Products in another type than what stands in memory are the request's; a CPU has fp32 alone. */
static const char *describe_precision(const struct run *run)
{
    int precision = run->request.precision;
    const struct device *device = run->machine.device;
    bool tf32 = precision == SFT_PRECISION_TF32 && device->processors > 0;
    if (precision == SFT_PRECISION_FP8 || tf32)
        return sft_precision_words[precision];
    return format_traits[device->format].name;
}

/* What some runs have. */
static int describe_parts(struct run *run, struct sft_error *err)
{
    if (describe_weights(run, err) < 0 || describe_adapters(run, err) < 0)
        return -1;
    return describe_held(run, err);
}

static const char *describe_scaling(const struct run *run)
{
    bool fp8 = run->request.precision == SFT_PRECISION_FP8;
    return fp8 ? sft_scaling_words[run->request.scaling == SFT_SCALING_ROW] : "";
}

int describe_run(struct run *run, struct sft_error *err)
{
    struct sft_record *record = &run->result.record;
    struct data_facts facts = data_facts(run->input.data);
    char step[48], hosts[700], request[301], blas[128], chosen[FIT_CHOSEN], sum[32];
    bool mpi = strcmp(run->ranks.collective->name, "mpi") == 0,
         nccl = strcmp(run->ranks.collective->name, "nccl") == 0;
    if (!run->result.active)
        return 0;
    bool gpu = strcmp(run->machine.device->name, "cuda") == 0;
    describe_data(&facts, run->input.data);
    describe_step(step, sizeof step);
    describe_hosts(run, hosts, sizeof hosts);
    describe_request(run, request, sizeof request);
    describe_blas(blas, sizeof blas);
    fit_chosen(&run->request, &run->input.plan, chosen);
    describe_sum(&facts, sum, sizeof sum);
    const struct text texts[] = {
        {"step", step},
        {"state", "running"},
        {"model", run->input.shape.name},
        {"method", sft_method_words[run->input.plan.method]},
        {"precision", describe_precision(run)},
        {"scaling", describe_scaling(run)},
        {"optimizer", sft_optimizer_words[run->input.plan.sgd]},
        {"states", gpu ? fit_states_name(run->training.fit.states) : ""},
        {"zero", sft_zero_name(run->training.fit.zero)},
        {"gathered", describe_gathered(run)},
        {"recompute", fit_recompute_name(run->training.fit.recompute)},
        {"chosen", chosen},
        {"backend", run->machine.device->name},
        {"ceiling", run->machine.ceiling},
        {"device", gpu ? run->machine.device->title : run->machine.host.model},
        {"data", facts.source},
        {"workload", facts.workload},
        {"data_sum", sum},
        {"template", run->request.template > SFT_TEMPLATE_AUTO
                         ? sft_template_words[run->request.template]
                         : ""},
        {"tokenizer", facts.drawn ? "none" : tokenizer_name(run->input.tokenizer)},
        {"hosts", hosts},
        {"request", request},
        {"version", PACKAGE_VERSION},
        {"mixed", run->mixed},
        {"cuda", run->machine.device->version},
        {"blas", gpu ? "" : blas},
        {"mpi", mpi ? run->ranks.collective->version : ""},
        {"nccl", nccl ? run->ranks.collective->version : ""},
        {"pmix", run->ranks.bootstrap.version},
    };
    if (describe_texts(record, texts, sizeof texts / sizeof texts[0], err) < 0 ||
        describe_parts(run, err) < 0 || describe_numbers(run, &facts, err) < 0 ||
        describe_forecast(run, err) < 0)
        return -1;
    double peak = run->machine.peak_tflops;
    if (peak > 0 && sft_record_set_real(record, "peak_tflops", peak, err) < 0)
        return -1;
    return result_write(&run->result, true, err);
}

static void summary_straggler(const struct sft_record *r)
{
    const char *rank = sft_record_get(r, "straggler_rank"),
               *cause = sft_record_get(r, "straggler_cause");
    if (rank != NULL)
        printf("straggler  rank %s on %s: %.0f%% slower for %s steps since step %s%s%s\n", rank,
               sft_record_get(r, "straggler_host"), sft_record_get_real(r, "straggler_pct", NAN),
               sft_record_get(r, "straggler_steps"), sft_record_get(r, "straggler_step"),
               cause != NULL ? ", " : "", cause != NULL ? cause : "");
}

void describe_summary(const struct run *run)
{
    const struct sft_record *r = &run->result.record;
    const struct sft_figure *shown[SFT_VIEW_MAX];
    size_t count = sft_figures_shown(SFT_SUMMARY, shown);
    char number[SFT_NUMBER], other[SFT_NUMBER];
    const char *workload = sft_record_get(r, "workload");
    printf("%s, %d rank%s on %d node%s, data %s%s%s, backend %s %s\n", run->input.shape.title,
           run->input.plan.ranks, run->input.plan.ranks == 1 ? "" : "s", run->ranks.nodes,
           run->ranks.nodes == 1 ? "" : "s", sft_record_get(r, "data"), workload != NULL ? " " : "",
           workload != NULL ? workload : "", run->machine.device->name,
           sft_record_get(r, "precision"));
    for (size_t i = 0; i < count; i++) {
        const struct sft_show *show = &shown[i]->show[SFT_SUMMARY];
        double value = sft_record_get_real(r, shown[i]->name, NAN);
        if (!isnan(value))
            printf("%-10s %s %s\n", show->title, sft_number(number, value, show->digits),
                   show->unit);
    }
    if (strcmp(run->machine.ceiling, "data sheet") != 0 && run->machine.ceiling[0] != '\0')
        printf("%-10s %s\n", "peak", run->machine.ceiling);
    if (run->input.plan.ranks > 1 && sft_record_get(r, "slow_rank") != NULL)
        printf("slowest    rank %s on %s: %s ms to compute, median of the ranks %s ms\n",
               sft_record_get(r, "slow_rank"), sft_record_get(r, "slow_host"),
               sft_number(number, sft_record_get_real(r, "slow_ms", NAN), 4),
               sft_number(other, sft_record_get_real(r, "rank_ms", NAN), 4));
    summary_held(r);
    summary_straggler(r);
    char text[SFT_RECORD_MAX];
    if (run->result.file < 0 && sft_record_format(r, false, text, sizeof text, NULL) == 0)
        printf("record     %s\n", text);
    fflush(stdout);
}
