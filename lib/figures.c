/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/figures.h"

#include <stdlib.h>
#include <string.h>

#define N_(text) text /* marks what the page translates */

#define ROW(name, type, origin, keep, unit, help, ...)                                             \
    {                                                                                              \
        name, SFT_##type, SFT_##origin, SFT_##keep, unit, help,                                    \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define AT(view, at, ...) [SFT_##view] = {.place = at, __VA_ARGS__} /* struct sft_show */
#define NOWHERE                                                                                    \
    {                                                                                              \
        0                                                                                          \
    } /* but in CSV, JSON and the manual */

static const struct sft_figure figures[] = {
    ROW("step", TEXT, SLURM, BRIEF, "", "Slurm job and step, JOBID.STEPID", NOWHERE),
    ROW("state", TEXT, MEASURED, BRIEF, "", "running, complete, partial (ended early) or failed",
        NOWHERE),
    ROW("task", TEXT, GIVEN, BRIEF, "", "verify where nothing was trained; absent: training",
        NOWHERE),
    ROW("model", TEXT, GIVEN, BRIEF, "", "preset that was trained", AT(TABLE, 40, "MODEL")),
    ROW("method", TEXT, GIVEN, BRIEF, "",
        "full: all parameters are trained; lora: adapters of low rank beside frozen ones",
        AT(TABLE, 50, "METHOD", .yields = 9)),
    ROW("lora_rank", INTEGER, GIVEN, FULL, "", "with adapters: their rank", NOWHERE),
    ROW("lora_alpha", REAL, GIVEN, FULL, "",
        "with adapters: their output is multiplied with it / lora_rank", NOWHERE),
    ROW("rslora", TEXT, GIVEN, FULL, "", "with adapters: yes where it is / sqrt(lora_rank)",
        NOWHERE),
    ROW("lora_dropout", REAL, GIVEN, FULL, "",
        "with adapters: part of their input that they do not see", NOWHERE),
    ROW("lora_targets", TEXT, GIVEN, FULL, "",
        "with adapters: projections that have one, all, attention, qv or names", NOWHERE),
    ROW("base", TEXT, GIVEN, FULL, "", "with adapters: what the frozen weights stand in", NOWHERE),
    ROW("precision", TEXT, GIVEN, BRIEF, "",
        "type of weights and activations; fp8: linear layers but the head compute in it; tf32: "
        "they "
        "are fp32, products of matrices in tf32",
        AT(TABLE, 60, "TYPE", .yields = 8)),
    ROW("scaling", TEXT, GIVEN, FULL, "",
        "with fp8: what shares a current scale, tensor (gradients in E5M2) or row (all in E4M3)",
        AT(SYSTEM, 35, N_("Scales of FP8"))),
    ROW("optimizer", TEXT, GIVEN, FULL, "", "adamw, or sgd with Nesterov's momentum", NOWHERE),
    ROW("states", TEXT, GIVEN, FULL, "",
        "type of the optimizer's states: fp32, or bf16 with stochastic rounding", NOWHERE),
    ROW("zero", TEXT, GIVEN, FULL, "",
        "what ranks shared: 0 nothing, 1 states, 2 gradients too, 3 weights too, or hybrid",
        NOWHERE),
    ROW("gathered", TEXT, GIVEN, FULL, "",
        "with zero=3 and hybrid: type in which weights of linear layers but the head are gathered",
        NOWHERE),
    ROW("recompute", TEXT, GIVEN, FULL, "",
        "what the backward pass computed again: none, norms or block", NOWHERE),
    ROW("chosen", LIST, GIVEN, FULL, "",
        "which of micro_batch, states, recompute and zero were chosen, not asked for", NOWHERE),
    ROW("backend", TEXT, GIVEN, FULL, "", "what computed: cpu or cuda", NOWHERE),
    ROW("device", TEXT, MEASURED, FULL, "", "rank 0's device as the machine names it",
        AT(SYSTEM, 30, N_("Device"))),
    ROW("nodes", INTEGER, SLURM, BRIEF, "", "nodes that ran", AT(TABLE, 70, "NODES", .yields = 1)),
    ROW("ranks", INTEGER, SLURM, BRIEF, "", "ranks that ran", AT(TABLE, 80, "RANKS", .yields = 1)),
    ROW("seq", INTEGER, GIVEN, BRIEF, "tokens", "length of one packed sequence",
        AT(TABLE, 90, "SEQ", .yields = 7)),
    ROW("micro_batch", INTEGER, GIVEN, FULL, "sequences", "of one forward pass on one rank",
        NOWHERE),
    ROW("accumulation", INTEGER, GIVEN, FULL, "", "forward passes of one rank in one step",
        NOWHERE),
    ROW("global_batch", INTEGER, GIVEN, BRIEF, "sequences", "of one optimizer step over all ranks",
        AT(TABLE, 100, "BATCH", .yields = 7)),
    ROW("steps", INTEGER, GIVEN, BRIEF, "", "measured steps that were asked for", NOWHERE),
    ROW("measure_s", REAL, GIVEN, FULL, "s", "in place of steps: seconds to be measured, at least",
        NOWHERE),
    ROW("steps_done", INTEGER, MEASURED, BRIEF, "", "measured steps that were done", NOWHERE),
    ROW("warmup", INTEGER, GIVEN, FULL, "", "steps before them, trained but not measured", NOWHERE),
    ROW("seed", INTEGER, GIVEN, FULL, "", "of weights, packing and order", NOWHERE),
    ROW("lr", REAL, GIVEN, FULL, "", "highest learning rate", NOWHERE),
    ROW("data", TEXT, GIVEN, BRIEF, "", "file name of the records, or synthetic",
        AT(SYSTEM, 130, N_("Data"))),
    ROW("weights", TEXT, GIVEN, FULL, "", "model whose weights the run began with; absent: drawn",
        AT(SYSTEM, 131, N_("Weights"))),
    ROW("weights_sum", TEXT, MEASURED, FULL, "",
        "checksum of shape, headers and each tensor's first elements, the adapters', too", NOWHERE),
    ROW("adapter", TEXT, GIVEN, FULL, "", "adapters that the run went on with; absent: new ones",
        NOWHERE),
    ROW("load_s", REAL, MEASURED, FULL, "s", "seconds to read them into the devices", NOWHERE),
    ROW("save_s", REAL, MEASURED, FULL, "s", "seconds to save the model, after the last step",
        NOWHERE),
    ROW("resumed_step", INTEGER, MEASURED, BRIEF, "",
        "steps that were done before this run, which went on from a checkpoint",
        AT(SUMMARY, 14, "resumed", 9, .unit = "steps were done before")),
    ROW("checkpoints", INTEGER, MEASURED, FULL, "", "that were written", NOWHERE),
    ROW("checkpoints_lost", INTEGER, MEASURED, BRIEF, "", "that could not be written", NOWHERE),
    ROW("checkpoint_step", INTEGER, MEASURED, FULL, "", "the newest whole one is of this step",
        NOWHERE),
    ROW("checkpoint_bytes", REAL, MEASURED, FULL, "B", "of one, all ranks' files", NOWHERE),
    ROW("checkpoint_s", REAL, MEASURED, FULL, "s",
        "training stood still for them on rank 0; in none of the other times",
        AT(SUMMARY, 16, "checkpoints", 3, .unit = "s, in none of the figures")),
    ROW("workload", TEXT, GIVEN, BRIEF, "",
        "alpaca-packed: synthetic documents of Alpaca's lengths; labelled: drawn samples, each as "
        "long as the sequence and of one class; absent for other data",
        AT(SYSTEM, 135, N_("Workload"))),
    ROW("data_sum", TEXT, MEASURED, FULL, "", "checksum of that file's bytes", NOWHERE),
    ROW("records", INTEGER, MEASURED, FULL, "", "documents in one epoch", NOWHERE),
    ROW("sample_tokens", REAL, MEASURED, FULL, "tokens", "mean of those documents, as cut",
        NOWHERE),
    ROW("cut", INTEGER, MEASURED, BRIEF, "",
        "documents longer than the sequence, cut to it or left out", NOWHERE),
    ROW("skipped", INTEGER, MEASURED, FULL, "", "records left out because they are empty or bad",
        NOWHERE),
    ROW("mended", INTEGER, MEASURED, FULL, "", "records in whose texts something became U+FFFD",
        NOWHERE),
    ROW("tokenizer", TEXT, GIVEN, FULL, "", "file or folder name of the tokenizer, or bytes",
        AT(SYSTEM, 140, N_("Tokenizer"))),
    ROW("template", TEXT, GIVEN, FULL, "", "text of conversations that was asked for", NOWHERE),
    ROW("vocab", INTEGER, MEASURED, DETAIL, "", "rows of the embedding table; 0: it has none",
        NOWHERE),
    ROW("parameters", INTEGER, DERIVED, FULL, "", "parameters of the model as it ran, adapters too",
        NOWHERE),
    ROW("trained", INTEGER, DERIVED, FULL, "", "parameters of them that were trained", NOWHERE),
    ROW("request", TEXT, GIVEN, LONG, "", "what was asked for, as --sft-bench= takes it", NOWHERE),
    ROW("step_ms", REAL, MEASURED, BRIEF, "ms", N_("median time of a measured step on rank 0"),
        AT(SUMMARY, 10, "step", 4, .unit = "ms (median)"), AT(TABLE, 120, "STEP", .yields = 1),
        AT(THROUGHPUT, 40, N_("Step"), 1), AT(DEFINITIONS, 30)),
    ROW("first_ms", REAL, MEASURED, FULL, "ms",
        "the first step of warm-up on rank 0, in which algorithms are chosen", NOWHERE),
    ROW("step_mad_ms", REAL, MEASURED, FULL, "ms", "its median absolute deviation", NOWHERE),
    ROW("exposed_ms", REAL, MEASURED, BRIEF, "ms",
        N_("of a step, rank 0 waits for weights and gradients"),
        AT(THROUGHPUT, 70, N_("Waiting for collectives"), 1), AT(DEFINITIONS, 80)),
    ROW("step_p95_ms", REAL, MEASURED, FULL, "ms", "its 95th percentile", NOWHERE),
    ROW("steps_s", REAL, MEASURED, FULL, "s", "all measured steps together on rank 0", NOWHERE),
    ROW("suspended_s", REAL, MEASURED, BRIEF, "s",
        "rank 0 was stopped during measured steps; in none of the other times",
        AT(SUMMARY, 12, "suspended", 4, .unit = "s, in none of the figures")),
    ROW("samples_s", REAL, DERIVED, BRIEF, N_("samples/s"),
        N_("documents of all ranks in the measured steps / steps_s"),
        AT(SUMMARY, 20, "samples", 4, .unit = "/s"), AT(TABLE, 140, "SAMPLES", .yields = 3),
        AT(GROUPS, 80, "SAMPLES", 2), AT(THROUGHPUT, 30, N_("Samples"), 1), AT(DEFINITIONS, 20)),
    ROW("tok_s", REAL, DERIVED, BRIEF, N_("tokens/s"),
        N_("tokens of all ranks in the measured steps, without padding / steps_s"),
        AT(SUMMARY, 30, "tokens", 6, .unit = "/s"), AT(TABLE, 130, "SPEED"),
        AT(GROUPS, 50, "SPEED"), AT(THROUGHPUT, 20, N_("Tokens")), AT(PLAN, 20, N_("Tokens")),
        AT(DEFINITIONS, 10)),
    ROW("unsteady", REAL, DERIVED, BRIEF, "%",
        "tok_s is so much less than tok_s_median; only where they part by more than 2%",
        AT(SUMMARY, 32, "UNSTEADY", 3, .unit = "% below its median step")),
    ROW("tok_s_median", REAL, DERIVED, FULL, N_("tokens/s"),
        "with unsteady: the same tokens at the speed of the median step",
        AT(SUMMARY, 34, "", 6, .unit = "/s in the median step")),
    ROW("slow_steps", INTEGER, MEASURED, FULL, "",
        "with unsteady: measured steps longer than 1.1 times the median",
        AT(SUMMARY, 36, "", 6, .unit = "slow steps")),
    ROW("slow_at", LIST, MEASURED, FULL, "", "with unsteady: which ones, from 1", NOWHERE),
    ROW("tok_s_processed", REAL, DERIVED, FULL, N_("tokens/s"),
        "with padding: tokens processed in the measured steps / steps_s",
        AT(SUMMARY, 40, "", 6, .unit = "/s processed, padding too")),
    ROW("tok_s_real", REAL, DERIVED, FULL, N_("tokens/s"), "sft1 alone: what tok_s is now",
        NOWHERE),
    ROW("tok_s_trained", REAL, DERIVED, FULL, N_("tokens/s"),
        "tokens with a loss in the measured steps / steps_s",
        AT(SUMMARY, 50, "", 6, .unit = "/s trained")),
    ROW("tflops", REAL, DERIVED, BRIEF, "TFLOP/s",
        N_("of one rank: model FLOPs of the measured steps' tokens, without padding / ranks / "
           "steps_s"),
        AT(SUMMARY, 60, "rate", 4, .unit = "TFLOP/s a rank"), AT(TABLE, 150, "A RANK", .yields = 2),
        AT(UTILIZATION, 30, N_("Rate of a rank"), 1, .digits_cpu = 4), AT(DEFINITIONS, 40)),
    ROW("mfu", REAL, DERIVED, BRIEF, "%", N_("tflops / peak_tflops"),
        AT(SUMMARY, 70, "MFU", 3, .unit = "%"), AT(TABLE, 160, "MFU", .yields = 2),
        AT(GROUPS, 100, "MFU", 2), AT(UTILIZATION, 10, "MFU", 1), AT(DEFINITIONS, 50)),
    ROW("peak_tflops", REAL, GIVEN, FULL, "TFLOP/s",
        "of one device or MIG slice: data sheet, or the user's peak= below it",
        AT(UTILIZATION, 40, N_("Peak of a device"), 1)),
    ROW("ceiling", TEXT, GIVEN, FULL, "",
        "what peak_tflops is by: the data sheet, peak=, or no ceiling known", NOWHERE),
    ROW("rank_ms", REAL, MEASURED, FULL, "ms",
        "median over the ranks of their median time to compute, waiting left out", NOWHERE),
    ROW("slow_rank", INTEGER, MEASURED, BRIEF, "", "rank with the longest median time to compute",
        AT(TABLE, 200, "ON RANK", .yields = 8)),
    ROW("slow_host", TEXT, MEASURED, BRIEF, "", "its host", NOWHERE),
    ROW("slow_ms", REAL, MEASURED, BRIEF, "ms", "its median time to compute",
        AT(TABLE, 190, "SLOWEST", .yields = 8)),
    ROW("ranks_ms", LIST, MEASURED, LONG, "ms", N_("median time to compute of each rank, by rank"),
        AT(DEFINITIONS, 90)),
    ROW("stragglers", INTEGER, MEASURED, FULL, "",
        "ranks that were stragglers: slower than before and than the others; absent: too few steps",
        NOWHERE),
    ROW("straggler_rank", INTEGER, MEASURED, BRIEF, "",
        "of these the rank that cost most, by its share of time times its steps", NOWHERE),
    ROW("straggler_host", TEXT, MEASURED, BRIEF, "", "its host", NOWHERE),
    ROW("straggler_pct", REAL, MEASURED, BRIEF, "%", "so much longer it took to compute", NOWHERE),
    ROW("straggler_step", INTEGER, MEASURED, FULL, "", "since that step, from 1, warm-up too",
        NOWHERE),
    ROW("straggler_steps", INTEGER, MEASURED, BRIEF, "", "for so many steps", NOWHERE),
    ROW("straggler_cause", TEXT, MEASURED, FULL, "", "what its GPU's sensors say of it", NOWHERE),
    ROW("mem_gib", REAL, MEASURED, BRIEF, "GiB", N_("peak memory of the rank that used most"),
        AT(SUMMARY, 130, "memory", 4, .unit = "GiB a rank, peak"),
        AT(TABLE, 170, "MEMORY", .yields = 5), AT(GROUPS, 120, "MEMORY", 1),
        AT(PLAN, 50, N_("Memory"), 2), AT(DEFINITIONS, 70)),
    ROW("mem_plan_gib", REAL, ESTIMATED, FULL, "GiB", N_("memory that the plan counted on a rank"),
        AT(SUMMARY, 140, "", 4, .unit = "GiB planned"), AT(PLAN, 40, N_("Memory, planned"), 2),
        AT(DEFINITIONS, 130)),
    ROW("tok_s_plan", REAL, ESTIMATED, FULL, N_("tokens/s"),
        N_("tok_s that was predicted from the device's measured ceilings before the run"),
        AT(SUMMARY, 80, "predicted", 6, .unit = "tokens/s"), AT(PLAN, 10, N_("Tokens, predicted")),
        AT(DEFINITIONS, 120)),
    ROW("gpu_util", REAL, MEASURED, BRIEF, "%",
        N_("time that a kernel ran on the GPU, by NVML, mean of the ranks"),
        AT(SUMMARY, 90, "GPU", 3, .unit = "% of the time busy (NVML)"), AT(GROUPS, 110, "GPU", 1),
        AT(UTILIZATION, 20, N_("GPU utilization"), 1), AT(DEFINITIONS, 60)),
    ROW("power_w", REAL, MEASURED, FULL, "W",
        N_("of a GPU, by its energy counter, mean of the ranks"),
        AT(SUMMARY, 100, "", 4, .unit = "W"), AT(UTILIZATION, 70, N_("Power of a GPU")),
        AT(DEFINITIONS, 100)),
    ROW("energy_j", REAL, MEASURED, FULL, "J", "of all GPUs over the measured steps", NOWHERE),
    ROW("tok_j", REAL, DERIVED, FULL, "tokens/J",
        N_("tokens in the measured steps, without padding / energy_j"),
        AT(SUMMARY, 110, "", 4, .unit = "tokens/J"),
        AT(UTILIZATION, 71, N_("Tokens for a joule"), 2), AT(DEFINITIONS, 110)),
    ROW("sm_mhz", REAL, MEASURED, FULL, "MHz", "mean clock of the slowest GPU",
        AT(UTILIZATION, 50, N_("SM clock, slowest"))),
    ROW("temp_c", REAL, MEASURED, FULL,
        "\xc2\xb0"
        "C",
        "mean temperature of the hottest GPU", AT(UTILIZATION, 72, N_("Temperature, hottest"))),
    ROW("limited", REAL, MEASURED, FULL, "%",
        "of the samples in which power or heat held a clock back",
        AT(SUMMARY, 120, "held back", 3, .unit = "% of the samples, by power or heat"),
        AT(UTILIZATION, 60, N_("Held back"))),
    ROW("clock_reasons", TEXT, MEASURED, FULL, "",
        "all reasons for which a clock was held back, by NVML", NOWHERE),
    ROW("loss_first", REAL, MEASURED, FULL, "", "mean loss of a trained token in the first step",
        AT(SUMMARY, 150, "loss", 5, .unit = "in the first step")),
    ROW("loss_last", REAL, MEASURED, BRIEF, "", "the same in the last step",
        AT(SUMMARY, 160, "", 5, .unit = "in the last step"), AT(TABLE, 180, "LOSS", .yields = 4)),
    ROW("verdict", TEXT, MEASURED, BRIEF, "",
        "of verify, its worst node's: good, warning, bad or could not tell", NOWHERE),
    ROW("worst_host", TEXT, MEASURED, BRIEF, "", "of verify, where a node is not good: the worst",
        NOWHERE),
    ROW("worst_why", TEXT, MEASURED, FULL, "",
        "what was found there, and the cause where it is known", NOWHERE),
    ROW("worst_ratio", REAL, MEASURED, FULL, "",
        "its smallest figure as a part of what it should be; 0: a rank hung", NOWHERE),
    ROW("nodes_good", INTEGER, MEASURED, BRIEF, "nodes", "of verify, with the verdict good",
        NOWHERE),
    ROW("nodes_warning", INTEGER, MEASURED, BRIEF, "nodes", "with the verdict warning", NOWHERE),
    ROW("nodes_bad", INTEGER, MEASURED, BRIEF, "nodes", "with the verdict bad", NOWHERE),
    ROW("nodes_unknown", INTEGER, MEASURED, BRIEF, "nodes", "with the verdict could not tell",
        NOWHERE),
    ROW("hosts_bad", LIST, MEASURED, LONG, "", "of verify, nodes with the verdict bad", NOWHERE),
    ROW("hosts_unknown", LIST, MEASURED, LONG, "",
        "of verify, nodes with the verdict could not tell", NOWHERE),
    ROW("checks", LIST, MEASURED, FULL, "", "of verify, what was measured", NOWHERE),
    ROW("eval", TEXT, GIVEN, FULL, "",
        "records that are evaluated and not trained: a file name, or their part of the data",
        NOWHERE),
    ROW("eval_records", INTEGER, MEASURED, FULL, "", "documents of them", NOWHERE),
    ROW("eval_tokens", INTEGER, MEASURED, FULL, "", "tokens with a loss in them", NOWHERE),
    ROW("eval_first", REAL, MEASURED, FULL, "", "mean loss of such a token before the first step",
        NOWHERE),
    ROW("eval_loss", REAL, MEASURED, BRIEF, "", "the same at the last evaluation", NOWHERE),
    ROW("eval_best", REAL, MEASURED, FULL, "", "the lowest of all evaluations", NOWHERE),
    ROW("eval_best_step", INTEGER, MEASURED, FULL, "",
        "after that step, from 1, warm-up too; 0: before the first", NOWHERE),
    ROW("eval_s", REAL, MEASURED, FULL, "s", "all evaluations together; in none of the other times",
        NOWHERE),
    ROW("epochs", REAL, DERIVED, FULL, "",
        "passes over the data so far: steps, warm-up too, x global_batch / sequences of them",
        NOWHERE),
    ROW("loss_curve", LIST, DERIVED, LONG, "",
        "means of the steps' losses over as many equal parts of the run, STEP:LOSS", NOWHERE),
    ROW("eval_curve", LIST, MEASURED, LONG, "", "evaluations, STEP:LOSS, at most 33", NOWHERE),
    ROW("start", TEXT, SLURM, FULL, "", "when the step began, UTC, ISO 8601", NOWHERE),
    ROW("seconds", REAL, SLURM, FULL, "s", "from there to this record", NOWHERE),
    ROW("hosts", LIST, MEASURED, LONG, "", "hosts that ran, in the order of ranks",
        AT(SYSTEM, 40, N_("Hosts"))),
    ROW("version", TEXT, MEASURED, BRIEF, "", "of sft-bench", AT(SYSTEM, 70, N_("sft-bench"))),
    ROW("mixed", TEXT, MEASURED, LONG, "",
        "what differs between the nodes: program, libraries, driver, GPUs, CPU, kernel",
        AT(SYSTEM, 75, N_("Nodes differ"))),
    ROW("cuda", TEXT, MEASURED, FULL, "", "runtime, driver and libraries of the GPU",
        AT(SYSTEM, 80, N_("CUDA and its libraries"))),
    ROW("blas", TEXT, MEASURED, FULL, "",
        "library of matrix products, and the CPU whose kernels it took",
        AT(SYSTEM, 120, N_("BLAS"))),
    ROW("pinned", INTEGER, MEASURED, BRIEF, "ranks", "bound to cores near their GPU by the plugin",
        NOWHERE),
    ROW("cpus", LIST, MEASURED, DETAIL, "", "cores that rank 0 is bound to", NOWHERE),
    ROW("nccl_env", TEXT, GIVEN, LONG, "",
        "NCCL's variables of rank 0: the plugin's and the user's",
        AT(SYSTEM, 60, N_("NCCL variables"))),
    ROW("nic_gbps", REAL, MEASURED, FULL, "Gb/s",
        "of rank 0's node: rates of the ports in use, added up",
        AT(SYSTEM, 50, N_("Network of a node, Gb/s"))),
    ROW("rdma_gb", REAL, MEASURED, FULL, "GB",
        "sent in the measured steps by the RDMA ports of all nodes that carry collectives",
        NOWHERE),
    ROW("rdma_needed_gb", REAL, DERIVED, FULL, "GB", "what the collectives should have sent",
        NOWHERE),
    ROW("rdma_marked", REAL, MEASURED, FULL, "packets",
        "that switches marked as congested, as the receiving ports counted them", NOWHERE),
    ROW("rdma_paused", REAL, MEASURED, FULL, "%",
        "of the measured steps, the port that switches held longest", NOWHERE),
    ROW("rdma_trouble", TEXT, MEASURED, LONG, "",
        "ports whose counters tell of faults, by host, counter and growth",
        AT(SYSTEM, 55, N_("Network ports in trouble"))),
    ROW("mpi", TEXT, MEASURED, FULL, "", "library of collectives between CPUs",
        AT(SYSTEM, 100, N_("MPI"))),
    ROW("nccl", TEXT, MEASURED, FULL, "", "library of collectives between GPUs",
        AT(SYSTEM, 90, N_("NCCL"))),
    ROW("pmix", TEXT, MEASURED, FULL, "", "library of the bootstrap", AT(SYSTEM, 110, N_("PMIx"))),
    ROW("program", TEXT, SLURM, BRIEF, "",
        "what rank 0 executed, as root saw it: site, script, or another's name", NOWHERE),
    ROW("checked", LIST, SLURM, BRIEF, "",
        "what the step daemon held the record against and found right", NOWHERE),
    ROW("doubted", TEXT, SLURM, BRIEF, "", "what it found wrong; such a record is counted nowhere",
        NOWHERE),
    ROW("fail", TEXT, MEASURED, BRIEF, "", "why the run failed, or ended early", NOWHERE),
    {.name = NULL},
};

const struct sft_figure *sft_figures(void)
{
    return figures;
}

const struct sft_figure *sft_figure_find(const char *name)
{
    for (const struct sft_figure *figure = figures; figure->name != NULL; figure++)
        if (strcmp(figure->name, name) == 0)
            return figure;
    return NULL;
}

size_t sft_figures_shown(enum sft_view view, const struct sft_figure *shown[SFT_VIEW_MAX])
{
    size_t count = 0;
    for (const struct sft_figure *figure = figures; figure->name != NULL; figure++) {
        size_t at = count;
        if (figure->show[view].place == 0 || count == SFT_VIEW_MAX)
            continue;
        for (; at > 0 && shown[at - 1]->show[view].place > figure->show[view].place; at--)
            shown[at] = shown[at - 1];
        shown[at] = figure;
        count++;
    }
    return count;
}

const char *sft_origin_name(enum sft_origin origin)
{
    static const char *const names[] = {"configured", "measured", "derived", "estimated", "slurm"};
    return names[origin];
}

const char *sft_keep_name(enum sft_keep keep)
{
    static const char *const names[] = {"brief", "", "long", "detail"};
    return names[keep];
}

const char *sft_type_name(enum sft_type type)
{
    static const char *const names[] = {"text", "list", "integer", "real"};
    return names[type];
}

enum sft_type sft_figure_read(const struct sft_figure *figure, const char *text, long long *whole,
                              double *real)
{
    enum sft_type type = sft_number_read(text, whole, real);
    if (figure == NULL || type == SFT_TEXT || figure->type == type)
        return type;
    if (figure->type != SFT_REAL)
        return SFT_TEXT;
    *real = strtod(text, NULL);
    return SFT_REAL;
}
