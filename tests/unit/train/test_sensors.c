/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "job/train/sensors.h"
#include "tests/unit/train/fake_nvml.h"

#define PERIOD 0.1 /* seconds, as sensors.h says */
#define HANGS 60   /* seconds after which a test that waits is killed */
#define GIB (1ULL << 30)

#define SLEEP(periods) ((useconds_t)((periods)*PERIOD * 1e6)) /* microseconds, for usleep */

static char fake_path[2][4096]; /* today's driver, an old one */
static struct fake_nvml *fakes[2];
static struct fake_nvml *fake;

static void fake_set(enum fake_sensor sensor, size_t count, const unsigned long long *values)
{
    memcpy(fake->series[sensor].value, values, count * sizeof *values);
    fake->series[sensor].count = count;
    fake->series[sensor].calls = 0;
}

#define FAKE_SET(sensor, ...)                                                                      \
    fake_set(sensor, sizeof((unsigned long long[]){__VA_ARGS__}) / sizeof(unsigned long long),     \
             (unsigned long long[]){__VA_ARGS__})

static struct sensors *sensors_of(int which)
{
    struct sft_error err = {""};
    fake = fakes[which];
    struct sensors *sensors = sensors_open(fake_path[which], FAKE_BUS_ID, &err);
    if (sensors == NULL)
        fail_msg("%s", err.text);
    return sensors;
}

/* Every sensor: its call i gives base + slope * i. */
static void fake_ramps(void)
{
    for (int sensor = 0; sensor < FAKE_SENSORS; sensor++) {
        struct fake_series *series = &fake->series[sensor];
        for (size_t i = 0; i < FAKE_LENGTH; i++)
            series->value[i] = 10 * (unsigned)(sensor + 1) + (unsigned)(sensor + 1) * i;
        series->count = FAKE_LENGTH;
    }
}

/* The mean over the first `samples` calls of fake_ramps. */
static double ramp_mean(enum fake_sensor sensor, long samples)
{
    double sum = 0;
    for (long i = 0; i < samples; i++)
        sum += (double)fake->series[sensor].value[i < FAKE_LENGTH ? i : FAKE_LENGTH - 1];
    return sum / (double)samples;
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * fabs(b)))
        fail_msg("%.17g is not %.17g", a, b);
}

static void assert_all_nan(const struct sensors_figures *figures)
{
    assert_true(isnan(figures->utilization) && isnan(figures->power) && isnan(figures->energy));
    assert_true(isnan(figures->sm_clock) && isnan(figures->memory_clock));
    assert_true(isnan(figures->temperature) && isnan(figures->memory_used));
    assert_true(isnan(figures->limited) && figures->reasons == 0);
}

static int reset(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        memset(fakes[i], 0, sizeof *fakes[i]);
    alarm(HANGS);
    return 0;
}

/* Every test gives back what it opened, and asked only what it opened. */
static int balance(void **state)
{
    (void)state;
    alarm(0);
    return fakes[0]->users || fakes[1]->users || fakes[0]->unstarted || fakes[1]->unstarted;
}

static void test_two_samples_by_hand(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_UTILIZATION, 90, 100);
    FAKE_SET(FAKE_POWER, 400500, 600500);
    FAKE_SET(FAKE_ENERGY, 1ULL << 40, (1ULL << 40) + 1234567);
    FAKE_SET(FAKE_SM_CLOCK, 1980, 1500);
    FAKE_SET(FAKE_MEMORY_CLOCK, 2619, 2619);
    FAKE_SET(FAKE_TEMPERATURE, 40, 61);
    FAKE_SET(FAKE_MEMORY_USED, 7 * GIB, 5 * GIB);
    FAKE_SET(FAKE_REASONS, 0x1, 0x4 | 0x200);
    sensors_begin(sensors);
    sensors_end(sensors);
    sensors_end(sensors); /* nothing is open: no sample */
    struct sensors_figures figures = sensors_read(sensors);
    assert_int_equal(figures.samples, 2);
    assert_near(figures.utilization, 95);
    assert_near(figures.power, 500.5);
    assert_near(figures.energy, 1234.567);
    assert_near(figures.sm_clock, 1740);
    assert_near(figures.memory_clock, 2619);
    assert_near(figures.temperature, 50.5);
    assert_near(figures.memory_used, 7);
    assert_near(figures.limited, 0.5);
    assert_true(figures.reasons == 0x204);
    assert_true(figures.seconds > 0);
    sensors_close(sensors);
}

static void test_begin_forgets(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_POWER, 900000, 900000, 100000, 200000, 500000, 700000);
    FAKE_SET(FAKE_ENERGY, 0, 5000, 6000, 9500, 20000, 20001);
    FAKE_SET(FAKE_MEMORY_USED, 9 * GIB, 9 * GIB, 2 * GIB, 3 * GIB, GIB, GIB);
    FAKE_SET(FAKE_REASONS, 0x8, 0x8, 0x10, 0x100, 0, 0x40);
    sensors_begin(sensors);
    sensors_end(sensors);
    assert_near(sensors_read(sensors).limited, 1);
    sensors_begin(sensors);
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_near(figures.power, 150);
    assert_near(figures.energy, 3.5);
    assert_near(figures.memory_used, 3);
    assert_true(figures.limited == 0 && figures.reasons == 0x110 && figures.samples == 2);
    sensors_begin(sensors); /* and while it is open */
    sensors_begin(sensors);
    figures = sensors_read(sensors);
    assert_near(figures.power, 700);
    assert_true(figures.limited == 1 && figures.reasons == 0x40 && figures.samples == 1);
    sensors_close(sensors);
}

static void test_before_begin(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    fake_ramps();
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_all_nan(&figures);
    assert_true(isnan(figures.seconds) && figures.samples == 0);
    for (int sensor = 0; sensor < FAKE_SENSORS; sensor++)
        assert_true(fake->series[sensor].calls == 0);
    sensors_close(sensors);
}

static void test_which_reasons_limit(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    for (int bit = 0; bit < 10; bit++) {
        FAKE_SET(FAKE_REASONS, 1ULL << bit);
        sensors_begin(sensors);
        struct sensors_figures figures = sensors_read(sensors);
        bool limits = bit == 2 || bit == 3 || bit == 5 || bit == 6 || bit == 7;
        assert_true(figures.limited == (limits ? 1 : 0));
        assert_true(figures.reasons == (bit == 0 ? 0 : 1ULL << bit));
        for (int other = 0; other < SENSORS_REASONS; other++)
            assert_int_equal(figures.held[other], other == bit ? figures.samples : 0);
    }
    sensors_close(sensors);
}

static void test_not_supported(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    sensors_begin(sensors);
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_all_nan(&figures);
    assert_int_equal(figures.samples, 2);
    FAKE_SET(FAKE_TEMPERATURE, 33); /* one sensor alone */
    sensors_begin(sensors);
    figures = sensors_read(sensors);
    assert_near(figures.temperature, 33);
    figures.temperature = NAN;
    assert_all_nan(&figures);
    sensors_close(sensors);
}

static void test_a_call_that_fails(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_POWER, FAKE_FAILS, 300000);
    FAKE_SET(FAKE_MEMORY_USED, 4 * GIB, FAKE_FAILS);
    FAKE_SET(FAKE_REASONS, 0x4, FAKE_FAILS);
    FAKE_SET(FAKE_ENERGY, FAKE_FAILS, 100, 200, FAKE_FAILS, 300, 250);
    sensors_begin(sensors);
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_near(figures.power, 300);
    assert_near(figures.memory_used, 4);
    assert_near(figures.limited, 1);
    assert_true(isnan(figures.energy)); /* not at begin */
    sensors_begin(sensors);
    sensors_end(sensors);
    assert_true(isnan(sensors_read(sensors).energy)); /* not at end */
    sensors_begin(sensors);
    sensors_end(sensors);
    assert_true(isnan(sensors_read(sensors).energy)); /* set back between */
    sensors_close(sensors);
}

static void test_old_driver(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(1);
    FAKE_SET(FAKE_ENERGY, 0, 5000);
    FAKE_SET(FAKE_POWER, 250000);
    FAKE_SET(FAKE_REASONS, 0x80);
    sensors_begin(sensors);
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_true(isnan(figures.energy));
    assert_near(figures.power, 250);
    assert_true(figures.reasons == 0x80 && figures.limited == 1);
    sensors_close(sensors);
    struct sft_error err = {""};
    assert_null(sensors_open(fake_path[1], "0000:ff:00.0", &err));
    assert_contains(err.text, "NVML's error 6");
}

static void assert_no_sensors(const char *library, const char *bus_id, const char *words)
{
    struct sft_error err = {""};
    assert_null(sensors_open(library, bus_id, &err));
    assert_contains(err.text, library);
    assert_contains(err.text, words);
    assert_null(strchr(err.text, '\n'));
    assert_null(sensors_open(library, bus_id, NULL));
}

static void test_no_nvml(void **state)
{
    (void)state;
    assert_no_sensors("libnvidia-ml-not-here.so.1", FAKE_BUS_ID, "cannot be loaded");
    assert_no_sensors("libm.so.6", FAKE_BUS_ID, "nvmlInit_v2");
    assert_no_sensors(fake_path[0], "0000:ff:00.0", "PCI bus id 0000:ff:00.0: Not Found");
    fakes[0]->init_result = 9;
    assert_no_sensors(fake_path[0], FAKE_BUS_ID, "Driver Not Loaded");
}

static void sensors_until(struct sensors *sensors, long samples)
{
    while (sensors_read(sensors).samples < samples)
        usleep(2000);
}

/* The thread's samples in the figures: the series says what their means must be, whatever their
 * number is. It is late at times and never early. */
static void assert_ramps(const struct sensors_figures *figures)
{
    long n = figures->samples;
    assert_near(figures->utilization, ramp_mean(FAKE_UTILIZATION, n));
    assert_near(figures->power * 1000, ramp_mean(FAKE_POWER, n));
    assert_near(figures->sm_clock, ramp_mean(FAKE_SM_CLOCK, n));
    assert_near(figures->memory_clock, ramp_mean(FAKE_MEMORY_CLOCK, n));
    assert_near(figures->temperature, ramp_mean(FAKE_TEMPERATURE, n));
    const struct fake_series *energy = &fake->series[FAKE_ENERGY];
    size_t last = n < FAKE_LENGTH ? (size_t)n - 1 : FAKE_LENGTH - 1;
    assert_near(figures->energy * 1000, (double)(energy->value[last] - energy->value[0]));
    assert_true((double)n <= figures->seconds / PERIOD + 2);
}

static void test_thread(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct sensors *sensors = sensors_of(0);
    fake_ramps();
    assert_int_equal(sensors_start(sensors, &err), 0);
    assert_int_equal(sensors_start(sensors, &err), -1);
    assert_contains(err.text, "already");
    sensors_begin(sensors);
    sensors_until(sensors, 4);
    struct sensors_figures open = sensors_read(sensors);
    assert_ramps(&open);
    sensors_end(sensors);
    struct sensors_figures figures = sensors_read(sensors);
    assert_true(figures.samples > open.samples && figures.seconds > open.seconds);
    assert_ramps(&figures);
    usleep(SLEEP(3)); /* the span is closed: nothing comes to it */
    assert_int_equal(sensors_read(sensors).samples, figures.samples);
    sensors_close(sensors);
    assert_int_equal(fake->series[FAKE_POWER].calls, figures.samples);
}

static void test_thread_samples_again(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_POWER, 100000);
    assert_int_equal(sensors_start(sensors, NULL), 0);
    for (int i = 0; i < 2; i++) {
        usleep(SLEEP(3)); /* the thread waits now, and only begin can wake it */
        sensors_begin(sensors);
        sensors_until(sensors, 2);
        sensors_end(sensors);
        assert_near(sensors_read(sensors).power, 100);
    }
    sensors_begin(sensors); /* and is stopped in an open span */
    sensors_close(sensors);
}

static double cpu_seconds(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* A thread that spins uses as much of a CPU as there is time; load makes that less, never more. */
static void test_thread_sleeps_between(void **state)
{
    (void)state;
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_POWER, 100000);
    assert_int_equal(sensors_start(sensors, NULL), 0);
    double begin = cpu_seconds();
    sensors_begin(sensors);
    usleep(SLEEP(6));
    sensors_end(sensors);
    assert_true(cpu_seconds() - begin < sensors_read(sensors).seconds / 4);
    sensors_close(sensors);
}

static void test_close(void **state)
{
    (void)state;
    sensors_close(NULL);
    sensors_close(sensors_of(0));
    struct sensors *sensors = sensors_of(0);
    assert_int_equal(sensors_start(sensors, NULL), 0);
    usleep(SLEEP(3)); /* it waits now, and only close can wake it */
    sensors_close(sensors);
    assert_true(fake->series[FAKE_POWER].calls == 0);
}

/* A cmocka assertion is for the test's own thread: NULL when all that was read is right. */
static void *read_often(void *argument)
{
    static char wrong;
    void *result = NULL;
    struct sensors_figures figures;
    do {
        figures = sensors_read(argument);
        if (figures.samples > 0 && figures.power != 100)
            result = &wrong;
        usleep(500);
    } while (figures.samples < 3);
    return result;
}

/* For the thread sanitizer, too. */
static void test_readers(void **state)
{
    (void)state;
    pthread_t readers[3];
    struct sensors *sensors = sensors_of(0);
    FAKE_SET(FAKE_POWER, 100000);
    assert_int_equal(sensors_start(sensors, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_often, sensors), 0);
    for (int i = 0; i < 20; i++) {
        sensors_begin(sensors);
        sensors_end(sensors);
    }
    sensors_begin(sensors);
    for (int i = 0; i < 3; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        assert_null(wrong);
    }
    sensors_close(sensors);
}

static void assert_reasons(unsigned long long reasons, const char *expected)
{
    char text[SENSORS_REASONS_SIZE];
    sensors_reasons(reasons, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_reasons(void **state)
{
    (void)state;
    assert_reasons(0, "none");
    assert_reasons(0x4 | 0x8, "sw_power_cap,hw_slowdown");
    assert_reasons(0x1ff, "gpu_idle,applications_clocks,sw_power_cap,hw_slowdown,sync_boost,"
                          "sw_thermal,hw_thermal,hw_power_brake,display_clocks");
    assert_reasons(0x8000000000000200, "0x8000000000000200");
    assert_reasons(0x40 | 0x600, "hw_thermal,0x600");
    char text[SENSORS_REASONS_SIZE];
    sensors_reasons(~0ULL, text, sizeof text); /* the longest there is */
    assert_contains(text, ",0xfffffffffffffe00");
    for (size_t size = 1; size < 30; size++) {
        char cut[32], guard = 'x';
        memset(cut, guard, sizeof cut);
        sensors_reasons(0x4 | 0x8 | 0x200, cut, size);
        assert_int_equal(strlen(cut), size - 1);
        assert_memory_equal(cut, "sw_power_cap,hw_slowdown,0x200", size - 1);
        assert_true(cut[size] == guard);
    }
}

static int fake_load(void **state)
{
    (void)state;
    const char *names[2] = {"fake", "old"}, *build = getenv("SFT_BUILDDIR");
    for (int i = 0; i < 2; i++) {
        snprintf(fake_path[i], sizeof fake_path[i], "%s/tests/unit/train/.libs/libnvidia-ml-%s.so",
                 build ? build : ".", names[i]);
        void *library = dlopen(fake_path[i], RTLD_NOW | RTLD_LOCAL);
        fakes[i] = library ? dlsym(library, "fake_nvml") : NULL;
        if (fakes[i] == NULL) {
            print_error("%s\n", dlerror());
            return -1;
        }
    }
    return 0;
}
/* Of milliseconds the counter says no power, or a step's: 100 J in 10 ms would be 10 kW. */
static void test_a_short_span_has_no_averages(void **state)
{
    (void)state;
    struct sensors_figures short_one = {.utilization = 1,
                                        .power = 90,
                                        .energy = 100,
                                        .sm_clock = 1980,
                                        .temperature = 40,
                                        .memory_used = 7,
                                        .seconds = 0.01,
                                        .limited = 0.5,
                                        .samples = 2};
    struct sensors_figures long_one = short_one,
                           none = {.utilization = 1, .power = 90, .energy = 1, .seconds = NAN};
    sensors_drop_averages(&short_one);
    assert_true(isnan(short_one.utilization) && isnan(short_one.power) && isnan(short_one.energy));
    assert_near(short_one.sm_clock, 1980);
    assert_near(short_one.temperature, 40);
    assert_near(short_one.limited, 0.5);
    long_one.seconds = SENSORS_SPAN_S;
    sensors_drop_averages(&long_one);
    assert_near(long_one.utilization, 1);
    assert_near(long_one.power, 90);
    assert_near(long_one.energy, 100);
    sensors_drop_averages(&none);
    assert_true(isnan(none.energy));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, reset, balance)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_samples_by_hand),
        TEST(test_begin_forgets),
        TEST(test_before_begin),
        TEST(test_which_reasons_limit),
        TEST(test_not_supported),
        TEST(test_a_call_that_fails),
        TEST(test_old_driver),
        TEST(test_no_nvml),
        TEST(test_thread),
        TEST(test_thread_samples_again),
        TEST(test_thread_sleeps_between),
        TEST(test_close),
        TEST(test_readers),
        TEST(test_reasons),
        TEST(test_a_short_span_has_no_averages),
    };
    return cmocka_run_group_tests_name("sensors", tests, fake_load, NULL);
}
