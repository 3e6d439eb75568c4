/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured on GPUs lies inside the range that the plan prints for it: the runs of
 * doc/measurements.md, with what was said of them there. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/run/forecast.h"

#define LONG "llama-7b,data=synthetic:4096,states=bf16,recompute=none,"
#define TWO "llama-7b:1,gpus=2,gpu_model=H100,data=synthetic:2048,seq=2048,micro_batch=4,"
/* On the installed records, which padding fills up. */
#define FEW(model, gpus) model ":1,gpus=" gpus ",gpu_model=H100,data=RECORDS"
#define H100 "llama-7b,gpu_model=H100,data=synthetic:"
/* One card, one call: bf16 and FP8 beside each other, bf16 states. */
#define CARD "states=bf16,precision="
/* Adapters of rank 16 at all projections, documents of 4,096. */
#define ADAPTED(size, micro, step)                                                                 \
    "llama-" size ",data=synthetic:4096,micro_batch=" micro ",global_batch=" step ","
/* Real records, where they are there, of Llama-2's tokens. */
#define REAL "data=SHARED/data/sft-roleplay.json,tokenizer=SHARED/data/llama2-tokenizer.model"

/* tokens/s of all GPUs */
static const struct {
    const char *request;
    double lowest, highest; /* of its runs */
} runs[] = {
    {LONG "micro_batch=4,global_batch=8", 14005, 14359},
    {LONG "micro_batch=2,global_batch=8", 14058, 14067},
    {"llama-7b,data=synthetic:8192,seq=8192,micro_batch=2,global_batch=4,states=bf16", 13031,
     13031},
    {"llama-7b,data=synthetic:2048,seq=2048,micro_batch=4,global_batch=16,states=bf16", 15012,
     15012},
    {"llama-7b,data=synthetic:1024,seq=1024,micro_batch=8,global_batch=32,states=bf16", 15206,
     15327},
    {"llama-13b,data=synthetic:4096,micro_batch=1,global_batch=4,states=bf16", 7042, 7115},
    {"llama-7b", 14962, 15077},
    {"llama-7b,micro_batch=1", 14541, 14541},
    {"llama-7b,micro_batch=2,states=fp32,recompute=none", 14712, 14712},
    {"llama-7b,micro_batch=2,states=fp32,recompute=norms", 14538, 14538},
    {"llama-7b,micro_batch=4", 15004, 15004},
    {"gpt2,data=synthetic:1024,seq=1024,micro_batch=64,global_batch=64", 568444, 568444},
    {H100 "2048,seq=2048,micro_batch=4,global_batch=8,states=bf16,recompute=norms", 14389, 14436},
    {H100 "4096,micro_batch=4,global_batch=8,states=bf16,recompute=block", 11316, 11316},
    {TWO "zero=3", 27118, 27118},
    {FEW("llama-7b", "1") ",micro_batch=1,states=bf16", 12548, 12548},
    {FEW("llama-7b", "2") ",micro_batch=2,states=bf16,zero=1", 25245, 25245},
    {FEW("llama-7b", "4") ",micro_batch=2,states=fp32,zero=2", 48757, 48757},
    {FEW("llama-7b", "4") ",micro_batch=2,states=fp32,zero=3", 47532, 47532},
    {FEW("llama-13b", "2") ",micro_batch=1,states=bf16,zero=3,recompute=norms", 11523, 11523},
    {FEW("llama-13b", "4") ",micro_batch=2,states=bf16,zero=3,recompute=norms", 24736, 24736},
    {"llama-7b,data=synthetic:4096,micro_batch=4,global_batch=8," CARD "bf16", 14074, 14110},
    {"llama-7b,data=synthetic:4096,micro_batch=4,global_batch=8," CARD "fp8", 20994, 21011},
    {"llama-7b,data=synthetic:1024,seq=1024,micro_batch=8,global_batch=32," CARD "bf16", 15125,
     15125},
    {"llama-7b,data=synthetic:1024,seq=1024,micro_batch=8,global_batch=32," CARD "fp8", 23363,
     23363},
    {"llama-7b,data=synthetic:128,micro_batch=4,global_batch=8," CARD "bf16", 15661, 15661},
    {"llama-7b,data=synthetic:128,micro_batch=4,global_batch=8," CARD "fp8", 24596, 24596},
    {"llama-7b,micro_batch=4,global_batch=8," REAL "," CARD "bf16", 15283, 15283},
    {"llama-7b,micro_batch=4,global_batch=8," REAL "," CARD "fp8", 23842, 23842},
    {"llama-13b,data=synthetic:4096,micro_batch=1,global_batch=4," CARD "fp8", 10499, 10499},
    {"llama-13b,micro_batch=1,global_batch=4," REAL "," CARD "fp8", 11661, 11661},
    {"llama3-8b,data=synthetic:8192,seq=8192,micro_batch=1,global_batch=4," CARD "bf16", 11428,
     11428},
    {"llama3-8b,data=synthetic:8192,seq=8192,micro_batch=1,global_batch=4," CARD "fp8", 16007,
     16007},
    {ADAPTED("7b", "4", "8") "method=lora", 18445, 18812},
    {ADAPTED("7b", "4", "8") "method=qlora", 18126, 18537},
    {ADAPTED("7b", "4", "8") "method=qlora,precision=fp8", 25817, 25817},
    {ADAPTED("13b", "4", "4") "method=lora,base=fp8,precision=fp8", 14554, 14554},
    {ADAPTED("13b", "2", "4") "method=qlora", 9548, 9548},
    {ADAPTED("13b", "2", "4") "method=qlora,precision=fp8", 13852, 13852},
    {ADAPTED("70b", "1", "1") "method=qlora", 1948, 1948},
    {ADAPTED("70b", "1", "1") "method=qlora,precision=fp8", 2958, 3028},
    {ADAPTED("70b", "1", "1") "method=lora,base=fp8,precision=fp8", 3066, 3066},
};

enum { RUNS = sizeof runs / sizeof runs[0] };

/* RECORDS is where the installed ones come from, SHARED the folder of what others have given. */
static void with_files(const char *text, char *full, size_t size)
{
    const char *root = getenv("SFT_SRCDIR"), *shared = getenv("SFT_SHARED");
    char *to = full, *end = full + size;
    if (root == NULL)
        root = ".";
    while (*text != '\0' && to < end - 1) {
        if (strncmp(text, "RECORDS", 7) == 0) {
            to += snprintf(to, (size_t)(end - to), "%s/examples/instructions.json", root);
            text += 7;
        } else if (strncmp(text, "SHARED", 6) == 0) {
            to += shared != NULL ? snprintf(to, (size_t)(end - to), "%s", shared)
                                 : snprintf(to, (size_t)(end - to), "%s/../shared", root);
            text += 6;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

/* A run on records that are not here cannot be planned. */
static bool is_there(const char *request)
{
    char path[1024];
    with_files("SHARED/data/sft-roleplay.json", path, sizeof path);
    return strstr(request, "SHARED") == NULL || access(path, R_OK) == 0;
}

static struct forecast planned(const char *said)
{
    char text[1024];
    static struct forecast f;
    struct forecast_question question;
    struct sft_request request;
    struct input input;
    struct sft_error err = {""};
    with_files(said, text, sizeof text);
    if (sft_request_parse(&request, text, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    int gpus = request.gpus > 0 ? request.gpus : 1;
    if (input_open(&input, &request, 1, gpus, &err) < 0 ||
        forecast_ask(&question, &input, &request, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    forecast_make(&f, &question, 1, gpus);
    input_close(&input);
    if (!f.fits)
        fail_msg("%s: %s", text, f.why.text);
    return f;
}

/* What is said of FP8 and of all else: within 5%. And the range is no wider than the runs make it:
 * to a hundredth the worst lies at each end. */
static void test_measured_runs_lie_inside(void **state)
{
    (void)state;
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < RUNS; i++) {
        if (!is_there(runs[i].request))
            continue;
        struct forecast f = planned(runs[i].request);
        if (runs[i].lowest < 0.95 * f.tok_s || runs[i].highest > 1.05 * f.tok_s)
            fail_msg("%s: measured %g to %g, derived %g", runs[i].request, runs[i].lowest,
                     runs[i].highest, f.tok_s);
        if (runs[i].lowest < f.tok_s_low || runs[i].highest > f.tok_s_high)
            fail_msg("%s: measured %g to %g, the plan has %g to %g", runs[i].request,
                     runs[i].lowest, runs[i].highest, f.tok_s_low, f.tok_s_high);
        least = fmin(least, runs[i].lowest / f.tok_s);
        most = fmax(most, runs[i].highest / f.tok_s);
    }
    if (least > 1 - FORECAST_BELOW + 0.01 || most < 1 + FORECAST_ABOVE - 0.01)
        fail_msg("measured %g to %g of what was derived", least, most);
}

/* Of samples, too: as many of each token at both ends. */
static void test_samples_have_the_same_range(void **state)
{
    (void)state;
    struct forecast f = planned("llama-7b");
    double tokens = f.tok_s / f.samples_s;
    assert_true(tokens > 120 && tokens < 140); /* Alpaca's */
    assert_true(fabs(f.tok_s_low / forecast_samples(&f, true) / tokens - 1) < 1e-9);
    assert_true(fabs(f.tok_s_high / forecast_samples(&f, false) / tokens - 1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured_runs_lie_inside),
        cmocka_unit_test(test_samples_have_the_same_range),
    };
    return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
